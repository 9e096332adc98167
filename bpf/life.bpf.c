// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * Watched processes are born and end.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "proctrace.h"

#include "compat.bpf.h"
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

/* The last thread of a process: whoever gets its pid is somebody else. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task) {
  if (task->signal->live.counter != 0)
    return 0;
  __u32 pid = task->tgid;
  bpf_map_delete_elem(&watch, &pid);
  return 0;
}
