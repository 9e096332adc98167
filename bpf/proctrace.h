/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What the BPF programs and the plugin say to each other.
 *
 * TASKS.  The task iterator writes one record for each thread of the reader's
 * PID namespace, in the order of their ids; threads of different processes
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
#define PROCTRACE_ABI 4

/* So many system calls can have a latency of their own. */
#define LATENCY_NAMES 4

/*
 * What user space tells every program before it is loaded: the section
 * .rodata.config.  Branches that it rules out are removed by the kernel.
 */
struct bpf_config {
  __u32 cpus;                 /* that the machine can have */
  __u32 shards;               /* a power of two; 0 without probes */
  __u32 tick_ns;              /* of the clock that /proc shows starts in */
  __s32 mmap, connect;        /* system call numbers */
  __s32 named[LATENCY_NAMES]; /* numbers of these */
  __u32 named_count;
  __u8 has_rdonly_cast; /* see compat.bpf.h */
  __u8 threads;         /* iterator: struct thread_numbers of each thread */
  __u8 thread_state;    /* some probe remembers things of threads */
  __u8 shared_shards;   /* there are more CPUs than shards */
  __u8 syscalls, latency, mmaps, connects; /* wanted of the syscall programs */
  __u8 host_syscalls, host_waits;          /* of the whole host as well */
  __u8 exits;                              /* processes that end are recorded */
};

/* So many per-CPU parts of a memory counter are added up; where there are more
 * CPUs, a walk over all of them for each process would take too long. */
#define EXACT_RSS_CPUS 64

/* Who reads, as the programs note it: its namespaces are those of the ids and
 * the times. */
struct reader {
  __u64 ns;     /* its PID namespace, by address */
  __u64 offset; /* ns since boot are so many more in its time namespace */
  __u32 level;
  __u32 is_known;
};

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
  __u32 parent;       /* 0: none, or one outside of the PID namespace */
  __u32 kernel_pid;   /* in the first PID namespace: the probes' key */
  __s64 start_offset; /* ns that `start` is later than the probes' times */
  __u32 flags;        /* PF_* */
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

/*
 * EXITS.  A process that ended and was waited for leaves a record in a ring.
 */
#define EXITS 8192

struct exit_record {
  struct task_record head;
  struct process_record process; /* what it used, and its comm and parent */
  __u32 user;                    /* effective, in the first user namespace */
  __u32 unused;
  __u64 number; /* how many there were, with this one; it is at (number - 1) %
                   EXITS; 0 while it is written */
};

/*
 * PROBES.  User space writes whom to watch, BPF writes what it saw.
 *
 * A watched process has a slot: in the array of each probe one element for
 * each shard, at slot * shards + shard.  A shard belongs to one CPU, or to a
 * few if there are many: then it is added to atomically.  Nothing is ever set
 * to zero, a slot outlives its process: what counts is by how much it grew.
 */

/* The host's own slot; the first process has 1. */
#define SLOT_HOST 0
/* What is not in any. */
#define SLOT_NONE (~0u)

/* The map `watch`, by kernel_pid. */
struct watched {
  /* The process began in the clock tick that starts here, ns since boot of the
   * first time namespace.  An entry that does not fit its process is void. */
  __u64 start;
  __u32 slot;
  __u32 heirs; /* the slot of its children to come, or SLOT_NONE */
};
/* The variable `epoch`, a __u32, changes after `watch` did: what a thread
 * remembers of it is of another epoch then. */

/*
 * A log-linear histogram of times: eight buckets for each power of two, so
 * that the middle of a bucket is within 6.25 % of all that is in it.  Below
 * 64 ns each is 8 ns wide.  The last holds what took 128 s or more.
 */
#define BUCKETS 256
#define BUCKET_UNIT_SHIFT 3 /* the first are so wide: 8 ns */

/*
 * Calls by number.  Which cell a number has is decided when it is first seen
 * (the map `cells`), the same for all processes.
 */
#define SYSCALL_NUMBERS 512
#define SYSCALL_CELLS 128
#define CELL_OTHER 0  /* numbers out of range, or no cell was left */
#define CELL_COMPAT 1 /* calls of a 32-bit program on a 64-bit kernel */
#define CELL_FIRST 2

struct syscall_cell {
  __u64 calls; /* begun */
  __u64 ns;    /* of those that returned; 0 without latency */
};

struct syscall_cells {
  __u32 used; /* 0 to SYSCALL_CELLS - CELL_FIRST, or a little more */
  __u16 number[SYSCALL_CELLS]; /* a number may have two: add them up */
  __u8 cell[SYSCALL_NUMBERS];  /* 0: none yet */
};

/* The end is left out of the map where the probe does not want it. */
struct syscall_stats {
  __u64 mmaps, mmap_bytes;
  struct syscall_cell cells[SYSCALL_CELLS];
  __u32 buckets[BUCKETS];
};

/* Of each of the calls that were asked for by name: a map of its own, at
 * (slot * shards + shard) * named_count + name. */
struct named_stats {
  __u32 buckets[BUCKETS];
};

struct sched_stats {
  __u64 waits, wait_ns; /* in the run queue, each followed by a run */
  __u64 wakeups;
  __u32 buckets[BUCKETS];
};

/* One shard only, as of tcpconnect_stats: these happen rarely. */
enum { BLOCK_READ, BLOCK_WRITE, BLOCK_OPERATIONS };
struct block_operation {
  __u64 requests, bytes, ns;
  __u32 buckets[BUCKETS];
};
struct block_stats {
  struct block_operation of[BLOCK_OPERATIONS];
  __u64 by_kernel; /* requests of kernel threads, told of the host */
};

#define ERRNO_ABORTED 0 /* closed before it was known */
#define ERRNOS 136
struct tcpconnect_stats {
  __u64 established;
  __u64 timed; /* of these; a deferred fast open has no time */
  __u64 ns;
  __u32 failed[ERRNOS];
  __u32 buckets[BUCKETS];
};

/* The array `losses`: __u64 by this. */
enum probe_loss {
  PROBE_LOSS_STORAGE,  /* threads that could not be given storage */
  PROBE_LOSS_WATCH,    /* children that found no room in `watch` */
  PROBE_LOSS_REQUESTS, /* block requests that found no room */
  PROBE_LOSS_CONNECTS, /* TCP connects that found no room */
  PROBE_LOSS_CELLS,    /* system calls without a cell of their own number */
  PROBE_LOSS_CLOCK,    /* times below zero */
  PROBE_LOSS_ZOMBIES,  /* ended processes that were forgotten before they were
                          waited for */
  PROBE_LOSSES
};

#endif
