/* SPDX-License-Identifier: MIT */
/*
 * The clock of deadlines and durations: nobody sets it.
 */
#ifndef PROCTRACE_MONOTONIC_H
#define PROCTRACE_MONOTONIC_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, in ns. */
static inline int64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

#endif
