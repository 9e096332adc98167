/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Who a task is for the reader, and what a process has of its own, be it alive
 * or at its end.
 */
#ifndef PROCTRACE_PROCESS_BPF_H
#define PROCTRACE_PROCESS_BPF_H

#define PF_KTHREAD 0x00200000

/* --- ids --- */

/* Who read last; processes that end are recorded for it. */
struct reader last_reader;

/*
 * What stands for a pid, here by its address, in the namespace of this level:
 * an index that CO-RE does not know, for the array is one of the kernel's own.
 */
static __always_inline struct upid *upid_at(__u64 pid, __u32 level) {
  return AT(struct upid, pid + bpf_core_field_offset(struct pid, numbers) +
                             level * bpf_core_type_size(struct upid));
}

static __always_inline __u32 nr_in(const struct reader *reader, __u64 address) {
  struct pid *pid = AT(struct pid, address);
  if (address == 0 || READ(pid, level) < reader->level)
    return 0;
  struct upid *upid = upid_at(address, reader->level);
  return (__u64)READ(upid, ns) == reader->ns ? READ(upid, nr) : 0;
}

/* In the first namespace a task's own ids serve, and these are not needed. */
static __always_inline struct reader get_reader(struct task_struct *current) {
  struct reader reader = {
      .offset = boottime_offset(current),
      .level = current->thread_pid->level,
      .is_known = true,
  };
  if (reader.level == 0)
    return reader;
  struct upid *upid = upid_at(read_u64(&current->thread_pid), reader.level);
  reader.ns = (__u64)READ(upid, ns);
  return reader;
}

static __always_inline __u32 get_tid(const struct reader *reader,
                                     struct task_struct *task) {
  return reader->level == 0 ? task->pid
                            : nr_in(reader, read_u64(&task->thread_pid));
}

static __always_inline __u32 get_pid(const struct reader *reader,
                                     struct task_struct *task) {
  return reader->level == 0
             ? task->tgid
             : nr_in(reader, read_u64(&task->signal->pids[PIDTYPE_TGID]));
}

/* --- state --- */

#define STATE_UNINTERRUPTIBLE 0x2
#define STATE_REPORTED 0x7f
#define STATE_NOLOAD 0x400
#define STATE_IDLE (STATE_UNINTERRUPTIBLE | STATE_NOLOAD)
#define STATE_LOCK_OR_FROZEN (0x1000 | 0x8000)

/* include/linux/sched.h task_state_index() */
static __always_inline __u32 state_index(struct task_struct *task) {
  __u32 state = get_state(task);
  __u32 shown = (state | READ(task, exit_state)) & STATE_REPORTED;
  if ((state & STATE_IDLE) == STATE_IDLE)
    return 8;
  if (state & STATE_LOCK_OR_FROZEN)
    return 2;
  /* fls(): without a branch, of which the verifier would try both ways. */
  shown |= shown >> 1;
  shown |= shown >> 2;
  shown |= shown >> 4;
  return __builtin_popcount(shown);
}

/* --- what a process has --- */

static __always_inline void set_dead_threads(struct process_record *out,
                                             struct signal_struct *signal) {
  out->threads = 0;
  __builtin_memset(out->states, 0, sizeof(out->states));
  out->cpu.utime = signal->utime;
  out->cpu.stime = signal->stime;
  out->cpu.runtime = signal->sum_sched_runtime;
  out->minflt = signal->min_flt;
  out->majflt = signal->maj_flt;
  out->reaped_minflt = signal->cmin_flt; /* grows together with ioac */
  out->voluntary = signal->nvcsw;
  out->involuntary = signal->nivcsw;
  if (bpf_core_field_exists(signal->ioac.read_bytes)) {
    out->rchar = signal->ioac.rchar;
    out->wchar = signal->ioac.wchar;
    out->syscr = signal->ioac.syscr;
    out->syscw = signal->ioac.syscw;
    out->read_bytes = signal->ioac.read_bytes;
    out->write_bytes = signal->ioac.write_bytes;
  }
}

static __always_inline void copy_comm(char to[16], struct task_struct *task) {
  __u64 *words = (__u64 *)to;
  words[0] = read_u64(&task->comm[0]);
  words[1] = read_u64(&task->comm[8]);
}

/* What a process has as long as its leader has memory. */
static __always_inline void set_identity(struct process_record *out,
                                         struct task_struct *leader) {
  struct signal_struct *signal = leader->signal;
  out->flags = leader->flags;
  out->kernel_pid = leader->tgid;
  out->cpu.shown_utime = signal->prev_cputime.utime;
  out->cpu.shown_stime = signal->prev_cputime.stime;
  copy_comm(out->comm, leader);
}

#endif
