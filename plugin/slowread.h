/* SPDX-License-Identifier: MIT */
/*
 * Files that make their reader wait for a lock of the target.
 *
 * cmdline and smaps_rollup wait for its mmap_lock; io and smaps_rollup, and
 * where the kernel checks the reader's rights under it stat, wchan and exe too,
 * for its exec_update_lock; cgroup for the lock of all cgroups.  One helper
 * thread reads them in batches, while the caller reads what can't wait.  A
 * target on which the helper sleeps for an eighth of the interval is given up:
 * it costs its own values, the thread that hangs on it is left behind until the
 * kernel lets it go, and a new one reads the rest.  All waiting of one interval
 * together is at most half of it; then the read under way is the last, and is
 * waited for like any other.
 */
#ifndef PROCTRACE_SLOWREAD_H
#define PROCTRACE_SLOWREAD_H

#include "proctext.h"

enum slow_kind {
  SLOW_STAT,
  SLOW_WCHAN,
  SLOW_EXE,
  SLOW_IO,
  SLOW_PSS,
  SLOW_CMDLINE,
  SLOW_CGROUP,
};

/* The longest command line that rules see. */
#define CMDLINE_MAX 4095

struct slow_read {
  enum slow_kind kind;
  pid_t pid, tid; /* tid: read it in that thread's directory; 0: pid's own */
  int fd; /* kept open by the caller, or -1; of stat: until its process ends */
  size_t user; /* the caller's */
  /* 0, or what went wrong: an errno; ETIMEDOUT: given up, somebody hangs;
   * ETIME: given up, they are too many; EBADMSG: the text was not understood;
   * of wchan EACCES: no right to know, ENOENT: it does not sleep any more. */
  int error;
  union {
    struct stat_text stat;
    struct io_text io;
    struct {
      uint64_t pss, uss;
    } memory;
    char *text; /* malloc()ed: cmdline with blanks for its zeros, what cgroup
                   or wchan says, or where exe leads to */
  };
};

struct slow_batch {
  struct slow_read *reads;
  size_t count, capacity;
};

/* What is left of an interval to wait; several may share one. */
struct patience {
  int64_t target_ns; /* for one target */
  int64_t left_ns;   /* for all */
};
void patience_begin(struct patience *patience, unsigned interval_ms);

struct slowread;

/*
 * The root's descriptor and the patience must outlive it.  `bounded`: all the
 * time that its helper takes counts, and not only that in which it sleeps.
 * NULL: no memory or no thread.
 */
struct slowread *slowread_new(int root_fd, struct patience *patience,
                              bool bounded);

/* A new interval begins. */
void slowread_interval(struct slowread *slow);

/* False: no memory. */
bool slow_batch_add(struct slow_batch *batch, struct slow_read read);

/*
 * Begin to read a batch; the caller leaves it alone until slowread_finish()
 * has returned, which waits within the limits said above.  One at a time.
 */
void slowread_start(struct slowread *slow, struct slow_batch *batch);
void slowread_finish(struct slowread *slow, struct slow_batch *batch);

/* Threads left behind that still hang. */
unsigned slowread_hanging(struct slowread *slow);

void slowread_free(struct slowread *slow);

#endif
