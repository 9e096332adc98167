/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The kernel's types, as far as we look into them.
 *
 * Only names matter: libbpf finds where a field really lies from the running
 * kernel's BTF (CO-RE), so the fields need neither be complete nor in order.
 * Our own, and not the dump of one kernel: it reads in a minute and builds on
 * a machine without BTF.  What differs between kernels is in compat.bpf.h.
 */
#ifndef PROCTRACE_VMLINUX_H
#define PROCTRACE_VMLINUX_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* The parts of <linux/bpf.h> that BPF programs need. */
enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
  BPF_ANY = 0,
  BPF_NOEXIST = 1,
  BPF_F_NO_PREALLOC = 1,
  BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)),           \
                             apply_to = record)

struct seq_file;
struct pid_namespace;

struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 seq_num;
};

struct list_head {
  struct list_head *next;
};

typedef struct {
  int counter;
} atomic_t;

typedef struct {
  __s64 counter;
} atomic_long_t;

struct timespec64 {
  __s64 tv_sec;
  long tv_nsec;
};

struct upid {
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[0];
};

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID };

struct timens_offsets {
  struct timespec64 boottime;
};

struct time_namespace {
  struct timens_offsets offsets;
};

struct nsproxy {
  struct time_namespace *time_ns;
};

struct prev_cputime {
  __u64 utime, stime;
};

struct task_io_accounting {
  __u64 rchar, wchar, syscr, syscw; /* CONFIG_TASK_XACCT */
  __u64 read_bytes, write_bytes;    /* CONFIG_TASK_IO_ACCOUNTING */
};

struct sched_info { /* empty without CONFIG_SCHED_INFO */
  unsigned long pcount;
  unsigned long long run_delay;
};

struct sched_entity {
  __u64 sum_exec_runtime;
};

struct seqcount {
  unsigned int sequence;
};

struct seqcount_spinlock {
  struct seqcount seqcount;
};

typedef struct {
  struct seqcount_spinlock seqcount;
} seqlock_t;

struct rlimit {
  unsigned long rlim_cur;
};

struct signal_struct {
  atomic_t live;
  int nr_threads;
  struct list_head thread_head;
  struct pid *pids[4];
  seqlock_t stats_lock;
  __u64 utime, stime;
  struct prev_cputime prev_cputime;
  unsigned long nvcsw, nivcsw;
  unsigned long min_flt, maj_flt, cmin_flt;
  struct task_io_accounting ioac;
  unsigned long long sum_sched_runtime;
  struct rlimit rlim[16];
};

struct percpu_counter {
  __s64 count;
  __s32 *counters;
};

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES };

struct mm_struct {
  unsigned long hiwater_rss, hiwater_vm, total_vm;
  struct percpu_counter rss_stat[4];
};

struct sock {
  int sk_err;
  __u16 sk_protocol;
};

struct tcp_sock {
  __u8 repair : 1;
  __u8 fastopen_connect : 1;
};

typedef enum { SS_FREE, SS_UNCONNECTED } socket_state;

struct socket {
  socket_state state;
  struct sock *sk;
};

struct inode {
  unsigned short i_mode;
};

struct file {
  struct inode *f_inode;
  void *private_data;
};

struct request {
  unsigned int cmd_flags;
  unsigned int __data_len;
};

struct fdtable {
  unsigned int max_fds;
  struct file **fd;
  unsigned long *open_fds;
};

struct files_struct {
  struct fdtable *fdt;
};

#if defined(__TARGET_ARCH_x86)
struct thread_info {
  __u32 status;
};

struct pt_regs {
  unsigned long di, si;
};
#elif defined(__TARGET_ARCH_arm64)
struct thread_info {
  unsigned long flags;
};

struct pt_regs {
  __u64 regs[31];
};
#endif

typedef struct {
  unsigned int val;
} kuid_t;

struct cred {
  kuid_t euid;
};

struct task_struct {
  const struct cred *cred;
  struct thread_info thread_info;
  unsigned int __state;
  unsigned int flags;
  struct sched_entity se;
  struct sched_info sched_info;
  struct mm_struct *mm;
  int exit_state;
  int pid, tgid;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct list_head thread_node;
  __u64 utime, stime;
  struct prev_cputime prev_cputime;
  unsigned long nvcsw, nivcsw;
  __u64 start_boottime;
  unsigned long min_flt, maj_flt;
  char comm[16];
  struct files_struct *files;
  struct nsproxy *nsproxy;
  struct signal_struct *signal;
  struct task_io_accounting ioac;
};

struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
};

/* The kernel's side of an array map. */
struct bpf_array {
  void *pptrs[0];
};

#pragma clang attribute pop

#endif
