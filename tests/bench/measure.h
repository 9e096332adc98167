/* SPDX-License-Identifier: MIT
 *
 * What the programs of the bench share: a clock and a median.
 */
#ifndef PROCTRACE_TESTS_BENCH_MEASURE_H
#define PROCTRACE_TESTS_BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

enum { SAMPLES_LIMIT = 100 };

/* µs of CPU time of this process. */
static inline double own_cpu_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline double median(double *samples, int count) {
  qsort(samples, (size_t)count, sizeof(samples[0]), ascending);
  return samples[count / 2];
}

/* How many samples the command line asks for; ends the program if it is not
 * usable. */
static inline int samples_of(int argc, int wanted, char **argv) {
  int samples = argc == wanted ? atoi(argv[argc - 1]) : 0;
  if (samples < 1 || samples > SAMPLES_LIMIT)
    exit(2);
  return samples;
}

#endif
