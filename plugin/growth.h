/* SPDX-License-Identifier: MIT */
/*
 * What the probes' arrays grew by.
 *
 * BPF never sets its results to zero, and keeps them in shards.  Here the
 * shards of a slot are added up, and held against what they were at the last
 * look: its baseline.  Counts of a histogram are 32 bits wide and go round; so
 * does their difference.
 */
#ifndef PROCTRACE_GROWTH_H
#define PROCTRACE_GROWTH_H

#include "bpf_module.h"

enum probe_counter {
  PROBED_SYSCALLS, /* begun; those of 32-bit programs are apart */
  PROBED_SYSCALLS_COMPAT,
  PROBED_SYSCALL_NS,
  PROBED_MMAPS,
  PROBED_MMAP_BYTES,
  PROBED_WAITS,
  PROBED_WAIT_NS,
  PROBED_WAKEUPS,
  PROBED_READS,
  PROBED_READ_BYTES,
  PROBED_READ_NS,
  PROBED_WRITES,
  PROBED_WRITE_BYTES,
  PROBED_WRITE_NS,
  PROBED_BY_KERNEL,
  PROBED_ESTABLISHED,
  PROBED_TIMED, /* of the established */
  PROBED_CONNECT_NS,
  PROBED_FAILED,
  PROBE_COUNTERS
};

/* Times that have a histogram. */
enum latency {
  LATENCY_SYSCALL,
  LATENCY_RUNQUEUE,
  LATENCY_BLOCKIO_READ,
  LATENCY_BLOCKIO_WRITE,
  LATENCY_TCPCONNECT,
  LATENCY_NAMED, /* the first of LATENCY_NAMES: calls of one name */
  LATENCIES = LATENCY_NAMED + LATENCY_NAMES
};

/* struct syscall_cell of numbers that are ours: a __u64 is another type. */
struct calls {
  uint64_t calls, ns;
};

/* Nothing but numbers of one type: growths add up. */
struct growth {
  uint64_t counter[PROBE_COUNTERS];
  struct calls cells[SYSCALL_CELLS];
  uint64_t failed[ERRNOS];
  uint64_t buckets[LATENCIES][BUCKETS];
};

void growth_add(struct growth *sum, const struct growth *growth);

/* The running probes' arrays. */
struct results;

/* NULL: no memory. */
struct results *results_new(const struct bpf_module *module,
                            struct bpf_programs *programs,
                            unsigned named_count);
void results_free(struct results *results);

/* So many bytes a baseline takes; it begins as zeros. */
size_t results_baseline_size(const struct results *results);

/* So many slots can be loaded at once. */
unsigned results_at_once(const struct results *results);

/* Load the slots from `first` on.  0 or a negative errno. */
int results_load(struct results *results, unsigned first, unsigned n);

/*
 * What a loaded slot (0: the first of them) grew by since its baseline was
 * taken, and its new baseline.  False: by nothing.  A 64-bit counter that fell
 * has grown by 0, and *fell counts it.
 */
bool results_growth(const struct results *results, unsigned slot,
                    void *baseline, struct growth *growth, uint64_t *fell);

#endif
