/* SPDX-License-Identifier: MIT */
/*
 * Text of /proc to numbers.
 *
 * Pure functions over a buffer of `length` bytes, which needs no terminating
 * zero.  Each says what the kernel file looks like and returns true when the
 * text was whole enough to be believed.  Numbers beyond 64 bits become
 * UINT64_MAX.
 */
#ifndef PROCTRACE_PROCTEXT_H
#define PROCTRACE_PROCTEXT_H

#include "snapshot.h"

/* /proc/<pid>/stat, as fs/proc/array.c do_task_stat() prints it. */
struct stat_text {
  pid_t pid, ppid;
  char comm[COMM_SIZE];
  char state;
  uint32_t flags; /* PF_* of include/linux/sched.h */
  uint64_t minflt, reaped_minflt, majflt;
  uint64_t utime, stime; /* clock ticks */
  uint64_t threads;
  uint64_t start; /* clock ticks since boot */
  uint64_t vsize; /* bytes */
  uint64_t rss;   /* pages, approximate */
};
#define STAT_FLAG_KERNEL_THREAD 0x00200000u /* PF_KTHREAD */
#define STAT_FLAG_WORKER 0x00000020u        /* PF_WQ_WORKER */

bool parse_stat(const char *text, size_t length, struct stat_text *out);

/* /proc/<pid>/status or task/<tid>/status; a bit of `has` for each line. */
enum status_line {
  STATUS_STATE = 1 << 0,
  STATUS_USER = 1 << 1,
  STATUS_VM_PEAK = 1 << 2,
  STATUS_RSS_PEAK = 1 << 3,
  STATUS_RSS = 1 << 4,
  STATUS_SWAP = 1 << 5,
  STATUS_VOLUNTARY = 1 << 6,
  STATUS_INVOLUNTARY = 1 << 7,
  STATUS_SWITCHES = STATUS_VOLUNTARY | STATUS_INVOLUNTARY,
  STATUS_VM = 1 << 8,
};
struct status_text {
  unsigned has;
  char state;
  uid_t user;                                /* effective */
  uint64_t vm, vm_peak, rss, rss_peak, swap; /* bytes */
  uint64_t voluntary, involuntary;           /* of this one thread */
};

/* False where not even the state is there. */
bool parse_status(const char *text, size_t length, struct status_text *out);

/* /proc/<pid>/io */
struct io_text {
  uint64_t rchar, wchar, syscr, syscw, read_bytes, write_bytes;
};
bool parse_io(const char *text, size_t length, struct io_text *out);

/* /proc/<pid>/schedstat: ns on the CPU, ns in the run queue, of one thread. */
bool parse_schedstat(const char *text, size_t length, uint64_t *runtime,
                     uint64_t *wait);

/* /proc/<pid>/limits: the soft limit of open files; 0 for unlimited. */
bool parse_limits(const char *text, size_t length, uint64_t *open_files);

/* /proc/<pid>/smaps_rollup: bytes; uss is private clean and dirty. */
bool parse_smaps_rollup(const char *text, size_t length, uint64_t *pss,
                        uint64_t *uss);

/* /proc/loadavg */
bool parse_loadavg(const char *text, size_t length, double load[3]);

/* /proc/meminfo: bytes; a value whose line is missing is left as it was, and
 * not all is well. */
bool parse_meminfo(const char *text, size_t length, double *total,
                   double *available, double *swap_used);

/* /proc/stat: online CPUs and the second since the epoch of the boot. */
bool parse_cpus_and_boot(const char *text, size_t length, double *cpus,
                         double *boot_time);

/* /proc/pressure/<resource>; that of cpu has no "full" before Linux 5.13. */
bool parse_pressure(const char *text, size_t length, struct pressure *some,
                    struct pressure *full);

/* A decimal number that fills the whole text (white space around it allowed),
 * as in a file with a PID. */
bool parse_number(const char *text, size_t length, uint64_t *out);

/* Which gauge field counts threads in the state of this letter. */
enum field state_field(char letter);

#endif
