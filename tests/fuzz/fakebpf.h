/* SPDX-License-Identifier: MIT */
/*
 * The BPF module without BPF: what the programs would do in the kernel is said
 * by the fuzzer.
 */
#ifndef PROCTRACE_TESTS_FAKEBPF_H
#define PROCTRACE_TESTS_FAKEBPF_H

#include "fuzz.h"

#include "growth.h"

#define FAKE_SLOTS 16
#define FAKE_SHARDS 2
#define FAKE_WATCHED 64
/* Kinds of events that fake_event() knows. */
#define FAKE_KINDS (LATENCY_NAMED + 1)

struct fake_kernel {
  struct syscall_stats syscalls[FAKE_SLOTS][FAKE_SHARDS];
  struct named_stats named[FAKE_SLOTS][FAKE_SHARDS][LATENCY_NAMES];
  struct sched_stats scheds[FAKE_SLOTS][FAKE_SHARDS];
  struct block_stats blocks[FAKE_SLOTS];
  struct tcpconnect_stats connects[FAKE_SLOTS];
  struct syscall_cells cells;
  /* Anything may stand above; below is the module's own. */
  struct probe_state state;
  struct probe_setup setup;
  bool with_threads;
  struct {
    uint32_t pid;
    struct watched entry;
  } watched[FAKE_WATCHED];
  unsigned watched_count;
};
extern struct fake_kernel fake_kernel;

extern const struct bpf_module fake_module;

/* Nothing has happened. */
void fake_begin(void);

/* An event of a kind that has a latency; `number`: of the system call. */
void fake_event(enum latency kind, unsigned slot, unsigned shard,
                unsigned number, uint64_t ns);

/*
 * Records of the iterator as the kernel writes them: ids ascend, the numbers
 * are the input's.  How many bytes.
 */
#define FAKE_RECORDS 64
#define FAKE_RECORDS_SIZE                                                      \
  (FAKE_RECORDS *                                                              \
   (sizeof(struct task_record) + sizeof(struct process_record) +               \
    sizeof(struct thread_numbers)))
size_t fake_records(struct input *input, bool with_threads, char *out);

/* The numbers of one process; no sum of them goes round. */
void fake_process_numbers(struct input *input, struct process_record *process);

#endif
