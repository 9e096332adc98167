/* SPDX-License-Identifier: MIT */
#include "procfs.h"
#include "procfs_rooms.h"

#include "room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum field sum_fields[SUMS] = {FIELD_VOLUNTARY, FIELD_INVOLUNTARY,
                                            FIELD_RUNTIME, FIELD_WAIT};

static const unsigned sum_groups[SUMS] = {
    GROUP_CONTEXTSWITCH, GROUP_CONTEXTSWITCH, GROUP_SCHED, GROUP_SCHED};

static void count_reading_loss(const struct reading *r, int error) {
  count_loss(r->procfs, r->snapshot, error, LOSS_FAILED);
}

static const struct thread_base *base_find(const struct known *known,
                                           pid_t tid) {
  struct thread_base *bases = known->threads;
  return bases == NULL ? NULL
                       : bsearch(&tid, bases, known->thread_count,
                                 sizeof(*bases), compare_pids);
}

/* ns where they are known, beside which switches weigh nothing. */
static uint64_t weight_of(const struct thread_base *base, unsigned valid) {
  uint64_t weight = 0;
  for (int i = 0; i < SUMS; i++)
    weight += valid & 1u << i ? base->last[i] : 0;
  return weight;
}

/*
 * The base of a process whose threads are down to one.  If another thread than
 * the leader has called execve(), it has the leader's id now (fs/exec.c
 * de_thread()): so the greatest base that it can have grown from is its own.
 * Unless it is the leader and has outrun another thread that ended: then too
 * little is told of this interval, and never too much.
 */
static const struct thread_base *base_of_last(const struct known *known,
                                              const struct thread_base *now,
                                              unsigned valid) {
  const struct thread_base *best = NULL;
  for (size_t t = 0; t < known->thread_count; t++) {
    const struct thread_base *base = &known->threads[t];
    bool fits = true;
    for (int i = 0; i < SUMS; i++)
      fits &= !(valid & 1u << i) || base->last[i] <= now->last[i];
    if (fits &&
        (best == NULL || weight_of(base, valid) > weight_of(best, valid)))
      best = base;
  }
  return best;
}

/*
 * Add what a thread did since the last look.  A value that fell belongs to
 * another thread that was given the same id.
 */
static void add_thread(struct known *known, struct thread_base *now,
                       const struct thread_base *before, unsigned valid) {
  now->known = valid | (before == NULL ? 0 : before->known);
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
    int fd = r->wanted & GROUP_BASIC
                 ? known_descriptor(&procfs->known, r->known, which)
                 : r->known->fds[which];
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

static bool is_gone(ssize_t n) { return n == -ENOENT || n == -ESRCH; }

/* What is read of one thread. */
struct look {
  unsigned valid; /* a bit for each of SUMS */
  char state;     /* 0: not known */
  bool gone;      /* it has ended since it was listed */
};

static void look_at_status(const struct reading *r, bool memory,
                           struct thread_base *base, struct look *look) {
  struct status_text status;
  ssize_t n = read_file(r, base->tid, KEPT_STATUS);
  look->gone = is_gone(n);
  if (n < 0) {
    count_reading_loss(r, (int)-n);
    return;
  }
  if (!parse_status(r->procfs->text.data, (size_t)n, &status)) {
    count_reading_loss(r, EBADMSG);
    return;
  }
  look->state = status.state;
  if (memory)
    set_memory(r, &status);
  if ((status.has & STATUS_SWITCHES) == STATUS_SWITCHES) {
    base->last[SUM_VOLUNTARY] = status.voluntary;
    base->last[SUM_INVOLUNTARY] = status.involuntary;
    look->valid |= 1u << SUM_VOLUNTARY | 1u << SUM_INVOLUNTARY;
  } else { /* they are its last lines: it is not whole */
    count_reading_loss(r, EBADMSG);
  }
}

/* ENOENT: it has ended, be it just now; or the kernel is built without
 * SCHED_INFO, and has this file of nobody.  `lives`: another one of the thread
 * has just been read. */
static void look_at_schedstat(const struct reading *r, struct thread_base *base,
                              bool lives, struct look *look) {
  struct procfs *procfs = r->procfs;
  ssize_t n = read_file(r, base->tid, KEPT_SCHEDSTAT);
  procfs->has_schedstat |= n >= 0;
  if (n < 0)
    count_reading_loss(r, (int)-n);
  else if (parse_schedstat(procfs->text.data, (size_t)n,
                           &base->last[SUM_RUNTIME], &base->last[SUM_WAIT]))
    look->valid |= 1u << SUM_RUNTIME | 1u << SUM_WAIT;
  else
    count_reading_loss(r, EBADMSG);
  look->gone |=
      n == -ESRCH || (n == -ENOENT && (!lives || procfs->has_schedstat));
}

/*
 * Read what the kernel keeps for each thread alone, and the process's memory
 * where this is the thread that shows it.
 */
static struct look look_at_thread(const struct reading *r, unsigned wanted,
                                  struct thread_base *base) {
  struct look look = {0};
  bool memory = (r->wanted & GROUP_MEMORY) &&
                base->tid == (r->living != 0 ? r->living : r->known->pid);
  if (is_late(r->procfs)) {
    count_reading_loss(r, ETIME);
    return look;
  }
  bool status = memory || (wanted & ~(unsigned)GROUP_SCHED);
  if (status)
    look_at_status(r, memory, base, &look);
  if ((wanted & GROUP_SCHED) && !look.gone)
    look_at_schedstat(r, base, status, &look);
  return look;
}

/* What the scanner reads of a thread; `user` is its process or its record. */
static bool read_later(struct procfs *procfs, struct snapshot *snapshot,
                       enum slow_kind kind, pid_t pid, pid_t tid, size_t user) {
  return add_scan_read(procfs, snapshot,
                       (struct slow_read){
                           .kind = kind,
                           .pid = pid,
                           .tid = tid,
                           .fd = -1,
                           .user = user,
                       });
}

/* A record of its own for a thread, on request; its stat follows. */
static void record_thread(const struct reading *r,
                          const struct thread_base *base, unsigned valid) {
  if (r->snapshot->thread_count >= r->snapshot->thread_limit) {
    r->snapshot->losses[LOSS_MAX_THREADS]++;
    return;
  }
  struct task *thread = snapshot_add_thread(r->snapshot);
  if (thread == NULL) {
    count_reading_loss(r, ENOMEM);
    return;
  }
  for (int i = 0; i < SUMS; i++)
    if (valid & 1u << i)
      task_set(thread, sum_fields[i], base->last[i]);
  task_of(r)->threads++;
  read_later(r->procfs, r->snapshot, SLOW_STAT, r->known->pid, base->tid,
             r->snapshot->thread_count - 1);
}

static void take_thread(struct procfs *procfs, struct snapshot *snapshot,
                        const struct slow_read *read) {
  struct task *thread = &snapshot->threads[read->user];
  if (read->error != 0) {
    count_loss(procfs, snapshot, read->error, LOSS_FAILED);
    return;
  }
  task_from_stat(procfs, snapshot, &read->stat, thread);
  /* Of a thread these are its process's, or say nothing. */
  thread->valid &= ~(FIELD_BIT(FIELD_VM) | FIELD_BIT(FIELD_PROCESSES) |
                     FIELD_BIT(FIELD_THREADS));
  for (enum field f = FIELD_RUNNING; f <= FIELD_IDLE; f++)
    task_set(thread, f, f == state_field(read->stat.state));
}

static void count_state(struct task *task, char state) {
  if (!task_has(task, FIELD_RUNNING))
    for (enum field f = FIELD_RUNNING; f <= FIELD_IDLE; f++)
      task_set(task, f, 0);
  task->value[state_field(state)]++;
}

static bool sleeps(char state) { return state == 'S' || state == 'D'; }

/* The wait channel of one thread; false: there is none to say, be it that the
 * thread runs by now, or (*missing) that it could not be read. */
static bool take_symbol(struct procfs *procfs, struct snapshot *snapshot,
                        const struct slow_read *read, char symbol[SYMBOL_SIZE],
                        bool *missing) {
  if (read->error != 0) {
    count_loss(procfs, snapshot, read->error, LOSS_WCHAN_DENIED);
    *missing |= read->error != ENOENT && read->error != ESRCH;
    return false;
  }
  snprintf(symbol, SYMBOL_SIZE, "%s", read->text);
  free(read->text);
  return true;
}

static void take_wchan(struct procfs *procfs, struct snapshot *snapshot,
                       const struct slow_read *read) {
  char symbol[SYMBOL_SIZE];
  struct task *task = &snapshot->tasks[read->user];
  if (!take_symbol(procfs, snapshot, read, symbol, &task->wchan_missing))
    return;
  if (task->wchans == 0)
    task->first_wchan = (uint32_t)snapshot->wchan_count;
  for (size_t i = 0; i < task->wchans; i++) {
    struct wchan *known = &snapshot->wchans[task->first_wchan + i];
    if (strcmp(known->symbol, symbol) == 0) {
      known->threads++;
      return;
    }
  }
  struct wchan *wchan = snapshot_add_wchan(snapshot);
  if (wchan == NULL) {
    task->wchan_missing = true;
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
    return;
  }
  strcpy(wchan->symbol, symbol);
  wchan->threads = 1;
  task->wchans++;
}

/* In the order in which they were asked for: by process. */
void take_thread_reads(struct procfs *procfs, struct snapshot *snapshot) {
  for (size_t i = 0; i < procfs->scan_batch.count; i++) {
    const struct slow_read *read = &procfs->scan_batch.reads[i];
    if (read->kind == SLOW_WCHAN)
      take_wchan(procfs, snapshot, read);
    else
      take_thread(procfs, snapshot, read);
  }
  procfs->scan_batch.count = 0;
}

/* What comes with a sleep: false where the thread does not sleep any more, or
 * cannot be read. */
static bool read_sleep(struct procfs *procfs, struct snapshot *snapshot,
                       struct sleeper *sleeper) {
  char path[PROC_PATH_SIZE];
  struct status_text status;
  proc_path(path, sleeper->pid, sleeper->tid, "status");
  ssize_t n = proc_read(procfs->root_fd, path, &procfs->text);
  if (n < 0) {
    count_loss(procfs, snapshot, (int)-n, LOSS_PROCESS_DENIED);
    snapshot->sleepers_cut |= !is_gone(n);
    return false;
  }
  if (!parse_status(procfs->text.data, (size_t)n, &status) ||
      (status.has & STATUS_SWITCHES) != STATUS_SWITCHES) {
    count_loss(procfs, snapshot, EBADMSG, LOSS_FAILED);
    snapshot->sleepers_cut = true;
    return false;
  }
  if (status.state != 'D')
    return false;
  sleeper->switches = status.voluntary + status.involuntary;
  proc_path(path, sleeper->pid, sleeper->tid, "comm");
  n = proc_read(procfs->root_fd, path, &procfs->text);
  if (n < 1) {
    count_loss(procfs, snapshot, n < 0 ? (int)-n : EBADMSG,
               LOSS_PROCESS_DENIED);
    snapshot->sleepers_cut |= !is_gone(n);
    return false;
  }
  procfs->text.data[n - 1] = '\0'; /* a line */
  snprintf(sleeper->comm, COMM_SIZE, "%s", procfs->text.data);
  return true;
}

static void read_sleepers_wchan(struct procfs *procfs,
                                struct snapshot *snapshot,
                                struct sleeper *sleeper) {
  struct slow_batch own = {0};
  if (!slow_batch_add(&own, (struct slow_read){.kind = SLOW_WCHAN,
                                               .pid = sleeper->pid,
                                               .tid = sleeper->tid,
                                               .fd = -1})) {
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
    return;
  }
  bool ignored = false;
  slowread_start(procfs->scanner, &own);
  slowread_finish(procfs->scanner, &own);
  take_symbol(procfs, snapshot, own.reads, sleeper->wchan, &ignored);
  free(own.reads);
}

void procfs_look_at_sleeper(struct source *source, struct snapshot *snapshot,
                            pid_t pid, pid_t tid) {
  struct procfs *procfs = (struct procfs *)source;
  struct sleeper sleeper = {.pid = pid, .tid = tid};
  if (snapshot->sleeper_count >= SLEEPERS_MOST || is_late(procfs)) {
    snapshot->sleepers_cut = true;
    return;
  }
  if (!read_sleep(procfs, snapshot, &sleeper))
    return;
  read_sleepers_wchan(procfs, snapshot, &sleeper);
  struct sleeper *room = snapshot_add_sleeper(snapshot);
  if (room != NULL)
    *room = sleeper;
  else
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
}

/* Set a process's sums, each that is known of all threads: if it lacked one of
 * them, what that one had ever done would look like growth at the next look.  A
 * sum that nobody asked for may be there from another source. */
static void set_sums(const struct reading *r, unsigned valid) {
  for (int i = 0; i < SUMS; i++)
    if ((valid & 1u << i) && (r->wanted & sum_groups[i]))
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
  if (count == 0)
    return;
  memcpy(known->threads, bases, count * sizeof(*bases));
  if (count < known->thread_count) {
    struct thread_base *fitting =
        realloc(known->threads, count * sizeof(*fitting));
    if (fitting != NULL)
      known->threads = fitting;
  }
  known->thread_count = count;
}

/*
 * A thread that ends while the kernel lists the others makes it pass one over
 * (it goes on by position).  Those that were there at the last look are looked
 * for as well; who is gone indeed says so when it is read.  False: no memory.
 */
static bool add_known_threads(const struct reading *r) {
  struct proc_numbers *tids = &r->procfs->tids;
  size_t listed = tids->count, at = 0;
  for (size_t i = 0; i < r->known->thread_count; i++) {
    pid_t tid = r->known->threads[i].tid;
    while (at < listed && tids->numbers[at] < tid)
      at++;
    if ((at == listed || tids->numbers[at] != tid) &&
        !proc_numbers_add(tids, tid))
      return false;
  }
  proc_numbers_sort(tids);
  return true;
}

/* The threads to read, into procfs->tids. */
static bool list_threads(const struct reading *r, bool single) {
  struct procfs *procfs = r->procfs;
  const struct task *task = task_of(r);
  if (single) {
    procfs->tids.count = 0;
    proc_numbers_add(&procfs->tids, task->pid);
  } else {
    char path[PROC_PATH_SIZE];
    proc_path(path, task->pid, 0, "task");
    int status = proc_list(procfs->root_fd, path, &procfs->tids);
    proc_numbers_sort(&procfs->tids);
    if (status != -ENOMEM && !add_known_threads(r))
      status = -ENOMEM;
    if (status != 0)
      count_reading_loss(r, -status);
    if (status == -ENOMEM) /* of some threads there is nothing to tell */
      return false;
  }
  size_t count = procfs->tids.count;
  if (make_room(procfs->scratch, procfs->scratch_capacity, count) &&
      reserve_bases(r->known, count))
    return count > 0;
  count_reading_loss(r, ENOMEM);
  return false;
}

/* The states of some threads are no number of threads. */
static void drop_states(struct task *task) {
  for (enum field f = FIELD_RUNNING; f <= FIELD_IDLE; f++)
    task->valid &= ~FIELD_BIT(f);
}

/* The sums that were asked for. */
static unsigned sums_of(unsigned wanted) {
  unsigned sums = 0;
  for (int i = 0; i < SUMS; i++)
    sums |= wanted & sum_groups[i] ? 1u << i : 0;
  return sums;
}

/* Everything of the thread whose files were just looked at. */
static void enter_thread(const struct reading *r, bool single,
                         struct thread_base *base, const struct look *look) {
  struct task *task = task_of(r);
  char state = single ? task->state : look->state;
  if ((r->wanted & GROUP_STATE) && state != '\0')
    count_state(task, state);
  if (r->wanted & GROUP_WCHAN)
    task->wchan_missing |=
        state == '\0' ||
        (sleeps(state) && !read_later(r->procfs, r->snapshot, SLOW_WCHAN,
                                      r->known->pid, base->tid, r->index));
  r->snapshot->sleepers_cut |= (r->wanted & GROUP_BLOCKED) && state == '\0';
  if ((r->wanted & GROUP_BLOCKED) && state == 'D')
    procfs_look_at_sleeper(&r->procfs->source, r->snapshot, r->known->pid,
                           base->tid);
  if (r->wanted & GROUP_THREADS)
    record_thread(r, base, look->valid);
}

/*
 * A thread that could not be read this time (no descriptor, no time) keeps its
 * base; only one that is gone is forgotten.
 */
void read_threads(const struct reading *r) {
  struct procfs *procfs = r->procfs;
  struct task *task = task_of(r);
  bool single = task->value[FIELD_THREADS] == 1;
  unsigned wanted = r->wanted & THREAD_GROUPS;
  /* Of a process with one thread, stat has told the state already. */
  unsigned to_read =
      single ? wanted & (GROUP_CONTEXTSWITCH | GROUP_SCHED) : wanted;
  if (wanted == 0) { /* its memory alone */
    struct thread_base shown = {.tid = r->living != 0 ? r->living : task->pid};
    look_at_thread(r, 0, &shown);
    return;
  }
  if (!list_threads(r, single)) {
    task->wchan_missing |= (wanted & GROUP_WCHAN) != 0;
    return;
  }
  if (wanted & GROUP_THREADS)
    task->first_thread = (uint32_t)r->snapshot->thread_count;
  unsigned valid = 0, known = ~0u;
  bool all_states = true, undecided = false;
  size_t count = 0;
  for (size_t i = 0; i < procfs->tids.count; i++) {
    struct thread_base *base = &procfs->scratch[count];
    *base = (struct thread_base){.tid = procfs->tids.numbers[i]};
    struct look look = look_at_thread(r, to_read, base);
    if (look.gone && !single)
      continue;
    /* Which base is its own takes all of its numbers to say. */
    undecided = single && r->known->thread_count > 1 &&
                (sums_of(wanted) & ~look.valid) != 0;
    if (!undecided)
      add_thread(r->known, base,
                 single ? base_of_last(r->known, base, look.valid)
                        : base_find(r->known, base->tid),
                 look.valid);
    enter_thread(r, single, base, &look);
    valid |= look.valid;
    known &= base->known;
    all_states &= single || look.state != '\0';
    count++;
  }
  if (!undecided) {
    keep_bases(r->known, procfs->scratch, count);
    set_sums(r, valid & known);
  }
  if (!all_states && (wanted & GROUP_STATE))
    drop_states(task);
}
