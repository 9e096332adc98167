/* SPDX-License-Identifier: MIT */
#include "procfs_rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const enum field sum_fields[SUMS] = {FIELD_VOLUNTARY, FIELD_INVOLUNTARY,
                                            FIELD_RUNTIME, FIELD_WAIT};

static void count_reading_loss(const struct reading *r, int error) {
  count_loss(r->procfs, r->snapshot, error, LOSS_FAILED);
}

static int compare_tids(const void *a, const void *b) {
  pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
  return (left > right) - (left < right);
}

static const struct thread_base *base_find(const struct known *known,
                                           pid_t tid) {
  struct thread_base *bases = known->threads;
  return bases == NULL ? NULL
                       : bsearch(&tid, bases, known->thread_count,
                                 sizeof(*bases), compare_tids);
}

/*
 * Add what a thread did since the last look.  A value that fell belongs to
 * another thread that was given the same id.
 */
static void add_thread(struct known *known, struct thread_base *now,
                       unsigned valid) {
  const struct thread_base *before = base_find(known, now->tid);
  for (int i = 0; i < SUMS; i++) {
    uint64_t last = before == NULL ? 0 : before->last[i];
    if (!(valid & 1u << i))
      now->last[i] = last;
    else
      known->sums[i] += now->last[i] - (last <= now->last[i] ? last : 0);
  }
}

/* A file of one thread; those of the leader are the process's own. */
static ssize_t read_file(const struct reading *r, pid_t tid, enum kept which) {
  struct procfs *procfs = r->procfs;
  if (tid == r->known->pid) {
    tid = 0;
    int fd = known_descriptor(&procfs->known, r->known, which);
    if (fd >= 0)
      return proc_reread(fd, &procfs->text);
  }
  char path[PROC_PATH_SIZE];
  proc_path(path, r->known->pid, tid, kept_names[which]);
  return proc_read(procfs->root_fd, path, &procfs->text);
}

static void set_memory(const struct reading *r,
                       const struct status_text *status) {
  struct task *task = task_of(r);
  if (status->has & STATUS_VM)
    task_set(task, FIELD_VM, status->vm);
  if (status->has & STATUS_VM_PEAK)
    task_set(task, FIELD_VM_PEAK, status->vm_peak);
  if (status->has & STATUS_RSS)
    task_set(task, FIELD_RSS, status->rss);
  if (status->has & STATUS_RSS_PEAK)
    task_set(task, FIELD_RSS_PEAK, status->rss_peak);
  if (status->has & STATUS_SWAP)
    task_set(task, FIELD_SWAP, status->swap);
}

/*
 * Read what the kernel keeps for each thread alone, and the process's memory
 * where this is the thread that shows it.  Returns a bit for each of SUMS that
 * was read; *state stays 0 where status was not wanted or the thread is gone.
 */
static unsigned read_thread(const struct reading *r, pid_t tid, unsigned wanted,
                            struct thread_base *base, char *state) {
  struct procfs *procfs = r->procfs;
  unsigned valid = 0;
  bool memory = (r->wanted & GROUP_MEMORY) &&
                tid == (r->living != 0 ? r->living : r->known->pid);
  if (memory || (wanted & ~GROUP_SCHED)) {
    struct status_text status;
    ssize_t n = read_file(r, tid, KEPT_STATUS);
    if (n < 0) {
      count_reading_loss(r, (int)-n);
      return 0;
    }
    if (!parse_status(procfs->text.data, (size_t)n, &status)) {
      count_reading_loss(r, EBADMSG);
      return 0;
    }
    *state = status.state;
    if (memory)
      set_memory(r, &status);
    if ((status.has & STATUS_VOLUNTARY) && (status.has & STATUS_INVOLUNTARY)) {
      base->last[SUM_VOLUNTARY] = status.voluntary;
      base->last[SUM_INVOLUNTARY] = status.involuntary;
      valid |= 1u << SUM_VOLUNTARY | 1u << SUM_INVOLUNTARY;
    }
  }
  if (wanted & GROUP_SCHED) {
    ssize_t n = read_file(r, tid, KEPT_SCHEDSTAT);
    if (n < 0) /* ENOENT: it ended, or a kernel without SCHED_INFO */
      count_reading_loss(r, (int)-n);
    else if (parse_schedstat(procfs->text.data, (size_t)n,
                             &base->last[SUM_RUNTIME], &base->last[SUM_WAIT]))
      valid |= 1u << SUM_RUNTIME | 1u << SUM_WAIT;
  }
  return valid;
}

/* A record of its own for a thread, on request. */
static void record_thread(const struct reading *r,
                          const struct thread_base *base, unsigned valid) {
  struct procfs *procfs = r->procfs;
  char path[PROC_PATH_SIZE];
  struct stat_text stat;
  proc_path(path, r->known->pid, base->tid, "stat");
  ssize_t n = proc_read(procfs->root_fd, path, &procfs->text);
  if (n < 0 || !parse_stat(procfs->text.data, (size_t)n, &stat))
    return;
  struct task *thread = snapshot_add_thread(r->snapshot);
  if (thread == NULL)
    return;
  task_from_stat(procfs, r->snapshot, &stat, thread);
  /* Of a thread these are its process's, or say nothing. */
  thread->valid &= ~(FIELD_BIT(FIELD_VM) | FIELD_BIT(FIELD_PROCESSES) |
                     FIELD_BIT(FIELD_THREADS));
  for (enum field f = FIELD_RUNNING; f <= FIELD_IDLE; f++)
    task_set(thread, f, f == state_field(stat.state));
  for (int i = 0; i < SUMS; i++)
    if (valid & 1u << i)
      task_set(thread, sum_fields[i], base->last[i]);
  task_of(r)->threads++;
}

static void count_state(struct task *task, char state) {
  if (!task_has(task, FIELD_RUNNING))
    for (enum field f = FIELD_RUNNING; f <= FIELD_IDLE; f++)
      task_set(task, f, 0);
  task->value[state_field(state)]++;
}

/* The wait channel of one thread that sleeps. */
static void read_wchan(const struct reading *r, pid_t tid) {
  struct procfs *procfs = r->procfs;
  char path[PROC_PATH_SIZE];
  proc_path(path, r->known->pid, tid, "wchan");
  ssize_t n = proc_read(procfs->root_fd, path, &procfs->text);
  if (n < 0) {
    count_loss(procfs, r->snapshot, (int)-n, LOSS_WCHAN_DENIED);
    return;
  }
  const char *symbol = procfs->text.data;
  size_t length = strnlen(symbol, (size_t)n);
  /* "0" of a thread that sleeps: the kernel does not say without the right
   * to trace it (fs/proc/base.c proc_pid_wchan()). */
  if (length == 0 || (length == 1 && symbol[0] == '0')) {
    r->snapshot->losses[LOSS_WCHAN_DENIED]++;
    return;
  }
  if (length > SYMBOL_SIZE - 1)
    length = SYMBOL_SIZE - 1;
  struct task *task = task_of(r);
  struct wchan *wchans = r->snapshot->wchans + task->first_wchan;
  for (size_t i = 0; i < task->wchans; i++) {
    if (strncmp(wchans[i].symbol, symbol, length) == 0 &&
        wchans[i].symbol[length] == '\0') {
      wchans[i].threads++;
      return;
    }
  }
  struct wchan *wchan = snapshot_add_wchan(r->snapshot);
  if (wchan == NULL)
    return;
  memcpy(wchan->symbol, symbol, length);
  wchan->threads = 1;
  task->wchans++;
}

static bool sleeps(char state) { return state == 'S' || state == 'D'; }

/* Set a process's sums; each is there once it was read of any thread.  One
 * that nobody asked for may be there from another source. */
static void set_sums(const struct reading *r, unsigned valid) {
  static const unsigned groups[SUMS] = {
      GROUP_CONTEXTSWITCH, GROUP_CONTEXTSWITCH, GROUP_SCHED, GROUP_SCHED};
  for (int i = 0; i < SUMS; i++)
    if ((valid & 1u << i) && (r->wanted & groups[i]))
      task_set(task_of(r), sum_fields[i], r->known->sums[i]);
}

/* Room first: once a thread is added up, its base must be kept as well, or it
 * would be added again. */
static bool reserve_bases(struct known *known, size_t count) {
  if (count <= known->thread_count)
    return true;
  struct thread_base *larger = realloc(known->threads, count * sizeof(*larger));
  if (larger != NULL)
    known->threads = larger;
  return larger != NULL;
}

static void keep_bases(struct known *known, const struct thread_base *bases,
                       size_t count) {
  memcpy(known->threads, bases, count * sizeof(*bases));
  if (count < known->thread_count) {
    struct thread_base *fitting =
        realloc(known->threads, count * sizeof(*fitting));
    if (fitting != NULL)
      known->threads = fitting;
  }
  known->thread_count = count;
}

static bool reserve_scratch(struct procfs *procfs, size_t count) {
  if (count <= procfs->scratch_capacity)
    return true;
  struct thread_base *larger =
      realloc(procfs->scratch, count * sizeof(*larger));
  if (larger == NULL)
    return false;
  procfs->scratch = larger;
  procfs->scratch_capacity = count;
  return true;
}

/* The threads to read, into procfs->tids. */
static bool list_threads(const struct reading *r, unsigned wanted) {
  struct procfs *procfs = r->procfs;
  const struct task *task = task_of(r);
  char path[PROC_PATH_SIZE] = "";
  if (wanted != 0 && task->value[FIELD_THREADS] != 1) {
    proc_path(path, task->pid, 0, "task");
    int status = proc_list(procfs->root_fd, path, &procfs->tids);
    if (status != 0)
      count_reading_loss(r, -status);
    sort_numbers(&procfs->tids);
  } else {
    procfs->tids.count = 0;
    proc_numbers_add(&procfs->tids, r->living != 0 ? r->living : task->pid);
  }
  size_t count = procfs->tids.count;
  if (reserve_scratch(procfs, count) && reserve_bases(r->known, count))
    return count > 0;
  count_reading_loss(r, ENOMEM);
  return false;
}

void read_threads(const struct reading *r) {
  struct procfs *procfs = r->procfs;
  struct task *task = task_of(r);
  bool single = task->value[FIELD_THREADS] == 1;
  unsigned wanted = r->wanted & THREAD_GROUPS;
  /* Of a process with one thread, stat has told the state already. */
  unsigned to_read =
      single ? wanted & (GROUP_CONTEXTSWITCH | GROUP_SCHED) : wanted;
  if (!list_threads(r, wanted))
    return;
  if (wanted & GROUP_THREADS)
    task->first_thread = r->snapshot->thread_count;
  if (wanted & GROUP_WCHAN)
    task->first_wchan = r->snapshot->wchan_count;
  unsigned valid = 0;
  size_t count = 0;
  for (size_t i = 0; i < procfs->tids.count; i++) {
    struct thread_base *base = &procfs->scratch[count];
    char state = '\0';
    *base = (struct thread_base){.tid = procfs->tids.numbers[i]};
    unsigned has = read_thread(r, base->tid, to_read, base, &state);
    if (single)
      state = task->state;
    else if (has == 0 && state == '\0')
      continue; /* it ended since it was listed */
    add_thread(r->known, base, has);
    valid |= has;
    count++;
    if ((wanted & GROUP_STATE) && state != '\0')
      count_state(task, state);
    if ((wanted & GROUP_WCHAN) && sleeps(state))
      read_wchan(r, base->tid);
    if (wanted & GROUP_THREADS)
      record_thread(r, base, has);
  }
  if (valid != 0) {
    keep_bases(r->known, procfs->scratch, count);
    set_sums(r, valid);
  }
}
