/* SPDX-License-Identifier: MIT */
/*
 * The probes' books: one for each process, group and the host.
 *
 * A book holds counters that never fall, whatever slot they came from, and
 * what the last interval was like: percentiles, and the system calls that took
 * most time.
 */
#ifndef PROCTRACE_BOOKS_H
#define PROCTRACE_BOOKS_H

#include "cells.h"
#include "growth.h"
#include "histogram.h"

#define PERCENTILES_MOST 8
#define SYSCALL_NAMES_MOST 64

/*
 * The kernel's own times of waits in the run queue are right from here on: its
 * clock may stand still between a wakeup and the switch.  A shorter one is told
 * as this bound.
 */
#define RUNQUEUE_LEAST_NS 100000

/* What the books tell. */
struct book_style {
  unsigned percentiles[PERCENTILES_MOST]; /* in PERCENT */
  unsigned percentile_count;
  unsigned names; /* of system calls in an interval */
  bool by_time;   /* those that took most; else those that were called most */
  bool histogram; /* keep the buckets too */
};

/* One interval of a latency, in seconds; of 0 events nothing else is known. */
struct latency_summary {
  uint64_t count;
  double percentiles[PERCENTILES_MOST], max;
};

/* Events by the first bound that they are below; the last: by none. */
struct latency_bounds {
  uint64_t count[HISTOGRAM_BOUNDS + 1];
};

struct probe_book {
  uint64_t counter[PROBE_COUNTERS];
  struct calls cells[SYSCALL_CELLS];
  uint64_t failed[ERRNOS];
  struct latency_summary latency[LATENCIES];
  struct latency_bounds *bounds;   /* LATENCIES of them; NULL: not kept */
  uint8_t told_for[SYSCALL_CELLS]; /* intervals that a name stays told */
  struct growth *open;             /* this interval's, while it is added up */
};

/* NULL: no memory. */
struct probe_book *book_new(const struct book_style *style);
void book_free(struct probe_book *book);

/* An interval begins: nothing has happened. */
void book_begin(struct probe_book *book);

/* The histogram of this enum latency begins anew: it is of something else. */
void book_forget_bounds(struct probe_book *book, unsigned latency);

/* All that has happened in this interval; once in each. */
void book_enter(struct probe_book *book, const struct growth *growth,
                const struct book_style *style, const struct cells *cells);

/* For books of several slots: add up, then enter the sum.  False: no memory. */
bool book_collect(struct probe_book *book, const struct growth *growth);
void book_enter_collected(struct probe_book *book,
                          const struct book_style *style,
                          const struct cells *cells);

#endif
