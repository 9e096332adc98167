/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Where TCP connects are counted: by the state machine (tcpconnect.bpf.c), and
 * for those that never reach it by the system call (syscalls.bpf.c).
 */
#ifndef PROCTRACE_TCPCONNECT_BPF_H
#define PROCTRACE_TCPCONNECT_BPF_H

#define IPPROTO_TCP 6

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* user space knows how many */
  __type(key, __u32);     /* slot */
  __type(value, struct tcpconnect_stats);
} tcpconnects SEC(".maps");

static __always_inline void count_failure(__u32 slot, __u64 error) {
  struct tcpconnect_stats *stats = bpf_map_lookup_elem(&tcpconnects, &slot);
  if (stats != NULL && error < ERRNOS)
    __sync_fetch_and_add(&stats->failed[error], 1);
}

#endif
