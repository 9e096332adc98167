/* SPDX-License-Identifier: MIT */
/*
 * What every unit test includes.
 */
#ifndef PROCTRACE_TESTS_UNIT_H
#define PROCTRACE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN(tests)                                                             \
  (cmocka_set_message_output(CM_OUTPUT_TAP),                                   \
   cmocka_run_group_tests(tests, NULL, NULL))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
