// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * How long the threads of the watched processes wait for a CPU, and how often
 * they are woken.
 *
 * The kernel itself takes the time of each wait; where a thread leaves the CPU
 * we read by how much its sum has grown.  That is one program and no clock
 * where others need three and a map.  The sum is exact; a single wait is right
 * from about 0.1 ms on, for the clock of the run queue may stand still between
 * a wakeup and the switch.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "proctrace.h"

#include "compat.bpf.h"
#include "histogram.bpf.h"
#include "watch.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* user space knows how many */
  __type(key, __u32);
  __type(value, struct sched_stats);
} scheds SEC(".maps");

static __always_inline struct sched_stats *sched_stats_of(__u32 slot) {
  __u32 place = shard_of(slot);
  return bpf_map_lookup_elem(&scheds, &place);
}

static __always_inline void count_wait(__u32 slot, __u32 waits, __u64 ns,
                                       __u32 bucket) {
  struct sched_stats *stats = sched_stats_of(slot);
  if (stats == NULL)
    return;
  ADD(stats->waits, waits);
  ADD(stats->wait_ns, ns);
  ADD(stats->buckets[BELOW(BUCKETS, bucket)], waits);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev) {
  if (prev->pid == 0) /* the idle task of a CPU waits for nothing */
    return 0;
  struct thread_state *thread = get_thread(prev, false);
  if (thread == NULL)
    return 0;
  __u64 run_delay = prev->sched_info.run_delay;
  __u32 pcount = prev->sched_info.pcount;
  __u64 ns = run_delay - thread->run_delay;
  __u32 waits = pcount - thread->pcount;
  thread->run_delay = run_delay;
  thread->pcount = pcount;
  if (waits == 0)
    return 0;
  if ((__s64)ns < 0) {
    lose(PROBE_LOSS_CLOCK);
    return 0;
  }
  __u32 bucket = bucket_of(waits == 1 ? ns : ns / waits);
  if (thread->slot != SLOT_NONE)
    count_wait(thread->slot, waits, ns, bucket);
  if (config.host_waits)
    count_wait(SLOT_HOST, waits, ns, bucket);
  return 0;
}

static __always_inline void add_wakeup(__u32 slot) {
  struct sched_stats *stats = sched_stats_of(slot);
  if (stats != NULL)
    ADD(stats->wakeups, 1);
}

/* The woken: who wakes it, or whom the interrupt that does has stopped, is of
 * no interest. */
static __always_inline int count_wakeup(struct task_struct *woken) {
  struct thread_state *thread = get_thread(woken, false);
  if (thread == NULL)
    return 0;
  if (thread->slot != SLOT_NONE)
    add_wakeup(thread->slot);
  if (config.host_waits)
    add_wakeup(SLOT_HOST);
  return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *woken) {
  return count_wakeup(woken);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *woken) {
  return count_wakeup(woken);
}
