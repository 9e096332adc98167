// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * System calls of the watched processes: one program where a call begins and
 * one where it returns, for all probes that want to know.
 *
 * What is not watched pays for one look-up that fails.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "proctrace.h"

#include "compat.bpf.h"
#include "histogram.bpf.h"
#include "tcpconnect.bpf.h"
#include "watch.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* user space knows how many, and how large */
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct syscall_stats));
} syscalls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* likewise */
  __type(key, __u32);
  __type(value, struct named_stats);
} named SEC(".maps");

struct syscall_cells cells SEC(".data.cells");

/* --- cells --- */

static __always_inline __u32 no_cell(void) {
  lose(PROBE_LOSS_CELLS);
  return CELL_OTHER;
}

/* At the first sight of a number; two CPUs may give it a cell each. */
static __noinline __u32 new_cell(__u32 number) {
  if (cells.used >= SYSCALL_CELLS - CELL_FIRST)
    return no_cell();
  __u32 cell = CELL_FIRST + __sync_fetch_and_add(&cells.used, 1);
  if (cell >= SYSCALL_CELLS || number >= SYSCALL_NUMBERS)
    return no_cell();
  cells.number[cell] = number;
  cells.cell[number] = cell;
  return cell;
}

static __always_inline __u32 cell_of(__u64 number) {
  if (number >= SYSCALL_NUMBERS)
    return no_cell();
  __u32 cell = cells.cell[number];
  return cell != CELL_OTHER ? cell : new_cell(number);
}

/* --- connect() ---
 *
 * Without a route the call fails before the state machine begins, and without
 * a free port after it has begun but for a reason that it does not know.
 */

#define IPPROTO_MPTCP 262
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define EINTR 4
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115

static __always_inline bool is_new_tcp(struct task_struct *task, __u32 fd) {
  struct fdtable *table = AT(struct task_struct, task)->files->fdt;
  struct file *file = NULL;
  struct socket *socket;
  if (fd >= table->max_fds ||
      bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd) != 0 ||
      file == NULL ||
      (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
    return false;
  socket = BPF_CORE_READ(file, private_data);
  __u16 protocol = BPF_CORE_READ(socket, sk, sk_protocol);
  return (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP) &&
         BPF_CORE_READ(socket, state) == SS_UNCONNECTED;
}

static __noinline int begin_connect(struct thread_state *thread, __u32 fd) {
  if (thread != NULL)
    thread->connecting = is_new_tcp(bpf_get_current_task_btf(), fd)
                             ? CONNECT_BEGUN
                             : CONNECT_NONE;
  return 0;
}

static __noinline int end_connect(struct thread_state *thread, long result) {
  if (thread == NULL)
    return 0;
  __u32 how = thread->connecting;
  __u64 error = -result; /* 64 bits: verifiers of old lose track of -w1 */
  thread->connecting = CONNECT_NONE;
  if (how == CONNECT_SENT || result >= 0 || error == EINTR ||
      error == EISCONN || error == EALREADY || error == EINPROGRESS ||
      thread->slot == SLOT_NONE)
    return 0;
  count_failure(thread->slot, error);
  return 0;
}

/* --- a call begins --- */

static __always_inline void count_call(__u32 slot, __u32 cell, bool is_mmap,
                                       __u64 bytes) {
  __u32 place = shard_of(slot);
  struct syscall_stats *stats = bpf_map_lookup_elem(&syscalls, &place);
  if (stats == NULL)
    return;
  if (config.syscalls)
    ADD(stats->cells[BELOW(SYSCALL_CELLS, cell)].calls, 1);
  if (config.mmaps && is_mmap) {
    ADD(stats->mmaps, 1);
    ADD(stats->mmap_bytes, bytes);
  }
}

static __always_inline bool concerns_us(struct task_struct *task, long number) {
  if (number < 0) /* what a tracer leaves of a call that it suppresses */
    return false;
  return config.syscalls ||
         (config.mmaps && number == config.mmap && !IS_COMPAT(task)) ||
         (config.connects && number == config.connect && !IS_COMPAT(task));
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long number) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct thread_state *thread = NULL;
  __u32 slot = SLOT_NONE;
  if (!concerns_us(task, number))
    return 0;
  bool is_connect =
      config.connects && number == config.connect && !IS_COMPAT(task);
  if (config.latency || is_connect) {
    thread = get_thread(task, true);
    if (thread == NULL)
      return 0;
    slot = thread->slot;
    if (slot == SLOT_NONE && !config.host_syscalls)
      return 0;
  } else {
    struct watched *watched = find_watched(task);
    if (watched != NULL)
      slot = watched->slot;
    else if (!config.host_syscalls)
      return 0;
  }
  bool compat = IS_COMPAT(task);
  __u32 cell = !config.syscalls ? CELL_OTHER
               : compat         ? CELL_COMPAT
                                : cell_of(number);
  bool is_mmap = config.mmaps && !compat && number == config.mmap;
  __u64 bytes = is_mmap ? ARGUMENT_2(regs) : 0;
  if (slot != SLOT_NONE)
    count_call(slot, cell, is_mmap, bytes);
  if (config.host_syscalls)
    count_call(SLOT_HOST, cell, is_mmap, bytes);
  if (thread == NULL)
    return 0;
  if (is_connect)
    begin_connect(thread, ARGUMENT_1(regs));
  if (config.latency) {
    thread->cell = cell;
    thread->number = compat || number >= SYSCALL_NUMBERS ? -1 : number;
    thread->entered = bpf_ktime_get_ns();
  }
  return 0;
}

/* --- a call returns --- */

static __always_inline void time_named(__u32 place, __s32 number,
                                       __u32 bucket) {
  for (__u32 i = 0; i < LATENCY_NAMES && i < config.named_count; i++) {
    if (number != config.named[i])
      continue;
    __u32 at = place * config.named_count + i;
    struct named_stats *stats = bpf_map_lookup_elem(&named, &at);
    if (stats != NULL)
      ADD(stats->buckets[BELOW(BUCKETS, bucket)], 1);
  }
}

static __always_inline void time_call(__u32 slot,
                                      const struct thread_state *thread,
                                      __u64 took, __u32 bucket) {
  __u32 place = shard_of(slot);
  struct syscall_stats *stats = bpf_map_lookup_elem(&syscalls, &place);
  if (stats == NULL)
    return;
  ADD(stats->cells[BELOW(SYSCALL_CELLS, thread->cell)].ns, took);
  ADD(stats->buckets[BELOW(BUCKETS, bucket)], 1);
  if (config.named_count > 0)
    time_named(place, thread->number, bucket);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct thread_state *thread = get_thread(task, false);
  if (thread == NULL)
    return 0;
  if (config.connects && thread->connecting != CONNECT_NONE)
    end_connect(thread, result);
  __u64 entered = thread->entered;
  if (!config.latency || entered == 0)
    return 0;
  thread->entered = 0;
  __u64 now = bpf_ktime_get_ns();
  if (now < entered) {
    lose(PROBE_LOSS_CLOCK);
    return 0;
  }
  __u64 took = now - entered;
  __u32 bucket = bucket_of(took);
  if (thread->slot != SLOT_NONE)
    time_call(thread->slot, thread, took, bucket);
  if (config.host_syscalls)
    time_call(SLOT_HOST, thread, took, bucket);
  return 0;
}
