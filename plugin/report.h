/* SPDX-License-Identifier: MIT */
/*
 * Records to value lists.
 *
 * The only room that knows how a value is told to collectd: which identifier
 * it has, and that all values of a read share one time.  What is not valid is
 * not sent.
 */
#ifndef PROCTRACE_REPORT_H
#define PROCTRACE_REPORT_H

#include "probes.h"

struct report {
  /* What to tell. */
  unsigned collect; /* field groups */
  bool per_group, other;
  double pss_interval; /* seconds, for PSS value lists */
  unsigned probes;     /* PROBE_BIT() of those that are wanted */

  /* What was lost since the start, this read's losses and all; told as self. */
  uint64_t losses[LOSS_COUNT];
  uint64_t not_dispatched;
};

/*
 * Send everything; probes is NULL where none runs.  `began` is when this read
 * began, on CLOCK_MONOTONIC in ns, for duration-read.
 */
void report_send(struct report *report, const struct snapshot *snapshot,
                 const struct selection *selection, const struct probes *probes,
                 const char *source_name, int64_t began);

#endif
