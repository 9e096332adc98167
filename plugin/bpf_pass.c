/* SPDX-License-Identifier: MIT */
#include "bpf_pass.h"

#include "procfs.h"
#include "proctext.h"
#include "room.h"

#include "../bpf/proctrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static bool reserve_thread(struct bpf_pass *pass) {
  struct thread_list *list = &pass->threads;
  return make_room(list->threads, list->capacity, list->count + 1) &&
         (!pass->with_threads ||
          make_room(pass->numbers, pass->numbers_capacity, list->count + 1));
}

/* --- what the last pass has seen --- */

/* What the last pass has seen of this thread, or NULL.  Asked for in the order
 * of tids. */
static const struct thread_seen *find_old_thread(struct bpf_pass *pass,
                                                 pid_t tid, uint64_t start) {
  const struct thread_list *old = &pass->old_threads;
  for (; pass->old_thread < old->count; pass->old_thread++) {
    const struct thread_seen *thread = &old->threads[pass->old_thread];
    if (thread->tid >= tid)
      return thread->tid == tid && thread->start == start ? thread : NULL;
  }
  return NULL;
}

static const struct process_seen *find_old_process(struct bpf_pass *pass,
                                                   pid_t pid, uint64_t start) {
  const struct process_list *old = &pass->old_processes;
  for (; pass->old_process < old->count; pass->old_process++) {
    const struct process_seen *process = &old->processes[pass->old_process];
    if (process->pid >= pid)
      return process->pid == pid && process->start == start ? process : NULL;
  }
  return NULL;
}

/* --- one record --- */

static char letter_of(uint32_t state) {
  return state < TASK_STATES ? "RSDTtXZPI"[state] : '?';
}

static struct cputime adjust(const struct raw_cputime *raw,
                             struct cputime shown) {
  struct cputime by_kernel = {raw->shown_utime, raw->shown_stime};
  return cputime_adjust((struct cputime){raw->utime, raw->stime}, raw->runtime,
                        cputime_later(by_kernel, shown));
}

static bool add_thread(struct bpf_pass *pass, const struct task_record *record,
                       const struct thread_numbers *numbers) {
  if (!reserve_thread(pass))
    return false;
  size_t place = pass->threads.count++;
  pass->threads.threads[place] = (struct thread_seen){
      .start = record->start,
      .wait = record->wait,
      .tid = (pid_t)record->tid,
      .pid = (pid_t)record->pid,
      .state = letter_of(record->state),
  };
  if (pass->with_threads)
    pass->numbers[place] =
        numbers != NULL ? *numbers : (struct thread_numbers){.minflt = 0};
  return true;
}

/* /proc shows whole clock ticks, and so do we: nobody can tell the source. */
static uint64_t whole_ticks_us(const struct bpf_pass *pass, uint64_t ns) {
  return ns / (NS_PER_SECOND / pass->ticks) * (1000000 / pass->ticks);
}

/* What is in stat, and so always told, of a process or a thread. */
static void set_stat(const struct bpf_pass *pass,
                     const struct snapshot *snapshot, uint64_t start,
                     struct cputime cpu, uint64_t minflt, uint64_t majflt,
                     struct task *task) {
  task->start = start / (NS_PER_SECOND / pass->ticks);
  task_set(task, FIELD_UTIME, whole_ticks_us(pass, cpu.utime));
  task_set(task, FIELD_STIME, whole_ticks_us(pass, cpu.stime));
  task_set(task, FIELD_MINFLT, minflt);
  task_set(task, FIELD_MAJFLT, majflt);
  task_set(task, FIELD_AGE,
           snapshot->now_ticks > task->start
               ? (snapshot->now_ticks - task->start) / pass->ticks
               : 0);
}

static void set_states(struct task *task, const uint32_t states[TASK_STATES]) {
  for (uint32_t i = 0; i < TASK_STATES; i++)
    task->value[state_field(letter_of(i))] += states[i];
}

#define RANGE(first, last)                                                     \
  ((FIELD_BIT((last) + 1) - 1) & ~(FIELD_BIT(first) - 1))
#define STATE_FIELDS RANGE(FIELD_RUNNING, FIELD_IDLE)
#define SWITCH_FIELDS                                                          \
  (FIELD_BIT(FIELD_VOLUNTARY) | FIELD_BIT(FIELD_INVOLUNTARY))
#define IO_FIELDS RANGE(FIELD_RCHAR, FIELD_WRITE_BYTES)
#define COUNTER_FIELDS (FIELD_BIT(COUNTER_COUNT) - 1)
#define MEMORY_FIELDS RANGE(FIELD_VM, FIELD_SWAP)

/* Those of value[] that detail() reveals; a set of what there is. */
static field_set set_details(const struct bpf_pass *pass, unsigned has,
                             const struct process_record *record,
                             struct task *task) {
  uint64_t *value = task->value;
  field_set found = STATE_FIELDS | SWITCH_FIELDS | FIELD_BIT(FIELD_RUNTIME);
  set_states(task, record->states);
  value[FIELD_VOLUNTARY] = record->voluntary;
  value[FIELD_INVOLUNTARY] = record->involuntary;
  value[FIELD_RUNTIME] = record->cpu.runtime;
  if (has & HAS_WAIT) /* bpf_pass_end() has the value */
    found |= FIELD_BIT(FIELD_WAIT);
  if (has & HAS_IO) {
    value[FIELD_RCHAR] = record->rchar;
    value[FIELD_WCHAR] = record->wchar;
    value[FIELD_SYSCR] = record->syscr;
    value[FIELD_SYSCW] = record->syscw;
    value[FIELD_READ_BYTES] = record->read_bytes;
    value[FIELD_WRITE_BYTES] = record->write_bytes;
    found |= IO_FIELDS;
  }
  if (has & HAS_MEMORY) {
    uint64_t rss = (uint64_t)record->rss, rss_peak = (uint64_t)record->rss_peak;
    value[FIELD_VM] = record->vm * pass->page_size;
    value[FIELD_VM_PEAK] =
        (record->vm > record->vm_peak ? record->vm : record->vm_peak) *
        pass->page_size;
    value[FIELD_RSS] = rss * pass->page_size;
    value[FIELD_RSS_PEAK] = (rss > rss_peak ? rss : rss_peak) * pass->page_size;
    value[FIELD_SWAP] = (uint64_t)record->swap * pass->page_size;
    found |= MEMORY_FIELDS;
  }
  if (has & HAS_FILES) {
    value[FIELD_FDS] = record->files;
    found |= FIELD_BIT(FIELD_FDS);
    if (record->files_limit != 0 && record->files_limit != RLIM_INFINITY) {
      value[FIELD_FD_USED_PPM] = record->files * 1000000 / record->files_limit;
      found |= FIELD_BIT(FIELD_FD_USED_PPM);
    }
  }
  return found;
}

/*
 * The groups that detail() need not ask procfs for.  Memory and files that
 * were not there just when we looked may be gone, or may have changed hands.
 */
static unsigned given_groups(const struct bpf_pass *pass, unsigned has,
                             const struct task *task) {
  unsigned given = GROUP_BASIC | GROUP_STATE | GROUP_CPU | GROUP_CONTEXTSWITCH |
                   GROUP_IO | GROUP_SCHED | GROUP_BLOCKED |
                   (pass->with_threads ? GROUP_THREADS : 0u);
  bool has_none = task->kernel_thread ||
                  (task->state == 'Z' && task->value[FIELD_THREADS] == 1);
  if (has_none || (has & HAS_EXACT_RSS))
    given |= GROUP_MEMORY;
  if (has_none || (has & HAS_FILES))
    given |= GROUP_FILES;
  return given;
}

/* False: no memory. */
static bool add_process(struct bpf_pass *pass, struct snapshot *snapshot,
                        const struct task_record *head,
                        const struct process_record *record) {
  struct process_list *list = &pass->processes;
  if (!make_room(list->processes, list->capacity, list->count + 1))
    return false;
  struct task *task = snapshot_add_task(snapshot);
  if (task == NULL)
    return false;
  struct process_seen *seen = &list->processes[list->count++];
  const struct process_seen *old =
      find_old_process(pass, (pid_t)head->pid, head->start);
  *seen = (struct process_seen){.pid = (pid_t)head->pid, .start = head->start};
  if (old != NULL) {
    seen->wait = old->wait;
    seen->shown = old->shown;
    seen->old_thread_count = old->thread_count;
  }
  seen->thread_count = record->threads;
  seen->shown = adjust(&record->cpu, seen->shown);
  task->pid = seen->pid;
  task->ppid = (pid_t)record->parent;
  task->kernel_pid = record->kernel_pid;
  snapshot->boottime_offset = record->start_offset;
  memcpy(task->comm, record->comm, COMM_SIZE);
  task->comm[COMM_SIZE - 1] = '\0';
  task->state = letter_of(head->state);
  task->kernel_thread = record->flags & STAT_FLAG_KERNEL_THREAD;
  task->reaped_minflt = record->reaped_minflt;
  task->tree_minflt = record->minflt + record->reaped_minflt;
  set_stat(pass, snapshot, head->start, seen->shown, record->minflt,
           record->majflt, task);
  task_set(task, FIELD_PROCESSES, 1);
  task_set(task, FIELD_THREADS, record->threads);
  seen->found = set_details(pass, head->has, record, task);
  seen->given = given_groups(pass, head->has, task);
  if (head->has & HAS_MEMORY) {
    task->valid |= FIELD_BIT(FIELD_VM);
    task->rss_rough = task->value[FIELD_RSS];
  }
  return true;
}

/*
 * A process whose threads end faster than the kernel's program could add them
 * up: /proc takes the lock for that, so ask there.  Its sums over threads go
 * on with the next pass.
 */
static bool add_torn_process(struct bpf_pass *pass, struct snapshot *snapshot,
                             const struct task_record *head) {
  struct process_list *list = &pass->processes;
  size_t before = snapshot->count;
  if (!make_room(list->processes, list->capacity, list->count + 1))
    return false;
  snapshot->complete &=
      procfs_scan_process(pass->procfs, snapshot, (pid_t)head->pid);
  if (snapshot->count == before)
    return true;
  const struct process_seen *old =
      find_old_process(pass, (pid_t)head->pid, head->start);
  struct process_seen *seen = &list->processes[list->count++];
  *seen = old != NULL ? *old
                      : (struct process_seen){.pid = (pid_t)head->pid,
                                              .start = head->start};
  seen->first_thread = seen->last_thread = 0;
  seen->found = 0;
  seen->given = GROUP_CONTEXTSWITCH | GROUP_SCHED;
  return true;
}

/* --- a pass --- */

/* Is all of a record there? */
static bool is_whole(const char *at, size_t length) {
  const struct task_record *head = (const struct task_record *)at;
  return length >= sizeof(*head) &&
         length >=
             sizeof(*head) +
                 (head->has & HAS_PROCESS ? sizeof(struct process_record) : 0) +
                 (head->has & HAS_THREAD ? sizeof(struct thread_numbers) : 0);
}

int bpf_pass_take(struct bpf_pass *pass, struct snapshot *snapshot,
                  const char *at, size_t length) {
  const char *end = at + length;
  while (at < end) {
    if (!is_whole(at, (size_t)(end - at)))
      return -EBADMSG;
    const struct task_record *head = (const struct task_record *)at;
    const struct thread_numbers *numbers = NULL;
    const struct process_record *process = NULL;
    at += sizeof(*head);
    if (head->has & HAS_PROCESS) {
      process = (const struct process_record *)at;
      at += sizeof(*process);
    }
    if (head->has & HAS_THREAD) {
      numbers = (const struct thread_numbers *)at;
      at += sizeof(*numbers);
    }
    if (!add_thread(pass, head, numbers))
      return -ENOMEM;
    if (process == NULL)
      continue;
    bool added = head->has & HAS_SUMS
                     ? add_process(pass, snapshot, head, process)
                     : add_torn_process(pass, snapshot, head);
    if (!added)
      return -ENOMEM;
  }
  return 0;
}

void bpf_pass_begin(struct bpf_pass *pass) {
  struct thread_list threads = pass->old_threads;
  pass->old_threads = pass->threads;
  pass->threads = threads;
  struct process_list processes = pass->old_processes;
  pass->old_processes = pass->processes;
  pass->processes = processes;
  pass->threads.count = pass->processes.count = 0;
  pass->old_thread = pass->old_process = 0;
}

/* Processes are mostly asked for in order. */
static struct process_seen *find_process(struct bpf_pass *pass, pid_t pid,
                                         size_t *hint) {
  struct process_seen *processes = pass->processes.processes;
  size_t low = 0, high = pass->processes.count;
  for (size_t i = *hint; i < high && i <= *hint + 1; i++)
    if (processes[i].pid == pid)
      return &processes[*hint = i];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (processes[middle].pid < pid)
      low = middle + 1;
    else
      high = middle;
  }
  *hint = low;
  return low < pass->processes.count && processes[low].pid == pid
             ? &processes[low]
             : NULL;
}

/* It had several threads at the last pass and has one now. */
static bool was_joined(const struct process_seen *process) {
  return process->thread_count == 1 && process->old_thread_count > 1;
}

/*
 * If another thread than the leader has called execve(), it is the leader now
 * (fs/exec.c de_thread()): so the greatest value of the last pass that it can
 * have grown from is its own.
 */
static const struct thread_seen *find_greatest(const struct bpf_pass *pass,
                                               const struct thread_seen *now) {
  const struct thread_seen *best = NULL;
  for (size_t i = 0; i < pass->old_threads.count; i++) {
    const struct thread_seen *old = &pass->old_threads.threads[i];
    if (old->pid == now->pid && old->wait <= now->wait &&
        (best == NULL || old->wait > best->wait))
      best = old;
  }
  return best;
}

/*
 * The kernel forgets how long a thread waited once that has ended: so the
 * process's sum is one of ours, and grows by what each of its threads grew.
 */
void bpf_pass_end(struct bpf_pass *pass, struct snapshot *snapshot) {
  size_t hint = 0;
  for (uint32_t i = 0; i < pass->threads.count; i++) {
    struct thread_seen *thread = &pass->threads.threads[i];
    const struct thread_seen *old =
        find_old_thread(pass, thread->tid, thread->start);
    struct process_seen *process = find_process(pass, thread->pid, &hint);
    if (old != NULL)
      thread->shown = old->shown;
    if (process == NULL)
      continue;
    process->wait += thread->wait;
    if (was_joined(process))
      old = find_greatest(pass, thread);
    if (old != NULL && old->wait <= thread->wait)
      process->wait -= old->wait;
    snapshot->tasks[process - pass->processes.processes].value[FIELD_WAIT] =
        process->wait;
    if (pass->with_threads)
      thread->shown = adjust(&pass->numbers[i].cpu, thread->shown);
    if (process->last_thread != 0)
      pass->threads.threads[process->last_thread - 1].next = i + 1;
    else
      process->first_thread = i + 1;
    process->last_thread = i + 1;
  }
}

/* --- processes that ended --- */

void bpf_pass_tell_ended(const struct bpf_pass *pass,
                         const struct snapshot *snapshot,
                         const struct exit_record *record,
                         struct ended *ended) {
  const struct process_record *process = &record->process;
  struct task *task = &ended->task;
  struct cputime cpu = adjust(&process->cpu, (struct cputime){0});
  task->pid = (pid_t)record->head.pid;
  task->ppid = (pid_t)process->parent;
  memcpy(task->comm, process->comm, COMM_SIZE);
  task->comm[COMM_SIZE - 1] = '\0';
  task->tree_minflt = process->minflt + process->reaped_minflt;
  task->reaped_minflt = process->reaped_minflt;
  set_stat(pass, snapshot, record->head.start, cpu, process->minflt,
           process->majflt, task);
  /* To the microsecond: of many short lives none may fill a clock tick. */
  task_set(task, FIELD_UTIME, cpu.utime / 1000);
  task_set(task, FIELD_STIME, cpu.stime / 1000);
  task->valid |= set_details(pass, record->head.has, process, task);
  task->valid &= COUNTER_FIELDS & ~FIELD_BIT(FIELD_WAIT);
  ended->user = record->user;
}

/* --- what is told on request --- */

static field_set fields_of(unsigned groups) {
  return (groups & GROUP_STATE ? STATE_FIELDS : 0) |
         (groups & GROUP_CONTEXTSWITCH ? SWITCH_FIELDS : 0) |
         (groups & GROUP_SCHED
              ? FIELD_BIT(FIELD_RUNTIME) | FIELD_BIT(FIELD_WAIT)
              : 0) |
         (groups & GROUP_IO ? IO_FIELDS : 0) |
         (groups & GROUP_MEMORY ? MEMORY_FIELDS : 0) |
         (groups & GROUP_FILES
              ? FIELD_BIT(FIELD_FDS) | FIELD_BIT(FIELD_FD_USED_PPM)
              : 0);
}

static void tell_threads(const struct bpf_pass *pass,
                         const struct process_seen *process,
                         struct snapshot *snapshot, size_t index) {
  snapshot->tasks[index].first_thread = (uint32_t)snapshot->thread_count;
  for (uint32_t i = process->first_thread; i != 0;
       i = pass->threads.threads[i - 1].next) {
    const struct thread_seen *seen = &pass->threads.threads[i - 1];
    const struct thread_numbers *numbers = &pass->numbers[i - 1];
    if (snapshot->thread_count >= snapshot->thread_limit) {
      snapshot->losses[LOSS_MAX_THREADS]++;
      continue;
    }
    struct task *thread = snapshot_add_thread(snapshot);
    if (thread == NULL) {
      snapshot->losses[LOSS_FAILED]++;
      return;
    }
    struct task *task = &snapshot->tasks[index];
    task->threads++;
    thread->pid = seen->tid;
    thread->ppid = task->ppid;
    memcpy(thread->comm, numbers->comm, COMM_SIZE);
    thread->comm[COMM_SIZE - 1] = '\0';
    thread->state = seen->state;
    thread->kernel_thread = task->kernel_thread;
    thread->rss_rough = task->rss_rough;
    set_stat(pass, snapshot, seen->start, seen->shown, numbers->minflt,
             numbers->majflt, thread);
    for (enum field f = FIELD_RUNNING; f <= FIELD_IDLE; f++)
      task_set(thread, f, f == state_field(seen->state));
    task_set(thread, FIELD_VOLUNTARY, numbers->voluntary);
    task_set(thread, FIELD_INVOLUNTARY, numbers->involuntary);
    task_set(thread, FIELD_RUNTIME, numbers->cpu.runtime);
    if (process->found & FIELD_BIT(FIELD_WAIT))
      task_set(thread, FIELD_WAIT, seen->wait);
  }
}

/* The pass has seen which threads they are; what else there is to say of them
 * stands in /proc. */
static void look_at_sleepers(const struct bpf_pass *pass,
                             const struct process_seen *process,
                             struct snapshot *snapshot, size_t index) {
  if (snapshot->tasks[index].value[FIELD_BLOCKED] == 0)
    return;
  for (uint32_t i = process->first_thread; i != 0;
       i = pass->threads.threads[i - 1].next) {
    const struct thread_seen *thread = &pass->threads.threads[i - 1];
    if (thread->state == 'D')
      procfs_look_at_sleeper(pass->procfs, snapshot, thread->pid, thread->tid);
  }
}

unsigned bpf_pass_reveal(struct bpf_pass *pass, struct snapshot *snapshot,
                         size_t index, unsigned wanted) {
  struct task *task = &snapshot->tasks[index];
  size_t place = index;
  /* Some may have been taken out of the snapshot since, for want of memory. */
  const struct process_seen *process = find_process(pass, task->pid, &place);
  if (process == NULL)
    return wanted & ~task->tried;
  unsigned fresh = wanted & process->given & ~task->tried;
  task->tried |= fresh;
  task->valid |= fields_of(fresh) & process->found;
  if (fresh & GROUP_THREADS)
    tell_threads(pass, process, snapshot, index);
  if (fresh & GROUP_BLOCKED)
    look_at_sleepers(pass, process, snapshot, index);
  return wanted & ~task->tried;
}

/* --- life --- */

void bpf_pass_drop(struct bpf_pass *pass, struct snapshot *snapshot) {
  pass->threads.count = pass->processes.count = 0;
  snapshot->count = 0;
}

void bpf_pass_free(struct bpf_pass *pass) {
  free(pass->threads.threads);
  free(pass->old_threads.threads);
  free(pass->processes.processes);
  free(pass->old_processes.processes);
  free(pass->numbers);
}
