/* SPDX-License-Identifier: MIT */
/*
 * A text that ends where memory ends: reading one byte more is SIGSEGV.
 */
#ifndef PROCTRACE_TESTS_EDGE_H
#define PROCTRACE_TESTS_EDGE_H

#include <stddef.h>

/* The copy is good until the next call; a text has 2 MiB at most. */
const char *at_the_edge(const char *text, size_t length);

#endif
