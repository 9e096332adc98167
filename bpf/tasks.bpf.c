// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * Every task in a few reads: all of /proc/<pid>/{stat,status,io,schedstat,fd}
 * that has a number, without a line of text.
 *
 * The visit of a leader sums its whole process: what signal_struct keeps of
 * the threads that ended, and a walk over the living.  So a thread that ends
 * between two visits is neither lost nor counted twice.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "proctrace.h"

#include "compat.bpf.h"
#include "process.bpf.h"
#include "watch.bpf.h"

#define RLIMIT_NOFILE 7
#define MAX_THREADS (1 << 22) /* the kernel's PID_MAX_LIMIT */

/* The task that is visited: too large for the stack.  For each CPU, since
 * several may read. */
struct visited {
  struct task_record head;
  struct process_record process;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct visited);
} visited SEC(".maps");

/* --- sums over threads --- */

/* What the walk over the threads of a process carries along. */
struct walk {
  struct process_record *process;
  __u64 node, end; /* addresses */
  __u64 living;    /* a thread that has memory and files */
};

/* By assignment: an initializer with an address in it would become a constant
 * that nobody relocates. */
static __always_inline void begin_walk(struct walk *walk,
                                       struct process_record *process) {
  walk->process = process;
  walk->node = walk->end = walk->living = 0;
}

static __always_inline void add_thread(struct process_record *process,
                                       struct task_struct *task) {
  __u32 state = state_index(task);
  if (state < TASK_STATES)
    process->states[state]++;
  process->threads++;
  process->cpu.utime += READ(task, utime);
  process->cpu.stime += READ(task, stime);
  process->cpu.runtime += READ(task, se.sum_exec_runtime);
  process->minflt += READ(task, min_flt);
  process->majflt += READ(task, maj_flt);
  process->voluntary += READ(task, nvcsw);
  process->involuntary += READ(task, nivcsw);
  if (bpf_core_field_exists(task->ioac.read_bytes)) {
    process->rchar += READ(task, ioac.rchar);
    process->wchar += READ(task, ioac.wchar);
    process->syscr += READ(task, ioac.syscr);
    process->syscw += READ(task, ioac.syscw);
    process->read_bytes += READ(task, ioac.read_bytes);
    process->write_bytes += READ(task, ioac.write_bytes);
  }
}

static long visit_thread(__u32 index, struct walk *walk) {
  if (walk->node == walk->end)
    return 1;
  __u64 address =
      walk->node - bpf_core_field_offset(struct task_struct, thread_node);
  struct task_struct *task = AT(struct task_struct, address);
  add_thread(walk->process, task);
  if (READ(task, mm) != NULL)
    walk->living = address;
  walk->node = read_u64((void *)walk->node); /* its next */
  return 0;
}

static __always_inline __u32 get_sequence(struct signal_struct *signal) {
  return *(volatile __u32 *)&signal->stats_lock.seqcount.seqcount.sequence;
}

/*
 * One attempt.  False: a thread ended meanwhile, and its numbers went over from
 * its task to signal_struct (kernel/exit.c __exit_signal(), under this lock).
 */
static __noinline bool try_sum(struct walk *walk, struct task_struct *leader) {
  struct process_record *process = walk->process;
  struct signal_struct *signal = leader->signal;
  __u32 sequence = get_sequence(signal);
  read_barrier();
  set_dead_threads(process, signal);
  __s32 threads = signal->nr_threads;
  if (threads == 1) {
    add_thread(process, leader);
  } else if (threads > 1) { /* 0: reaped just now, and added to the dead ones */
    walk->node = read_u64(&signal->thread_head);
    walk->end = (__u64)&signal->thread_head;
    bpf_loop(MAX_THREADS, visit_thread, walk, 0);
  }
  read_barrier();
  return !(sequence & 1) && sequence == get_sequence(signal);
}

/* How often it is tried.  No loop: Linux 6.1 takes none that is entered in its
 * middle, as clang likes to lay it out. */
static __always_inline bool sum_threads(struct walk *walk,
                                        struct task_struct *leader) {
  return try_sum(walk, leader) || try_sum(walk, leader) ||
         try_sum(walk, leader) || try_sum(walk, leader);
}

/* --- memory and files ---
 *
 * Both belong to the thread until it exits, and are freed without waiting for
 * readers.  A read of freed memory does no harm but is worth nothing: it
 * counts only if the task still points to what was read.
 */

static __always_inline bool add_memory(struct process_record *process,
                                       struct task_struct *task) {
  struct mm_struct *mm = AT(struct mm_struct, READ(task, mm));
  if (mm == NULL)
    return false;
  process->vm = READ(mm, total_vm);
  process->vm_peak = READ(mm, hiwater_vm);
  process->rss = get_pages(mm, &process->swap);
  process->rss_peak = READ(mm, hiwater_rss);
  read_barrier();
  return READ(task, mm) == mm;
}

struct bitmap {
  __u64 address;
  __u32 words, count;
};

static long count_word(__u32 index, struct bitmap *map) {
  if (index >= map->words)
    return 1;
  map->count +=
      __builtin_popcountll(read_u64((void *)(map->address + index * 8)));
  return 0;
}

static __always_inline bool add_files(struct process_record *process,
                                      struct task_struct *task) {
  struct files_struct *files = AT(struct files_struct, READ(task, files));
  if (files == NULL)
    return false;
  struct fdtable *table = AT(struct fdtable, READ(files, fdt));
  struct bitmap map = {
      .address = (__u64)READ(table, open_fds),
      .words = READ(table, max_fds) / 64,
  };
  count_word(0, &map);
  if (map.words > 1) {
    map.address += 8;
    map.words--;
    bpf_loop(map.words, count_word, &map, 0);
  }
  process->files = map.count;
  read_barrier();
  return READ(task, files) == files;
}

/* --- records --- */

static __always_inline void write_thread(struct seq_file *seq,
                                         struct task_struct *task) {
  struct thread_numbers numbers = {
      .cpu = {.utime = task->utime,
              .stime = task->stime,
              .runtime = task->se.sum_exec_runtime,
              .shown_utime = task->prev_cputime.utime,
              .shown_stime = task->prev_cputime.stime},
      .minflt = task->min_flt,
      .majflt = task->maj_flt,
      .voluntary = task->nvcsw,
      .involuntary = task->nivcsw,
  };
  copy_comm(numbers.comm, task);
  bpf_seq_write(seq, &numbers, sizeof(numbers));
}

/* Returns what of it is valid. */
static __always_inline __u32 fill_process(const struct reader *reader,
                                          struct process_record *process,
                                          struct task_struct *task) {
  struct signal_struct *signal = task->signal;
  struct walk walk;
  begin_walk(&walk, process);
  __u32 has = HAS_PROCESS;
  if (bpf_core_field_exists(signal->ioac.read_bytes))
    has |= HAS_IO;
  /* What was shown to others, before what there is: never more than that. */
  set_identity(process, task);
  read_barrier();
  if (sum_threads(&walk, task))
    has |= HAS_SUMS;
  process->parent = get_pid(reader, task->real_parent);
  process->start_offset = (__s64)reader->offset;
  process->files_limit = signal->rlim[RLIMIT_NOFILE].rlim_cur;
  if (process->flags & PF_KTHREAD)
    return has;
  /* The leader's; where that one has exited, another thread's. */
  if (task->mm == NULL && walk.living != 0)
    task = AT(struct task_struct, walk.living);
  if (add_memory(process, task))
    has |= HAS_MEMORY | (config.cpus <= EXACT_RSS_CPUS ? HAS_EXACT_RSS : 0);
  if (add_files(process, task))
    has |= HAS_FILES;
  return has;
}

SEC("iter/task")
int visit_task(struct bpf_iter__task *context) {
  struct seq_file *seq = context->meta->seq;
  struct task_struct *visiting = context->task;
  __u32 first = 0;
  struct visited *record = bpf_map_lookup_elem(&visited, &first);
  if (visiting == NULL || record == NULL)
    return 0;
  /* Untrusted, for the verifier looks at each member of what it trusts for
   * quite a while. */
  struct task_struct *task = AT(struct task_struct, visiting);
  struct task_struct *current =
      AT(struct task_struct, bpf_get_current_task_btf());
  struct reader reader = get_reader(current);
  if (config.thread_state)
    get_thread(visiting, true);
  record->head = (struct task_record){
      .has = config.threads ? HAS_THREAD : 0,
      .tid = get_tid(&reader, task),
      .pid = get_pid(&reader, task),
      .state = state_index(task),
      .start = task->start_boottime + reader.offset,
  };
  if (bpf_core_field_exists(task->sched_info.run_delay)) {
    record->head.has |= HAS_WAIT;
    record->head.wait = task->sched_info.run_delay;
  }
  if (context->meta->seq_num == 0) {
    find_cpu_offsets();
    last_reader = reader;
  }
  if (record->head.pid == 0) /* reaped just now: it has no ids any more */
    return 0;
  if (task->pid == task->tgid) {
    record->head.has |= fill_process(&reader, &record->process, task);
    bpf_seq_write(seq, record, sizeof(*record));
  } else {
    bpf_seq_write(seq, &record->head, sizeof(record->head));
  }
  if (config.threads)
    write_thread(seq, task);
  return 0;
}
