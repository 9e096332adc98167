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

/*
 * The parts of scan, for a source that sees the processes by itself and asks
 * procfs for what it does not: begin an interval, then read all processes or
 * single ones.  False: it lives, but could not be read this time.
 */
void procfs_begin(struct source *source, struct snapshot *snapshot);
int procfs_scan_all(struct source *source, struct snapshot *snapshot);
bool procfs_scan_process(struct source *source, struct snapshot *snapshot,
                         pid_t pid);

/* Record a thread that was seen in uninterruptible sleep, if it is still. */
void procfs_look_at_sleeper(struct source *source, struct snapshot *snapshot,
                            pid_t pid, pid_t tid);

#endif
