/* SPDX-License-Identifier: MIT */
/*
 * What the rooms of the procfs source share; nobody else includes this.
 *
 * procfs.c scans and hands out the work, threads.c sums up what the kernel
 * keeps for each thread alone, facts.c reads the texts that rules match on.
 */
#ifndef PROCTRACE_PROCFS_ROOMS_H
#define PROCTRACE_PROCFS_ROOMS_H

#include "known.h"
#include "procfile.h"
#include "proctext.h"
#include "slowread.h"
#include "source.h"

struct procfs {
  struct source source;
  int root_fd;
  bool fd_sizes;      /* the size of <pid>/fd is the number of open files */
  bool has_schedstat; /* the kernel has <pid>/schedstat */
  long ticks;         /* a second */
  long page_size;
  unsigned interval_ms;
  int64_t deadline_ns; /* CLOCK_MONOTONIC: three quarters of the interval */
  bool short_of_descriptors; /* someone in this daemon ran out of them */
  struct known_table known;
  /* What waits for exec_update_lock alone, and every scan needs, has helpers of
   * its own: other locks must not use them up. */
  struct patience patience;
  struct slowread *slow, *scanner;
  struct slow_batch batch, scan_batch;
  struct text text;
  struct proc_numbers pids, tids;
  struct thread_base *scratch;
  size_t scratch_capacity;
};

/* A process while detail() reads it. */
struct reading {
  struct procfs *procfs;
  struct snapshot *snapshot;
  size_t index; /* of the task */
  struct known *known;
  unsigned wanted; /* enum field_group */
  /* The thread whose directory shows the process's memory and files: 0, the
   * process's own, or a living one where the leader is gone. */
  pid_t living;
};

static inline struct task *task_of(const struct reading *r) {
  return &r->snapshot->tasks[r->index];
}

/* procfs.c: have this read by the scanner, in scan_batch; false: no memory,
 * which is counted. */
bool add_scan_read(struct procfs *procfs, struct snapshot *snapshot,
                   struct slow_read read);

/* procfs.c: what a stat says, into a record. */
void task_from_stat(const struct procfs *procfs,
                    const struct snapshot *snapshot,
                    const struct stat_text *stat, struct task *task);

/* procfs.c: any thread but the leader, if that one has called pthread_exit()
 * and others go on; else 0. */
pid_t find_living(struct procfs *procfs, const struct task *task);

/* procfs.c: has this interval's time for reading run out? */
bool is_late(const struct procfs *procfs);

/*
 * procfs.c: what an error while reading means.  EACCES and EPERM are the want
 * of a right; a process that is gone (ENOENT, ESRCH) is no loss at all.
 */
void count_loss(struct procfs *procfs, struct snapshot *snapshot, int error,
                enum loss denied);

/* threads.c: the field groups that it reads, and memory, which stands in the
 * same file. */
#define THREAD_GROUPS                                                          \
  (GROUP_STATE | GROUP_CONTEXTSWITCH | GROUP_SCHED | GROUP_WCHAN |             \
   GROUP_THREADS | GROUP_BLOCKED)
void read_threads(const struct reading *r);

/* threads.c: what the scanner has read of them since. */
void take_thread_reads(struct procfs *procfs, struct snapshot *snapshot);

/* facts.c: source.h's identify. */
void procfs_identify(struct source *source, struct snapshot *snapshot,
                     const size_t *tasks, size_t n, unsigned wanted,
                     struct facts *facts);

#endif
