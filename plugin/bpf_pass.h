/* SPDX-License-Identifier: MIT */
/*
 * One pass over all tasks: records of the BPF iterator to a snapshot.
 *
 * Also remembers what a pass has seen until the next one: user and system time
 * never fall, and what a thread has waited is added to its process before the
 * kernel forgets it.  Knows nothing of libbpf.
 */
#ifndef PROCTRACE_BPF_PASS_H
#define PROCTRACE_BPF_PASS_H

#include "cputime.h"
#include "source.h"

/* What one pass has seen of a thread; the next one adds to that. */
struct thread_seen {
  uint64_t start, wait; /* as in struct task_record */
  struct cputime shown; /* as told; with numbers only */
  pid_t tid, pid;
  uint32_t next; /* of the same process; 0: none */
  char state;
};

struct thread_list {
  struct thread_seen *threads; /* by tid */
  size_t count, capacity;
};

/* The same of a process; besides what is not told unless asked for. */
struct process_seen {
  uint64_t start, wait; /* wait: a sum that never falls */
  struct cputime shown;
  pid_t pid;
  unsigned given;                     /* field groups that were looked at */
  field_set found;                    /* fields among them that have a value */
  uint32_t first_thread, last_thread; /* 0: none */
  uint32_t thread_count, old_thread_count;
};

struct process_list {
  struct process_seen *processes; /* by pid, as the snapshot's tasks */
  size_t count, capacity;
};

struct bpf_pass {
  unsigned ticks; /* a second */
  uint64_t page_size;
  bool with_threads;     /* each has a struct thread_numbers */
  struct source *procfs; /* asked for a process that could not be added up */
  /* Of this pass and of the last; the walk has come so far in the latter. */
  struct thread_list threads, old_threads;
  struct process_list processes, old_processes;
  size_t old_thread, old_process;
  struct thread_numbers *numbers; /* one for each of the threads */
  size_t numbers_capacity;
};

/* A new pass; what the last one has seen is the old now. */
void bpf_pass_begin(struct bpf_pass *pass);

/* Records, as bpf/proctrace.h has them, into the snapshot.  0 or a negative
 * errno. */
int bpf_pass_take(struct bpf_pass *pass, struct snapshot *snapshot,
                  const char *records, size_t length);

/* All records were taken. */
void bpf_pass_end(struct bpf_pass *pass, struct snapshot *snapshot);

/*
 * What the record of a process that ended says.  What it had waited for a CPU
 * is not in it: the kernel forgets that with each thread.
 */
struct exit_record;
void bpf_pass_tell_ended(const struct bpf_pass *pass,
                         const struct snapshot *snapshot,
                         const struct exit_record *record, struct ended *ended);

/* It failed: nothing of it is remembered. */
void bpf_pass_drop(struct bpf_pass *pass, struct snapshot *snapshot);

/*
 * Make those values of a process valid that stand in these groups.  Returns
 * the groups that have to be asked of procfs.
 */
unsigned bpf_pass_reveal(struct bpf_pass *pass, struct snapshot *snapshot,
                         size_t index, unsigned wanted);

void bpf_pass_free(struct bpf_pass *pass);

#endif
