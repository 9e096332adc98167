// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * Reads and writes of block devices, from the submission of a request to its
 * end, each told of the process that submitted it; and of the host.
 *
 * Who runs when a request ends has nothing to do with it: what it was is noted
 * when it begins.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "proctrace.h"

#include "compat.bpf.h"
#include "histogram.bpf.h"
#include "process.bpf.h"
#include "watch.bpf.h"

#define REQ_OP_MASK 0xff

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* user space knows how many */
  __type(key, __u32);     /* slot */
  __type(value, struct block_stats);
} blocks SEC(".maps");

struct request_begin {
  __u64 ns;
  __u64 bytes; /* of its parts that have ended */
  struct beginner by;
  __u16 operation, by_kernel;
};

/* By address.  There are no more than all queues are deep, and each address is
 * used again. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __type(key, __u64);
  __type(value, struct request_begin);
} requests SEC(".maps");

#define EEXIST 17

static __always_inline int begin_request(struct request *request, __u64 flags) {
  __u32 operation = request->cmd_flags & REQ_OP_MASK;
  if (operation >= BLOCK_OPERATIONS)
    return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 then = epoch_before();
  struct request_begin entry = {
      .ns = bpf_ktime_get_ns(),
      .by = begin_of(task, find_watched(task), then),
      .operation = operation,
      .by_kernel = (task->flags & PF_KTHREAD) != 0,
  };
  __u64 key = (__u64)request;
  long error = bpf_map_update_elem(&requests, &key, &entry, flags);
  if (error != 0 && error != -EEXIST)
    lose(PROBE_LOSS_REQUESTS);
  return 0;
}

/* In the submitter's own context (Linux 6.5, commit 5a80bd075f3b). */
SEC("tp_btf/block_io_start")
int BPF_PROG(block_io_start, struct request *request) {
  return begin_request(request, BPF_ANY);
}

/*
 * Before that: whichever comes first.  With a scheduler or a plug it may be
 * another thread that hands the request on; the plugin says so.
 */
SEC("tp_btf/block_rq_insert")
int BPF_PROG(block_rq_insert, struct request *request) {
  return begin_request(request, BPF_NOEXIST);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *request) {
  return begin_request(request, BPF_NOEXIST);
}

/* Another request has taken it in, and it ends without a word. */
SEC("tp_btf/block_rq_merge")
int BPF_PROG(block_rq_merge, struct request *request) {
  __u64 key = (__u64)request;
  bpf_map_delete_elem(&requests, &key);
  return 0;
}

static __always_inline void count_request(__u32 slot,
                                          const struct request_begin *begin,
                                          __u64 ns, __u32 bucket) {
  struct block_stats *stats = bpf_map_lookup_elem(&blocks, &slot);
  if (stats == NULL)
    return;
  struct block_operation *of =
      &stats->of[BELOW(BLOCK_OPERATIONS, begin->operation)];
  __sync_fetch_and_add(&of->requests, 1);
  __sync_fetch_and_add(&of->bytes, begin->bytes);
  __sync_fetch_and_add(&of->ns, ns);
  __sync_fetch_and_add(&of->buckets[BELOW(BUCKETS, bucket)], 1);
  if (begin->by_kernel)
    __sync_fetch_and_add(&stats->by_kernel, 1);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *request, int error,
             unsigned int bytes) {
  __u64 key = (__u64)request;
  struct request_begin *found = bpf_map_lookup_elem(&requests, &key);
  if (found == NULL)
    return 0;
  found->bytes += bytes;
  if (bytes < request->__data_len) /* one part of it */
    return 0;
  struct request_begin begin = *found;
  bpf_map_delete_elem(&requests, &key);
  __u64 now = bpf_ktime_get_ns();
  if (now < begin.ns) {
    lose(PROBE_LOSS_CLOCK);
    return 0;
  }
  __u32 bucket = bucket_of(now - begin.ns);
  __u32 slot = slot_of(&begin.by);
  if (slot != SLOT_NONE)
    count_request(slot, &begin, now - begin.ns, bucket);
  count_request(SLOT_HOST, &begin, now - begin.ns, bucket);
  return 0;
}
