// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * Processes are born and end: children are watched from the first instruction,
 * and what a process did in its last part of an interval, or in a life between
 * two looks, is kept for user space.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "proctrace.h"

#include "compat.bpf.h"
#include "process.bpf.h"
#include "watch.bpf.h"

#define CLONE_THREAD 0x00010000

/* Children count from their first instruction, in the slot of the heirs, until
 * user space has seen them and gives them one of their own. */
static __always_inline void watch_child(struct task_struct *child) {
  struct watched *parent = find_watched(bpf_get_current_task_btf());
  if (parent == NULL || parent->heirs == SLOT_NONE)
    return;
  struct watched entry = {
      .start = child->start_boottime,
      .slot = parent->heirs,
      .heirs = parent->heirs,
  };
  __u32 pid = child->tgid;
  if (bpf_map_update_elem(&watch, &pid, &entry, BPF_ANY) != 0)
    lose(PROBE_LOSS_WATCH);
}

SEC("tp_btf/task_newtask")
int BPF_PROG(task_newtask, struct task_struct *task,
             unsigned long clone_flags) {
  if (!(clone_flags & CLONE_THREAD))
    watch_child(task);
  if (config.thread_state)
    get_thread(task, true);
  return 0;
}

/*
 * Who a process was: known while its last thread exits.  What it used is known
 * for good when it has been waited for and its memory is freed, and then it has
 * no ids any more.
 */
struct parting {
  __u64 start; /* of the leader, as the kernel has it */
  __u32 kernel_pid, pid, parent, user;
};

/* By pid: who stays a zombie for long may be overwritten, which is counted. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EXITS);
  __type(key, __u32);
  __type(value, struct parting);
} partings SEC(".maps");

static __always_inline struct parting *parting_of(__u32 pid) {
  __u32 place = pid % EXITS;
  return bpf_map_lookup_elem(&partings, &place);
}

/* The last thread of a process: whoever gets its pid is somebody else. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task) {
  struct task_struct *last = AT(struct task_struct, task);
  struct task_struct *leader = AT(struct task_struct, last->group_leader);
  struct reader reader = last_reader;
  if (last->signal->live.counter != 0)
    return 0;
  __u32 pid = task->tgid;
  bpf_map_delete_elem(&watch, &pid);
  if (!config.exits) /* the kernel has refused what reads the partings */
    return 0;
  struct parting *parting = parting_of(pid);
  if (parting == NULL || !reader.is_known)
    return 0;
  /* Of threads that exit at once several may be the last. */
  if (parting->kernel_pid != 0 && parting->pid != 0 &&
      parting->start != leader->start_boottime)
    lose(PROBE_LOSS_ZOMBIES);
  *parting = (struct parting){
      .start = leader->start_boottime,
      .kernel_pid = pid,
      .pid = get_pid(&reader, leader),
      .parent = get_pid(&reader, leader->real_parent),
      .user = leader->cred->euid.val,
  };
  return 0;
}

/* A ring: what is not read in time is overwritten. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EXITS);
  __type(key, __u32);
  __type(value, struct exit_record);
} exits SEC(".maps");

__u64 exit_count SEC(".data.exits");

/* A leader goes last, and signal_struct has all that its threads used. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct *freed) {
  struct task_struct *task = AT(struct task_struct, freed);
  if (task->pid != task->tgid)
    return 0;
  struct parting *parting = parting_of(task->tgid);
  if (parting == NULL || parting->kernel_pid != (__u32)task->tgid ||
      parting->start != task->start_boottime)
    return 0;
  parting->kernel_pid = 0; /* the place is free */
  if (parting->pid == 0)
    return 0;
  __u64 number = __sync_fetch_and_add(&exit_count, 1);
  __u32 place = number % EXITS;
  struct exit_record *record = bpf_map_lookup_elem(&exits, &place);
  if (record == NULL)
    return 0;
  record->number = 0; /* not to be read before it is whole */
  record->head = (struct task_record){
      .has = HAS_PROCESS | HAS_SUMS,
      .tid = parting->pid,
      .pid = parting->pid,
      .start = parting->start + last_reader.offset,
  };
  if (bpf_core_field_exists(task->signal->ioac.read_bytes))
    record->head.has |= HAS_IO;
  set_dead_threads(&record->process, task->signal);
  set_identity(&record->process, task);
  record->process.parent = parting->parent;
  record->user = parting->user;
  record->number = number + 1;
  return 0;
}
