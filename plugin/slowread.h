/* SPDX-License-Identifier: MIT */
/*
 * Files that make their reader wait for a lock of the target.
 *
 * cmdline and smaps_rollup wait for its mmap_lock, io for its
 * exec_update_lock, cgroup for the lock of all cgroups.  One helper thread
 * reads them in batches, while the caller reads what can't wait.  A target on
 * which the helper makes no progress for an eighth of the interval is given
 * up: it costs its own values, the thread that hangs on it is left behind
 * until the kernel lets it go, and a new one reads the rest.  All waiting of
 * one interval together is at most half of it.
 */
#ifndef PROCTRACE_SLOWREAD_H
#define PROCTRACE_SLOWREAD_H

#include "proctext.h"

enum slow_kind { SLOW_IO, SLOW_PSS, SLOW_CMDLINE, SLOW_CGROUP };

/* The longest command line that rules see. */
#define CMDLINE_MAX 4095

struct slow_read {
  enum slow_kind kind;
  pid_t pid, tid; /* tid: read it in that thread's directory; 0: pid's own */
  int fd;         /* kept open by the caller, or -1 */
  size_t user;    /* the caller's */
  /* 0, or what went wrong: an errno; ETIMEDOUT: given up; EBADMSG: the text
   * was not understood. */
  int error;
  union {
    struct io_text io;
    struct {
      uint64_t pss, uss;
    } memory;
    char *text; /* malloc()ed: cmdline with blanks for its zeros, or cgroup */
  };
};

struct slow_batch {
  struct slow_read *reads;
  size_t count, capacity;
};

struct slowread;

/* The root's descriptor must outlive it.  NULL: no memory or no thread. */
struct slowread *slowread_new(int root_fd);

/* A new interval begins, this many ms long. */
void slowread_interval(struct slowread *slow, unsigned interval_ms);

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
