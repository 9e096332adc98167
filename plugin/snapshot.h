/* SPDX-License-Identifier: MIT */
/*
 * The data model: what one interval knows.  Read this file first.
 *
 * A source (source.h) fills a snapshot with one record for each process and,
 * on request, for each thread; select.h picks from it; ledger.h adds it up;
 * report.h says it.  Nobody behind the source can tell where a value came
 * from: a field is either valid or it is not there.
 */
#ifndef PROCTRACE_SNAPSHOT_H
#define PROCTRACE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel's TASK_COMM_LEN, with the terminating zero. */
#define COMM_SIZE 16
/* The kernel's KSYM_NAME_LEN is 512; no wait channel comes near this. */
#define SYMBOL_SIZE 64

/*
 * Every number that a process can have.  "Sum" means over all its threads.
 * The file in brackets is the procfs source of the value.
 */
enum field {
  /* Counters: they start at 0 with the process and never fall. */
  FIELD_UTIME,       /* µs in user mode, the dead threads' too [stat] */
  FIELD_STIME,       /* µs in the kernel, likewise [stat] */
  FIELD_MINFLT,      /* page faults without I/O, likewise [stat] */
  FIELD_MAJFLT,      /* page faults with I/O, likewise [stat] */
  FIELD_VOLUNTARY,   /* voluntary context switches, sum [task/T/status] */
  FIELD_INVOLUNTARY, /* involuntary ones, sum [task/T/status] */
  FIELD_RUNTIME,     /* ns on a CPU, sum [task/T/schedstat] */
  FIELD_WAIT,        /* ns runnable but waiting for one [task/T/schedstat] */
  FIELD_RCHAR,       /* bytes asked for by reads; from here to WRITE_BYTES: */
  FIELD_WCHAR,       /* bytes given to writes, the dead threads' and reaped */
  FIELD_SYSCR,       /* read calls                        children's too [io] */
  FIELD_SYSCW,       /* write calls */
  FIELD_READ_BYTES,  /* bytes that came from a block device */
  FIELD_WRITE_BYTES, /* bytes meant for one */
  /* Gauges. */
  FIELD_PROCESSES,   /* 1 */
  FIELD_THREADS,     /* threads, those that are zombies too [stat] */
  FIELD_RUNNING,     /* threads in state R; to IDLE: [stat, task/T/status] */
  FIELD_SLEEPING,    /* S */
  FIELD_BLOCKED,     /* D */
  FIELD_STOPPED,     /* T, t */
  FIELD_ZOMBIES,     /* Z, X */
  FIELD_IDLE,        /* I, P: kernel threads that wait without load */
  FIELD_AGE,         /* seconds since it started [stat] */
  FIELD_VM,          /* bytes of address space [stat] */
  FIELD_VM_PEAK,     /* its high-water mark [status] */
  FIELD_RSS,         /* bytes resident [status] */
  FIELD_RSS_PEAK,    /* its high-water mark [status] */
  FIELD_SWAP,        /* bytes of anonymous memory swapped out [status] */
  FIELD_PSS,         /* bytes resident, shared pages divided [smaps_rollup] */
  FIELD_USS,         /* bytes that are its own alone [smaps_rollup] */
  FIELD_FDS,         /* open files [size of the directory fd] */
  FIELD_FD_USED_PPM, /* FDS of its soft limit, in parts per million [limits] */
  FIELD_COUNT
};
#define COUNTER_COUNT FIELD_PROCESSES
/* The counters that every process on the machine has without more reading. */
#define STAT_COUNTER_COUNT FIELD_VOLUNTARY

static inline bool field_is_counter(enum field field) {
  return field < COUNTER_COUNT;
}

/* Bit sets of fields. */
typedef uint64_t field_set;
#define FIELD_BIT(field) (UINT64_C(1) << (field))
_Static_assert(FIELD_COUNT <= 64, "a field_set holds a bit for each field");

/*
 * What a reader may ask of a process, in groups that cost the same file.
 * They are also what the option Collect names.
 */
enum field_group {
  GROUP_STATE = 1 << 0,
  GROUP_MEMORY = 1 << 1,
  GROUP_CPU = 1 << 2,
  GROUP_CONTEXTSWITCH = 1 << 3,
  GROUP_IO = 1 << 4,
  GROUP_FILES = 1 << 5,
  GROUP_SCHED = 1 << 6,
  GROUP_WCHAN = 1 << 7,
  GROUP_PSS = 1 << 8,
  GROUP_THREADS = 1 << 9,  /* a record for each thread */
  GROUP_BASIC = 1 << 10,   /* that it is there: always told */
  GROUP_BLOCKED = 1 << 11, /* a record for each thread in state D */
};

/* A wait channel: the kernel function in which threads sleep. */
struct wchan {
  char symbol[SYMBOL_SIZE];
  unsigned threads;
};

/* A thread in uninterruptible sleep. */
struct sleeper {
  pid_t pid, tid;
  uint64_t switches; /* that it made until then: while they stand, it is one and
                        the same sleep */
  char comm[COMM_SIZE];    /* the thread's: hostile text */
  char wchan[SYMBOL_SIZE]; /* where it sleeps; "": not to be had */
};
/* So many are recorded in an interval: a server that hangs blocks all. */
#define SLEEPERS_MOST 256

/* One process, or one thread of it. */
struct task {
  pid_t pid;      /* the thread's id in a thread's record */
  pid_t ppid;     /* 0: none, or one outside of our PID namespace */
  uint64_t start; /* clock ticks since boot; (pid, start) is the identity */
  char comm[COMM_SIZE]; /* as the process set it: hostile text */
  char state;           /* the leader's letter, as in ps(1) */
  bool kernel_thread;
  uint16_t tried;      /* field groups that were asked for already */
  uint32_t kernel_pid; /* in the first PID namespace; 0: not known */
  field_set valid;
  uint64_t value[FIELD_COUNT];
  uint64_t rss_rough;     /* bytes; good enough to rank by [stat] */
  uint64_t tree_minflt;   /* MINFLT and that of its reaped children [stat] */
  uint64_t reaped_minflt; /* that of its reaped children alone [stat] */
  /* Its threads and wait channels: ranges in the snapshot's arrays. */
  uint32_t first_thread, threads;
  uint32_t first_wchan, wchans;
  bool wchan_missing; /* it is not known where one of its threads sleeps */
};

static inline void task_set(struct task *task, enum field field,
                            uint64_t value) {
  task->value[field] = value;
  task->valid |= FIELD_BIT(field);
}

static inline bool task_has(const struct task *task, enum field field) {
  return task->valid & FIELD_BIT(field);
}

enum pressure_resource { PRESSURE_CPU, PRESSURE_IO, PRESSURE_MEMORY };
#define PRESSURE_RESOURCES 3

/* A line of /proc/pressure/<resource>. */
struct pressure {
  bool valid;
  double avg10;      /* percent of the last ten seconds */
  uint64_t total_us; /* since boot */
};

/* The host.  A number below zero was not to be had. */
struct host {
  double load[3];
  double memory_total, memory_available, swap_used; /* bytes */
  double cpus;                                      /* online */
  double boot_time; /* seconds since the epoch */
  struct pressure some[PRESSURE_RESOURCES], full[PRESSURE_RESOURCES];
};

/* A process that has ended: the last values of its counters. */
struct ended {
  struct task task; /* its counters and identity alone are valid */
  uid_t user;       /* effective */
};

/* What went wrong while reading; each is counted and said once. */
enum loss {
  LOSS_PROCESS_DENIED, /* stat of another user, where hidepid forbids it */
  LOSS_IO_DENIED,      /* io of another user: CAP_SYS_PTRACE */
  LOSS_FILES_DENIED,   /* fd of another user before Linux 6.2 */
  LOSS_WCHAN_DENIED,   /* wchan reads 0 without CAP_SYS_PTRACE */
  LOSS_PSS_DENIED,     /* smaps_rollup of another user */
  LOSS_EXE_DENIED,     /* the link exe, for a rule Executable */
  LOSS_STUCK,          /* the target's lock was held past the deadline */
  LOSS_LATE,           /* three quarters of the interval were over */
  LOSS_DESCRIPTORS,    /* EMFILE, ENFILE */
  LOSS_ENDED,          /* more processes ended than could be kept */
  LOSS_ZOMBIES,        /* of those that ended, the kernel has shown no end */
  LOSS_FAILED,        /* any other error: EIO, no memory, text not understood */
  LOSS_MEMORY,        /* none for a process, a group, their books */
  LOSS_MAX_PROCESSES, /* the bounds that options set */
  LOSS_MAX_THREADS,
  LOSS_MAX_GROUPS,
  LOSS_COUNT
};

struct snapshot {
  struct host host;
  uint64_t now_ticks; /* clock ticks since boot when the scan began */
  unsigned ticks;     /* clock ticks a second */
  /* ns that the start of a task is later than for the kernel itself, in a time
   * namespace; known where kernel_pid is. */
  int64_t boottime_offset;
  struct task *tasks; /* one for each process, sorted by pid */
  size_t count, capacity;
  struct task *threads;
  size_t thread_count, thread_capacity;
  size_t thread_limit; /* no more of them than these are recorded */
  struct ended *ended; /* since the last interval, if the source can know */
  size_t ended_count, ended_capacity;
  struct wchan *wchans;
  size_t wchan_count, wchan_capacity;
  struct sleeper *sleepers;
  size_t sleeper_count, sleeper_capacity;
  bool sleepers_cut; /* there may be more: too many, or no time to look */
  uint64_t losses[LOSS_COUNT]; /* values lost in this interval */
  field_set rebase; /* counters that come from another place than in the last
                       interval: how much they differ says nothing */
  pid_t *missed;    /* listed, but its record could not be had; ascending */
  size_t missed_count, missed_capacity;
  bool complete; /* every process was listed; false: who is missing may live */
};

/* Empty it for the next interval; the memory is kept. */
void snapshot_reset(struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

/*
 * Append a zeroed record.  NULL when memory is short.  A further call may
 * move the array: keep indices, not pointers, until the source is done.
 */
struct task *snapshot_add_task(struct snapshot *snapshot);
struct task *snapshot_add_thread(struct snapshot *snapshot);
struct ended *snapshot_add_ended(struct snapshot *snapshot);
struct wchan *snapshot_add_wchan(struct snapshot *snapshot);
struct sleeper *snapshot_add_sleeper(struct snapshot *snapshot);
/* In the order of pids; false: no memory. */
bool snapshot_add_missed(struct snapshot *snapshot, pid_t pid);

/* For sorting and searching what begins with a pid_t. */
int compare_pids(const void *a, const void *b);

/* Is a process of this pid there that has no record? */
bool snapshot_has_missed(const struct snapshot *snapshot, pid_t pid);
/* May one that has no record live all the same? */
bool snapshot_may_live(const struct snapshot *snapshot, pid_t pid);

#endif
