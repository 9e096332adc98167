/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What the BPF programs and the plugin say to each other.
 *
 * The task iterator writes one record for each thread of the reader's PID
 * namespace, in the order of their ids; threads of different processes
 * interleave.  A record is a struct task_record, then a struct process_record
 * if `has` says HAS_PROCESS: the leader's; then a struct thread_numbers if it
 * says HAS_THREAD.  What has no bit, because the running kernel does not keep
 * it or the task does not have it, means nothing.
 */
#ifndef PROCTRACE_BPF_PROCTRACE_H
#define PROCTRACE_BPF_PROCTRACE_H

#ifndef __bpf__ /* there vmlinux.h has these types */
#include <linux/types.h>
#endif

/* Changes with every change of anything here or in plugin/bpf_module.h. */
#define PROCTRACE_ABI 1

/* So many per-CPU parts of a memory counter are added up; where there are more
 * CPUs, a walk over all of them for each process would take too long. */
#define EXACT_RSS_CPUS 64

/* The kernel's task states, in the order of "RSDTtXZPI". */
#define TASK_STATES 9

enum record_has {
  HAS_THREAD = 1 << 0,    /* struct thread_numbers */
  HAS_PROCESS = 1 << 1,   /* struct process_record, and in that: */
  HAS_SUMS = 1 << 2,      /* sums over threads, none counted twice or not */
  HAS_IO = 1 << 3,        /* rchar to write_bytes */
  HAS_WAIT = 1 << 4,      /* wait */
  HAS_MEMORY = 1 << 5,    /* vm to swap; a process with an address space */
  HAS_EXACT_RSS = 1 << 6, /* rss and swap hold the per-CPU parts */
  HAS_FILES = 1 << 7,     /* files */
};

struct task_record {
  __u32 has;
  __u32 tid, pid; /* in the reader's PID namespace */
  __u32 state;    /* 0 to TASK_STATES - 1 */
  __u64 start;    /* ns since boot, in the reader's time namespace */
  __u64 wait;     /* ns in the run queue, of this thread */
};

/* What kernel/sched/cputime.c cputime_adjust() wants; ns. */
struct raw_cputime {
  __u64 utime, stime;             /* sampled at ticks */
  __u64 runtime;                  /* exact */
  __u64 shown_utime, shown_stime; /* by the kernel, when last asked */
};

struct thread_numbers {
  struct raw_cputime cpu;
  __u64 minflt, majflt, voluntary, involuntary;
  char comm[16];
};

struct process_record {
  char comm[16];
  __u32 parent; /* 0: none, or one outside of the PID namespace */
  __u32 flags;  /* PF_* */
  __u32 threads;
  __u32 states[TASK_STATES]; /* how many of them are in each */
  __u64 files_limit;         /* the soft one */
  __u64 files;
  struct raw_cputime cpu;
  __u64 minflt, majflt, voluntary, involuntary;
  __u64 reaped_minflt;
  __u64 rchar, wchar, syscr, syscw, read_bytes, write_bytes;
  __u64 vm, vm_peak; /* pages, as the rest */
  __s64 rss, rss_peak, swap;
};

#endif
