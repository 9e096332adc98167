/* SPDX-License-Identifier: MIT */
/*
 * What the procfs source remembers of processes.
 *
 * One entry for each process that detail() was asked for in this interval or
 * the last: the descriptors that are kept open for it, and the last numbers of
 * its threads.
 */
#ifndef PROCTRACE_KNOWN_H
#define PROCTRACE_KNOWN_H

#include "snapshot.h"

/* Descriptors that may be kept of a process. */
enum kept { KEPT_STAT, KEPT_STATUS, KEPT_IO, KEPT_SCHEDSTAT, KEPT_FD, KEPTS };
extern const char *const kept_names[KEPTS]; /* of the files */

/* The counters that the kernel keeps for each thread only. */
enum { SUM_VOLUNTARY, SUM_INVOLUNTARY, SUM_RUNTIME, SUM_WAIT, SUMS };

struct thread_base {
  pid_t tid;
  unsigned known; /* a bit for each of SUMS that was read of it once */
  uint64_t last[SUMS];
};

struct known {
  pid_t pid;
  unsigned interval; /* the last one in which it was asked for */
  uint64_t start;
  int fds[KEPTS]; /* or -1 */
  uint64_t sums[SUMS];
  struct thread_base *threads; /* of the last look, sorted by tid */
  size_t thread_count;
  uint64_t fd_limit;
  unsigned fd_limit_age; /* 0: never read */
};

struct known_table {
  int root_fd;
  unsigned descriptors, max_descriptors;
  unsigned interval;   /* counts them */
  bool incomplete;     /* the scan of the last one has missed processes */
  size_t hint;         /* where the next process is likely to stand */
  struct known **list; /* sorted by pid */
  size_t count, capacity;
};

/* A new interval: those that nobody asked for in the last two are forgotten (in
 * one of them the read may have failed as a whole), or, where the last one was
 * incomplete, in the last ten. */
void known_interval(struct known_table *table);

/* NULL: not known. */
struct known *known_find(struct known_table *table, pid_t pid);

/* Make it known, anew if the pid is another process's now.  NULL: no memory. */
struct known *known_get(struct known_table *table, const struct task *task);

/*
 * The descriptor of a file that is read every interval, or -1: open it as you
 * need it.  It reads ESRCH once its process is gone, so it can't show another
 * one with the same pid.
 */
int known_descriptor(struct known_table *table, struct known *known,
                     enum kept which);

/*
 * The daemon runs out of descriptors: others need them more than we do.  Give
 * all back and keep half as many from now on.  Never while the helper thread
 * reads: the number of a closed descriptor soon means another file.
 */
void known_give_back(struct known_table *table);

void known_free(struct known_table *table);

#endif
