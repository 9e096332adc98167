/* SPDX-License-Identifier: MIT */
/*
 * The source that needs no privilege: /proc.
 *
 * scan() reads one stat a process.  detail() reads, for those that are
 * watched, only the files that the wanted field groups need, from descriptors
 * that it keeps open within a budget.  Sums over threads are the source's own
 * accumulators, because the kernel forgets the switches and the run-queue time
 * of a thread that ended; what such a thread did since the last look is lost.
 */
#ifndef PROCTRACE_PROCFS_H
#define PROCTRACE_PROCFS_H

#include "source.h"

struct procfs_options {
  const char *root;         /* "/proc", or another place that shows one */
  unsigned max_descriptors; /* kept open at most */
  unsigned interval_ms;     /* for the deadlines of slowread.h */
};

/* NULL after a line in the log. */
struct source *procfs_new(const struct procfs_options *options);

#endif
