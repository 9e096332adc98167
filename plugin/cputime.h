/* SPDX-License-Identifier: MIT */
/*
 * User and system time as the kernel shows them.
 *
 * The kernel samples utime and stime at clock ticks and knows the time on a
 * CPU exactly.  What /proc shows is the exact time, divided as the samples
 * are, and neither part ever falls.
 */
#ifndef PROCTRACE_CPUTIME_H
#define PROCTRACE_CPUTIME_H

#include <stdint.h>

/* In one unit, be it ns. */
struct cputime {
  uint64_t utime, stime;
};

/* What was shown last: the later of the two. */
struct cputime cputime_later(struct cputime a, struct cputime b);

/*
 * kernel/sched/cputime.c cputime_adjust(), in its order: the samples, the
 * exact time, and what was shown last.
 */
struct cputime cputime_adjust(struct cputime sampled, uint64_t runtime,
                              struct cputime shown);

#endif
