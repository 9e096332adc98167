/* SPDX-License-Identifier: MIT */
#include "procfs.h"

#include "log.h"
#include "procfile.h"
#include "proctext.h"
#include "slowread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* The soft limit of open files changes seldom: look once in so many reads. */
#define LIMIT_INTERVALS 30

/* Descriptors that may be kept of a process. */
enum kept { KEPT_STAT, KEPT_STATUS, KEPT_IO, KEPT_SCHEDSTAT, KEPT_FD, KEPTS };
static const char *const kept_names[KEPTS] = {"stat", "status", "io",
                                              "schedstat", "fd"};

/* The counters that the kernel keeps for each thread only. */
enum { SUM_VOLUNTARY, SUM_INVOLUNTARY, SUM_RUNTIME, SUM_WAIT, SUMS };
static const enum field sum_fields[SUMS] = {FIELD_VOLUNTARY, FIELD_INVOLUNTARY,
                                            FIELD_RUNTIME, FIELD_WAIT};

struct thread_base {
  pid_t tid;
  uint64_t last[SUMS];
};

/* What is remembered of a process that detail() was asked for. */
struct known {
  pid_t pid;
  unsigned interval; /* the last one in which it was asked for */
  uint64_t start;
  int fds[KEPTS];
  uint64_t sums[SUMS];
  struct thread_base *threads; /* of the last look, sorted by tid */
  size_t thread_count;
  uint64_t fd_limit;
  unsigned fd_limit_age; /* 0: never read */
};

struct procfs {
  struct source source;
  int root_fd;
  bool real;     /* a proc file system, not a tree of plain files */
  bool fd_sizes; /* the size of <pid>/fd is the number of open files */
  long ticks;    /* a second */
  long page_size;
  unsigned interval; /* counts them */
  unsigned interval_ms;
  int descriptors, max_descriptors;
  bool short_of_descriptors; /* someone in this daemon ran out of them */
  size_t hint;               /* where the next process is likely known */
  struct slowread *slow;
  struct slow_batch batch;
  struct text text;
  struct proc_numbers pids, tids;
  struct known **known; /* sorted by pid */
  size_t known_count, known_capacity;
  struct thread_base *scratch;
  size_t scratch_capacity;
};

/* A process while detail() reads it. */
struct reading {
  struct procfs *procfs;
  struct snapshot *snapshot;
  size_t index; /* of the task */
  struct known *known;
  unsigned wanted;
  /* The thread whose directory shows the process's memory and files: 0, the
   * process's own, or a living one where the leader is gone. */
  pid_t living;
};

static struct task *task_of(const struct reading *r) {
  return &r->snapshot->tasks[r->index];
}

/* --- descriptors that are kept --- */

static void drop_descriptors(struct procfs *procfs, struct known *known) {
  for (int i = 0; i < KEPTS; i++) {
    if (known->fds[i] >= 0) {
      close(known->fds[i]);
      procfs->descriptors--;
    }
    known->fds[i] = -1;
  }
}

/*
 * Others need them more than we do.  Never while the helper thread reads: the
 * number of a closed descriptor soon means another file.
 */
static void drop_all_descriptors(struct procfs *procfs) {
  procfs->short_of_descriptors = false;
  for (size_t i = 0; i < procfs->known_count; i++)
    drop_descriptors(procfs, procfs->known[i]);
  procfs->max_descriptors /= 2;
}

/*
 * The descriptor of a file that is read every interval, or -1: open it as you
 * need it.  It reads ESRCH once its process is gone, so it can't show another
 * one with the same pid.
 */
static int kept_fd(struct procfs *procfs, struct known *known,
                   enum kept which) {
  if (known->fds[which] >= 0 || !procfs->real ||
      procfs->descriptors >= procfs->max_descriptors)
    return known->fds[which];
  char path[PROC_PATH_SIZE];
  proc_path(path, known->pid, 0, kept_names[which]);
  int flags = which == KEPT_FD ? O_PATH : O_RDONLY;
  known->fds[which] = openat(procfs->root_fd, path, flags | O_CLOEXEC);
  if (known->fds[which] >= 0)
    procfs->descriptors++;
  return known->fds[which];
}

/* --- processes that are known --- */

/*
 * The place of this pid, or where it would stand.  Processes come in order:
 * mostly it is the one behind the last.
 */
static size_t known_place(struct procfs *procfs, pid_t pid) {
  size_t low = 0, high = procfs->known_count;
  size_t hint = procfs->hint;
  if (hint < high && procfs->known[hint]->pid == pid)
    low = high = hint;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (procfs->known[middle]->pid < pid)
      low = middle + 1;
    else
      high = middle;
  }
  procfs->hint = low;
  return low;
}

static struct known *known_find(struct procfs *procfs, pid_t pid) {
  size_t place = known_place(procfs, pid);
  if (place == procfs->known_count || procfs->known[place]->pid != pid)
    return NULL;
  procfs->hint = place + 1;
  return procfs->known[place];
}

static bool known_reserve(struct procfs *procfs) {
  if (procfs->known_count < procfs->known_capacity)
    return true;
  size_t wanted = procfs->known_capacity + procfs->known_capacity / 2 + 64;
  struct known **larger =
      realloc(procfs->known, wanted * sizeof(struct known *));
  if (larger == NULL)
    return false;
  procfs->known = larger;
  procfs->known_capacity = wanted;
  return true;
}

static void known_init(struct known *known, const struct task *task) {
  *known = (struct known){.pid = task->pid, .start = task->start};
  for (int i = 0; i < KEPTS; i++)
    known->fds[i] = -1;
}

static void known_clear(struct procfs *procfs, struct known *known) {
  drop_descriptors(procfs, known);
  free(known->threads);
}

/* Make it known.  NULL: no memory. */
static struct known *known_get(struct procfs *procfs, const struct task *task) {
  struct known *known = known_find(procfs, task->pid);
  if (known == NULL) {
    known = malloc(sizeof(*known));
    if (known == NULL || !known_reserve(procfs)) {
      free(known);
      return NULL;
    }
    known_init(known, task);
    size_t place = procfs->hint;
    memmove(&procfs->known[place + 1], &procfs->known[place],
            (procfs->known_count - place) * sizeof(struct known *));
    procfs->known[place] = known;
    procfs->known_count++;
    procfs->hint = place + 1;
  } else if (known->start != task->start) {
    known_clear(procfs, known);
    known_init(known, task);
  }
  known->interval = procfs->interval;
  return known;
}

/* Those that nobody asked for in the last interval. */
static void forget_unasked(struct procfs *procfs) {
  size_t kept = 0;
  for (size_t i = 0; i < procfs->known_count; i++) {
    struct known *known = procfs->known[i];
    if (known->interval == procfs->interval) {
      procfs->known[kept++] = known;
    } else {
      known_clear(procfs, known);
      free(known);
    }
  }
  procfs->known_count = kept;
}

/* --- losses --- */

/*
 * What an error while reading means: EACCES and EPERM are the want of a
 * right; a process that is gone (ENOENT, ESRCH) is no loss at all.
 */
static void count_loss(struct procfs *procfs, struct snapshot *snapshot,
                       int error, enum loss denied) {
  switch (error) {
  case 0:
  case ENOENT:
  case ESRCH:
    return;
  case EACCES:
  case EPERM:
    snapshot->losses[denied]++;
    return;
  case ETIMEDOUT:
    snapshot->losses[LOSS_STUCK]++;
    return;
  case EMFILE:
  case ENFILE:
    snapshot->losses[LOSS_DESCRIPTORS]++;
    procfs->short_of_descriptors = true;
    return;
  default:
    snapshot->losses[LOSS_FAILED]++;
  }
}

static void count_reading_loss(const struct reading *r, int error) {
  count_loss(r->procfs, r->snapshot, error, LOSS_FAILED);
}

/* --- scan --- */

static uint64_t clock_ticks_now(const struct procfs *procfs) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * (uint64_t)procfs->ticks +
         (uint64_t)now.tv_nsec * (uint64_t)procfs->ticks / 1000000000;
}

static void task_from_stat(const struct procfs *procfs,
                           const struct snapshot *snapshot,
                           const struct stat_text *stat, struct task *task) {
  task->pid = stat->pid;
  task->ppid = stat->ppid;
  task->start = stat->start;
  memcpy(task->comm, stat->comm, COMM_SIZE);
  task->state = stat->state;
  task->kernel_thread = stat->flags & STAT_FLAG_KERNEL_THREAD;
  task->rss_rough = stat->rss * (uint64_t)procfs->page_size;
  task->reaped_minflt = stat->reaped_minflt;
  task->tree_minflt = stat->minflt + stat->reaped_minflt;
  uint64_t us = UINT64_C(1000000) / (uint64_t)procfs->ticks;
  task_set(task, FIELD_UTIME, stat->utime * us);
  task_set(task, FIELD_STIME, stat->stime * us);
  task_set(task, FIELD_MINFLT, stat->minflt);
  task_set(task, FIELD_MAJFLT, stat->majflt);
  task_set(task, FIELD_PROCESSES, 1);
  task_set(task, FIELD_THREADS, stat->threads);
  task_set(task, FIELD_AGE,
           snapshot->now_ticks > stat->start
               ? (snapshot->now_ticks - stat->start) / (uint64_t)procfs->ticks
               : 0);
  /* Kernel threads and zombies have no address space. */
  if (stat->vsize > 0)
    task_set(task, FIELD_VM, stat->vsize);
}

/* The leader has called pthread_exit() and other threads go on. */
static bool leader_is_gone(const struct task *task) {
  return task->state == 'Z' && task->value[FIELD_THREADS] > 1;
}

/* False: it lives, but could not be read. */
static bool scan_process(struct procfs *procfs, struct snapshot *snapshot,
                         pid_t pid) {
  struct known *known = known_find(procfs, pid);
  int fd = known == NULL ? -1 : known->fds[KEPT_STAT];
  ssize_t n = fd < 0 ? -ESRCH : proc_reread(fd, &procfs->text);
  if (n < 0) { /* not kept, or another process has the pid now */
    char path[PROC_PATH_SIZE];
    proc_path(path, pid, 0, "stat");
    n = proc_read(procfs->root_fd, path, &procfs->text);
  }
  struct stat_text stat;
  struct task *task = NULL;
  int error = n < 0 ? (int)-n : 0;
  if (error == 0 &&
      (!parse_stat(procfs->text.data, (size_t)n, &stat) || stat.pid != pid))
    error = EBADMSG;
  if (error == 0 && (task = snapshot_add_task(snapshot)) == NULL)
    error = ENOMEM;
  if (error != 0) {
    count_loss(procfs, snapshot, error, LOSS_FAILED);
    return error == ENOENT || error == ESRCH;
  }
  task_from_stat(procfs, snapshot, &stat, task);
  return true;
}

static int compare_pids(const void *a, const void *b) {
  pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
  return (left > right) - (left < right);
}

/* The kernel lists processes in order; a plain directory does not. */
static void sort_numbers(struct proc_numbers *list) {
  for (size_t i = 1; i < list->count; i++) {
    if (list->numbers[i] <= list->numbers[i - 1]) {
      qsort(list->numbers, list->count, sizeof(pid_t), compare_pids);
      return;
    }
  }
}

static int procfs_scan(struct source *source, struct snapshot *snapshot) {
  struct procfs *procfs = (struct procfs *)source;
  forget_unasked(procfs);
  if (procfs->short_of_descriptors)
    drop_all_descriptors(procfs);
  procfs->interval++;
  slowread_interval(procfs->slow, procfs->interval_ms);
  snapshot->ticks = (unsigned)procfs->ticks;
  snapshot->now_ticks = clock_ticks_now(procfs);
  int status = proc_list(procfs->root_fd, ".", &procfs->pids);
  if (status != 0 && procfs->pids.count == 0)
    return status;
  snapshot->complete = status == 0;
  sort_numbers(&procfs->pids);
  for (size_t i = 0; i < procfs->pids.count; i++)
    snapshot->complete &=
        scan_process(procfs, snapshot, procfs->pids.numbers[i]);
  return 0;
}

/* --- detail: sums over threads --- */

static const struct thread_base *base_find(const struct known *known,
                                           pid_t tid) {
  struct thread_base *bases = known->threads;
  return bases == NULL ? NULL
                       : bsearch(&tid, bases, known->thread_count,
                                 sizeof(*bases), compare_pids);
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
    int fd = kept_fd(procfs, r->known, which);
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

/* Set a process's sums; each is there once it was read of any thread. */
static void set_sums(const struct reading *r, unsigned valid) {
  for (int i = 0; i < SUMS; i++)
    if (valid & 1u << i)
      task_set(task_of(r), sum_fields[i], r->known->sums[i]);
}

static bool keep_bases(struct known *known, const struct thread_base *bases,
                       size_t count) {
  if (known->thread_count != count) {
    struct thread_base *fitting =
        realloc(known->threads, count * sizeof(*fitting));
    if (fitting == NULL)
      return false;
    known->threads = fitting;
    known->thread_count = count;
  }
  memcpy(known->threads, bases, count * sizeof(*bases));
  return true;
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
  return procfs->tids.count > 0 && reserve_scratch(procfs, procfs->tids.count);
}

#define THREAD_GROUPS                                                          \
  (GROUP_STATE | GROUP_CONTEXTSWITCH | GROUP_SCHED | GROUP_WCHAN |             \
   GROUP_THREADS)

static void read_threads(const struct reading *r) {
  struct procfs *procfs = r->procfs;
  struct task *task = task_of(r);
  bool single = task->value[FIELD_THREADS] == 1;
  unsigned wanted = r->wanted & THREAD_GROUPS;
  /* Of a process with one thread, stat has told the state already. */
  unsigned to_read =
      single ? wanted & (GROUP_CONTEXTSWITCH | GROUP_SCHED) : wanted;
  if (!list_threads(r, wanted))
    return;
  task->first_thread = r->snapshot->thread_count;
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
  if (valid != 0 && keep_bases(r->known, procfs->scratch, count))
    set_sums(r, valid);
}

/* --- detail: open files --- */

/* The number of open files, or a negative errno. */
static int64_t count_files(const struct reading *r) {
  struct procfs *procfs = r->procfs;
  char path[PROC_PATH_SIZE];
  proc_path(path, r->known->pid, r->living, "fd");
  if (!procfs->fd_sizes) {
    int status = proc_list(procfs->root_fd, path, &procfs->tids);
    return status != 0 ? status : (int64_t)procfs->tids.count;
  }
  struct stat st;
  int fd = r->living == 0 ? kept_fd(procfs, r->known, KEPT_FD) : -1;
  int status =
      fd >= 0 ? fstat(fd, &st) : fstatat(procfs->root_fd, path, &st, 0);
  return status != 0 ? -errno : (int64_t)st.st_size;
}

static void read_limit(const struct reading *r) {
  struct procfs *procfs = r->procfs;
  struct known *known = r->known;
  if (known->fd_limit_age != 0 && known->fd_limit_age++ < LIMIT_INTERVALS)
    return;
  char path[PROC_PATH_SIZE];
  proc_path(path, known->pid, r->living, "limits");
  ssize_t n = proc_read(procfs->root_fd, path, &procfs->text);
  known->fd_limit = 0;
  if (n < 0)
    count_loss(procfs, r->snapshot, (int)-n, LOSS_FILES_DENIED);
  else if (parse_limits(procfs->text.data, (size_t)n, &known->fd_limit))
    known->fd_limit_age = 1;
}

static void read_files(const struct reading *r) {
  struct task *task = task_of(r);
  int64_t files = count_files(r);
  if (files < 0) {
    count_loss(r->procfs, r->snapshot, (int)-files, LOSS_FILES_DENIED);
    return;
  }
  task_set(task, FIELD_FDS, (uint64_t)files);
  read_limit(r);
  if (r->known->fd_limit != 0)
    task_set(task, FIELD_FD_USED_PPM,
             (uint64_t)files * 1000000 / r->known->fd_limit);
}

/* --- detail: what may wait for the target --- */

static void add_slow(struct procfs *procfs, struct snapshot *snapshot,
                     size_t index, enum slow_kind kind, pid_t living) {
  const struct task *task = &snapshot->tasks[index];
  struct known *known = kind == SLOW_IO ? known_get(procfs, task) : NULL;
  struct slow_read read = {
      .kind = kind,
      .pid = task->pid,
      .tid = living,
      .fd = known == NULL ? -1 : kept_fd(procfs, known, KEPT_IO),
      .user = index,
  };
  if (!slow_batch_add(&procfs->batch, read))
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
}

static void take_slow(struct procfs *procfs, struct snapshot *snapshot) {
  for (size_t i = 0; i < procfs->batch.count; i++) {
    const struct slow_read *read = &procfs->batch.reads[i];
    struct task *task = &snapshot->tasks[read->user];
    bool io = read->kind == SLOW_IO;
    if (read->error != 0) {
      count_loss(procfs, snapshot, read->error,
                 io ? LOSS_IO_DENIED : LOSS_PSS_DENIED);
    } else if (io) {
      task_set(task, FIELD_RCHAR, read->io.rchar);
      task_set(task, FIELD_WCHAR, read->io.wchar);
      task_set(task, FIELD_SYSCR, read->io.syscr);
      task_set(task, FIELD_SYSCW, read->io.syscw);
      task_set(task, FIELD_READ_BYTES, read->io.read_bytes);
      task_set(task, FIELD_WRITE_BYTES, read->io.write_bytes);
    } else {
      task_set(task, FIELD_PSS, read->memory.pss);
      task_set(task, FIELD_USS, read->memory.uss);
    }
  }
  procfs->batch.count = 0;
}

/* Any thread but the leader, if that one is gone. */
static pid_t find_living(struct procfs *procfs, const struct task *task) {
  if (!leader_is_gone(task))
    return 0;
  char path[PROC_PATH_SIZE];
  proc_path(path, task->pid, 0, "task");
  if (proc_list(procfs->root_fd, path, &procfs->tids) != 0)
    return 0;
  for (size_t i = procfs->tids.count; i-- > 0;)
    if (procfs->tids.numbers[i] != task->pid)
      return procfs->tids.numbers[i];
  return 0;
}

static bool has_memory(const struct task *task) {
  return !task->kernel_thread && (task->state != 'Z' || leader_is_gone(task));
}

static void detail_one(struct procfs *procfs, struct snapshot *snapshot,
                       size_t index, unsigned wanted) {
  struct reading r = {
      .procfs = procfs,
      .snapshot = snapshot,
      .index = index,
      .known = known_get(procfs, &snapshot->tasks[index]),
      .wanted = wanted,
      .living = find_living(procfs, &snapshot->tasks[index]),
  };
  if (r.known == NULL) {
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
    return;
  }
  kept_fd(procfs, r.known, KEPT_STAT); /* for the next scan */
  if (!has_memory(task_of(&r)))
    r.wanted &= ~(unsigned)(GROUP_MEMORY | GROUP_FILES);
  if (r.wanted & (THREAD_GROUPS | GROUP_MEMORY))
    read_threads(&r);
  if (r.wanted & GROUP_FILES)
    read_files(&r);
}

/* So many at once share the helper's batch, and the caches. */
#define CHUNK 128

static void detail_chunk(struct procfs *procfs, struct snapshot *snapshot,
                         const size_t *tasks, size_t n, unsigned wanted) {
  unsigned missing[CHUNK];
  for (size_t i = 0; i < n; i++) {
    struct task *task = &snapshot->tasks[tasks[i]];
    missing[i] = wanted & ~task->tried;
    task->tried |= wanted;
    if (missing[i] & GROUP_IO)
      add_slow(procfs, snapshot, tasks[i], SLOW_IO, 0);
    if ((missing[i] & GROUP_PSS) && has_memory(task))
      add_slow(procfs, snapshot, tasks[i], SLOW_PSS, find_living(procfs, task));
  }
  slowread_start(procfs->slow, &procfs->batch);
  for (size_t i = 0; i < n; i++)
    if (missing[i] & ~(unsigned)(GROUP_IO | GROUP_PSS))
      detail_one(procfs, snapshot, tasks[i], missing[i]);
  slowread_finish(procfs->slow, &procfs->batch);
  take_slow(procfs, snapshot);
}

static void procfs_detail(struct source *source, struct snapshot *snapshot,
                          const size_t *tasks, size_t n, unsigned wanted) {
  for (size_t at = 0; at < n; at += CHUNK)
    detail_chunk((struct procfs *)source, snapshot, tasks + at,
                 n - at < CHUNK ? n - at : CHUNK, wanted);
}

/* --- identify --- */

static void identify_user(struct procfs *procfs, struct snapshot *snapshot,
                          const struct task *task, struct facts *facts) {
  char path[PROC_PATH_SIZE];
  struct status_text status;
  proc_path(path, task->pid, 0, "status");
  ssize_t n = proc_read(procfs->root_fd, path, &procfs->text);
  if (n < 0) {
    count_loss(procfs, snapshot, (int)-n, LOSS_FAILED);
  } else if (parse_status(procfs->text.data, (size_t)n, &status) &&
             (status.has & STATUS_USER)) {
    facts->user = status.user;
    facts->known |= FACT_USER;
  }
}

static void identify_executable(struct procfs *procfs,
                                struct snapshot *snapshot,
                                const struct task *task, struct facts *facts) {
  char path[PROC_PATH_SIZE], target[PATH_MAX];
  proc_path(path, task->pid, find_living(procfs, task), "exe");
  ssize_t n = readlinkat(procfs->root_fd, path, target, sizeof(target) - 1);
  if (n < 0) { /* ENOENT: a kernel thread has none */
    count_loss(procfs, snapshot, errno, LOSS_EXE_DENIED);
    return;
  }
  target[n] = '\0';
  facts->executable = strdup(target);
  if (facts->executable != NULL)
    facts->known |= FACT_EXECUTABLE;
}

static void take_facts(struct procfs *procfs, struct snapshot *snapshot,
                       struct facts *facts) {
  for (size_t i = 0; i < procfs->batch.count; i++) {
    struct slow_read *read = &procfs->batch.reads[i];
    struct facts *of = &facts[read->user];
    if (read->error != 0) {
      count_loss(procfs, snapshot, read->error, LOSS_FAILED);
    } else if (read->kind == SLOW_CMDLINE) {
      of->cmdline = read->text;
      of->known |= FACT_CMDLINE;
    } else {
      of->cgroups = read->text;
      of->known |= FACT_CGROUP;
    }
  }
  procfs->batch.count = 0;
}

static void add_slow_fact(struct procfs *procfs, struct snapshot *snapshot,
                          const struct task *task, size_t place,
                          enum slow_kind kind) {
  struct slow_read read = {.kind = kind,
                           .pid = task->pid,
                           .tid = find_living(procfs, task),
                           .fd = -1,
                           .user = place};
  if (!slow_batch_add(&procfs->batch, read))
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
}

static void procfs_identify(struct source *source, struct snapshot *snapshot,
                            const size_t *tasks, size_t n, unsigned wanted,
                            struct facts *facts) {
  struct procfs *procfs = (struct procfs *)source;
  for (size_t i = 0; i < n; i++) {
    const struct task *task = &snapshot->tasks[tasks[i]];
    if (wanted & FACT_CMDLINE)
      add_slow_fact(procfs, snapshot, task, i, SLOW_CMDLINE);
    if (wanted & FACT_CGROUP)
      add_slow_fact(procfs, snapshot, task, i, SLOW_CGROUP);
  }
  slowread_start(procfs->slow, &procfs->batch);
  for (size_t i = 0; i < n; i++) {
    const struct task *task = &snapshot->tasks[tasks[i]];
    if (wanted & FACT_USER)
      identify_user(procfs, snapshot, task, &facts[i]);
    if (wanted & FACT_EXECUTABLE)
      identify_executable(procfs, snapshot, task, &facts[i]);
  }
  slowread_finish(procfs->slow, &procfs->batch);
  take_facts(procfs, snapshot, facts);
}

void facts_free(struct facts *facts) {
  free(facts->cmdline);
  free(facts->cgroups);
  free(facts->executable);
  *facts = (struct facts){0};
}

/* --- life --- */

static void procfs_free(struct source *source) {
  struct procfs *procfs = (struct procfs *)source;
  slowread_free(procfs->slow);
  for (size_t i = 0; i < procfs->known_count; i++) {
    known_clear(procfs, procfs->known[i]);
    free(procfs->known[i]);
  }
  free(procfs->known);
  free(procfs->batch.reads);
  free(procfs->text.data);
  free(procfs->pids.numbers);
  free(procfs->tids.numbers);
  free(procfs->scratch);
  if (procfs->root_fd >= 0)
    close(procfs->root_fd);
  free(procfs);
}

/*
 * Since Linux 6.2 (commit f1f1f2569901) the size of <pid>/fd is the number of
 * open files, which anyone may read; before, it is 0.
 */
static bool kernel_counts_files(int root_fd) {
  struct stat st;
  return fstatat(root_fd, "self/fd", &st, 0) == 0 && st.st_size > 0;
}

static bool open_root(struct procfs *procfs, const char *root) {
  procfs->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (procfs->root_fd < 0) {
    log_error("ProcRoot \"%s\": %s; give the directory where a proc file "
              "system is mounted",
              root, strerror(errno));
    return false;
  }
  struct statfs fs;
  procfs->real =
      fstatfs(procfs->root_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
  procfs->fd_sizes = procfs->real && kernel_counts_files(procfs->root_fd);
  return true;
}

struct source *procfs_new(const struct procfs_options *options) {
  struct procfs *procfs = calloc(1, sizeof(*procfs));
  if (procfs == NULL) {
    log_error("out of memory");
    return NULL;
  }
  procfs->source = (struct source){
      .name = "procfs",
      .scan = procfs_scan,
      .identify = procfs_identify,
      .detail = procfs_detail,
      .free = procfs_free,
  };
  procfs->ticks = sysconf(_SC_CLK_TCK);
  procfs->page_size = sysconf(_SC_PAGESIZE);
  procfs->max_descriptors = (int)options->max_descriptors;
  if (!open_root(procfs, options->root)) {
    procfs_free(&procfs->source);
    return NULL;
  }
  procfs->slow = slowread_new(procfs->root_fd);
  if (procfs->slow == NULL) {
    log_error("cannot start the thread that reads what may block: %s",
              strerror(errno));
    procfs_free(&procfs->source);
    return NULL;
  }
  procfs->interval_ms = options->interval_ms;
  return &procfs->source;
}
