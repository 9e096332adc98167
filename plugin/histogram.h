/* SPDX-License-Identifier: MIT */
/*
 * Histograms of times: buckets to percentiles.
 *
 * The buckets are those of bpf/proctrace.h, eight to each power of two.  A
 * percentile is by nearest rank: the least time that so many percent of all
 * did not exceed.  What is told is the middle of its bucket: within 6.25 % of
 * the exact one, and within 4 ns of one below 64 ns.  The last bucket has no
 * end: what took 137 s and more is told as if it had taken less.
 */
#ifndef PROCTRACE_HISTOGRAM_H
#define PROCTRACE_HISTOGRAM_H

#include "../bpf/proctrace.h"

#include <stdint.h>

/* Percentiles are numbers like 99.9, kept in thousandths of a percent. */
#define PERCENT 1000

/* The bucket of a time in ns; the BPF programs say the same. */
unsigned histogram_index(uint64_t ns);

/* The least time in a bucket, and the least of the next one, in ns. */
uint64_t histogram_lower(unsigned bucket);
uint64_t histogram_upper(unsigned bucket);

uint64_t histogram_count(const uint64_t buckets[BUCKETS]);

/* In seconds; 0 of an empty histogram. */
double histogram_percentile(const uint64_t buckets[BUCKETS], unsigned percent);

/* The upper bound of all, in seconds: that of the highest bucket in use. */
double histogram_max(const uint64_t buckets[BUCKETS]);

/*
 * Bounds to tell the buckets themselves by: one for each power of two, from
 * 1.024 µs to 68.7 s.  Each is the end of a bucket, so that their counts are
 * exact.
 */
#define HISTOGRAM_BOUNDS 27
uint64_t histogram_bound(unsigned bound); /* ns */

/* Which of the bounds is the first that a bucket is below; HISTOGRAM_BOUNDS:
 * none. */
unsigned histogram_bound_of(unsigned bucket);

#endif
