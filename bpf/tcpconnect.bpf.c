// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * TCP handshakes of the watched processes: how long, how many, and why not.
 *
 * By the socket's state and not by connect(), which returns at once where the
 * socket does not block.  SYN_SENT is entered by the process itself; what ends
 * it comes from an interrupt, as a rule.
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

enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_CLOSE = 7 };

struct connect_begin {
  __u64 ns;
  struct beginner by;
  __u32 tid;
  __u32 deferred; /* the SYN waits for the first write: it has no latency */
  __u32 unused;   /* no byte of a key or a value is left unset */
};

/* By the socket's address; whatever ends SYN_SENT removes it. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __type(key, __u64);
  __type(value, struct connect_begin);
} connects SEC(".maps");

static __always_inline int begin_handshake(const struct sock *socket) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 then = epoch_before();
  struct watched *watched = find_watched(task);
  struct tcp_sock *tcp = (struct tcp_sock *)socket;
  __u64 key = (__u64)socket;
  /* A connection that is restored sends nothing. */
  if (watched == NULL || BPF_CORE_READ_BITFIELD_PROBED(tcp, repair))
    return 0;
  struct connect_begin entry = {
      .ns = bpf_ktime_get_ns(),
      .by = begin_of(task, watched, then),
      .tid = task->pid,
      .deferred = BPF_CORE_READ_BITFIELD_PROBED(tcp, fastopen_connect),
  };
  if (bpf_map_update_elem(&connects, &key, &entry, BPF_ANY) != 0)
    lose(PROBE_LOSS_CONNECTS);
  struct thread_state *thread = get_thread(task, false);
  if (thread != NULL && thread->connecting == CONNECT_BEGUN)
    thread->connecting = CONNECT_SENT;
  return 0;
}

static __always_inline void count_established(const struct connect_begin *begin,
                                              __u32 slot) {
  struct tcpconnect_stats *stats = bpf_map_lookup_elem(&tcpconnects, &slot);
  if (stats == NULL)
    return;
  __sync_fetch_and_add(&stats->established, 1);
  __u64 now = bpf_ktime_get_ns();
  if (begin->deferred)
    return;
  if (now < begin->ns) {
    lose(PROBE_LOSS_CLOCK);
    return;
  }
  __sync_fetch_and_add(&stats->timed, 1);
  __sync_fetch_and_add(&stats->ns, now - begin->ns);
  __sync_fetch_and_add(
      &stats->buckets[BELOW(BUCKETS, bucket_of(now - begin->ns))], 1);
}

/*
 * Closed inside the connect() of the thread that runs, and no error stands in
 * the socket: the call itself will return the reason (no local port is free).
 */
static __always_inline bool
is_failing_inside(const struct connect_begin *begin) {
  struct task_struct *task = bpf_get_current_task_btf();
  if ((__u32)task->pid != begin->tid)
    return false;
  struct thread_state *thread = get_thread(task, false);
  if (thread == NULL || thread->connecting != CONNECT_SENT)
    return false;
  thread->connecting = CONNECT_FAILED_INSIDE;
  return true;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, const struct sock *socket, int before,
             int now) {
  /* MPTCP tells of its own socket besides those of TCP under it. */
  if (socket->sk_protocol != IPPROTO_TCP)
    return 0;
  if (now == TCP_SYN_SENT)
    return begin_handshake(socket);
  /* Both ends connect at once: SYN_SENT, SYN_RECV, ESTABLISHED. */
  if ((before != TCP_SYN_SENT && before != TCP_SYN_RECV) || now == TCP_SYN_RECV)
    return 0;
  __u64 key = (__u64)socket;
  struct connect_begin *found = bpf_map_lookup_elem(&connects, &key);
  if (found == NULL)
    return 0;
  struct connect_begin begin = *found;
  bpf_map_delete_elem(&connects, &key);
  __u32 slot = slot_of(&begin.by);
  if (slot == SLOT_NONE)
    return 0;
  if (now == TCP_ESTABLISHED) {
    count_established(&begin, slot);
    return 0;
  }
  __u64 error = (__u32)socket->sk_err;
  if (error == 0 && is_failing_inside(&begin))
    return 0;
  count_failure(slot, error); /* 0 is ERRNO_ABORTED */
  return 0;
}
