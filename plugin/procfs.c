/* SPDX-License-Identifier: MIT */
#include "procfs.h"

#include "log.h"
#include "monotonic.h"
#include "procfs_rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* The soft limit of open files changes seldom: look once in so many reads. */
#define LIMIT_INTERVALS 30

/* So many at once share a helper's batch, and the caches. */
#define CHUNK 128

/* --- losses --- */

void count_loss(struct procfs *procfs, struct snapshot *snapshot, int error,
                enum loss denied) {
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
  case ETIME:
    snapshot->losses[LOSS_LATE]++;
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

/* --- scan --- */

bool is_late(const struct procfs *procfs) {
  return monotonic_ns() > procfs->deadline_ns;
}

static uint64_t clock_ticks_now(const struct procfs *procfs) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * (uint64_t)procfs->ticks +
         (uint64_t)now.tv_nsec * (uint64_t)procfs->ticks / 1000000000;
}

void task_from_stat(const struct procfs *procfs,
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

bool add_scan_read(struct procfs *procfs, struct snapshot *snapshot,
                   struct slow_read read) {
  bool added = slow_batch_add(&procfs->scan_batch, read);
  if (!added)
    count_loss(procfs, snapshot, ENOMEM, LOSS_FAILED);
  return added;
}

/* Of what is known of it, nothing is forgotten.  False: no memory. */
static bool miss_process(struct procfs *procfs, struct snapshot *snapshot,
                         pid_t pid) {
  struct known *known = known_find(&procfs->known, pid);
  if (known != NULL)
    known->interval = procfs->known.interval;
  return snapshot_add_missed(snapshot, pid);
}

/* False: it may be there, and nothing of the snapshot says so. */
static bool take_process(struct procfs *procfs, struct snapshot *snapshot,
                         const struct slow_read *read) {
  struct task *task = NULL;
  int error = read->error;
  if (error == 0 && read->stat.pid != read->pid)
    error = EBADMSG;
  if (error == 0 && (task = snapshot_add_task(snapshot)) == NULL)
    error = ENOMEM;
  if (error != 0) {
    count_loss(procfs, snapshot, error, LOSS_PROCESS_DENIED);
    return error == ENOENT || error == ESRCH || error == EACCES ||
           error == EPERM || miss_process(procfs, snapshot, read->pid);
  }
  task_from_stat(procfs, snapshot, &read->stat, task);
  return true;
}

static bool scan_processes(struct procfs *procfs, struct snapshot *snapshot,
                           const pid_t *pids, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct known *known = known_find(&procfs->known, pids[i]);
    add_scan_read(procfs, snapshot,
                  (struct slow_read){
                      .kind = SLOW_STAT,
                      .pid = pids[i],
                      .fd = known == NULL ? -1 : known->fds[KEPT_STAT],
                  });
  }
  slowread_start(procfs->scanner, &procfs->scan_batch);
  slowread_finish(procfs->scanner, &procfs->scan_batch);
  bool complete = procfs->scan_batch.count == n;
  for (size_t i = 0; i < procfs->scan_batch.count; i++)
    complete &= take_process(procfs, snapshot, &procfs->scan_batch.reads[i]);
  procfs->scan_batch.count = 0;
  return complete;
}

bool procfs_scan_process(struct source *source, struct snapshot *snapshot,
                         pid_t pid) {
  return scan_processes((struct procfs *)source, snapshot, &pid, 1);
}

void procfs_begin(struct source *source, struct snapshot *snapshot) {
  struct procfs *procfs = (struct procfs *)source;
  known_interval(&procfs->known);
  if (procfs->short_of_descriptors)
    known_give_back(&procfs->known);
  procfs->short_of_descriptors = false;
  patience_begin(&procfs->patience, procfs->interval_ms);
  slowread_interval(procfs->scanner);
  slowread_interval(procfs->slow);
  procfs->deadline_ns = monotonic_ns() + INT64_C(750000) * procfs->interval_ms;
  snapshot->ticks = (unsigned)procfs->ticks;
  snapshot->now_ticks = clock_ticks_now(procfs);
}

int procfs_scan_all(struct source *source, struct snapshot *snapshot) {
  struct procfs *procfs = (struct procfs *)source;
  int status = proc_list(procfs->root_fd, ".", &procfs->pids);
  procfs->known.incomplete = status != 0;
  count_loss(procfs, snapshot, -status, LOSS_FAILED);
  if (status != 0 && procfs->pids.count == 0)
    return status;
  snapshot->complete = status == 0;
  proc_numbers_sort(&procfs->pids);
  for (size_t at = 0; at < procfs->pids.count; at += CHUNK)
    snapshot->complete &= scan_processes(
        procfs, snapshot, procfs->pids.numbers + at,
        procfs->pids.count - at < CHUNK ? procfs->pids.count - at : CHUNK);
  procfs->known.incomplete = !snapshot->complete;
  return 0;
}

static int procfs_scan(struct source *source, struct snapshot *snapshot) {
  procfs_begin(source, snapshot);
  return procfs_scan_all(source, snapshot);
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
  int fd =
      r->living == 0 ? known_descriptor(&procfs->known, r->known, KEPT_FD) : -1;
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
  else
    count_loss(procfs, r->snapshot, EBADMSG, LOSS_FAILED);
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

pid_t find_living(struct procfs *procfs, const struct task *task) {
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

static void add_slow(struct procfs *procfs, struct snapshot *snapshot,
                     size_t index, enum slow_kind kind, bool watched) {
  const struct task *task = &snapshot->tasks[index];
  struct known *known =
      kind == SLOW_IO && watched ? known_get(&procfs->known, task) : NULL;
  struct slow_read read = {
      .kind = kind,
      .pid = task->pid,
      .tid = kind == SLOW_PSS ? find_living(procfs, task) : 0,
      .fd =
          known == NULL ? -1 : known_descriptor(&procfs->known, known, KEPT_IO),
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

static bool has_memory(const struct task *task) {
  return !task->kernel_thread && (task->state != 'Z' || leader_is_gone(task));
}

static void detail_one(struct procfs *procfs, struct snapshot *snapshot,
                       size_t index, unsigned wanted) {
  struct reading r = {
      .procfs = procfs,
      .snapshot = snapshot,
      .index = index,
      .known = known_get(&procfs->known, &snapshot->tasks[index]),
      .wanted = wanted,
      .living = find_living(procfs, &snapshot->tasks[index]),
  };
  if (r.known == NULL || is_late(procfs)) {
    task_of(&r)->wchan_missing |= (wanted & GROUP_WCHAN) != 0;
    snapshot->sleepers_cut |= (wanted & GROUP_BLOCKED) != 0;
    count_loss(procfs, snapshot, r.known == NULL ? ENOMEM : ETIME, LOSS_FAILED);
    return;
  }
  if (wanted & GROUP_BASIC) /* it is watched: for the next scan */
    known_descriptor(&procfs->known, r.known, KEPT_STAT);
  if (!has_memory(task_of(&r)))
    r.wanted &= ~(unsigned)(GROUP_MEMORY | GROUP_FILES);
  if (r.wanted & (THREAD_GROUPS | GROUP_MEMORY))
    read_threads(&r);
  if (r.wanted & GROUP_FILES)
    read_files(&r);
}

static void detail_chunk(struct procfs *procfs, struct snapshot *snapshot,
                         const size_t *tasks, size_t n, unsigned wanted) {
  unsigned missing[CHUNK];
  for (size_t i = 0; i < n; i++) {
    struct task *task = &snapshot->tasks[tasks[i]];
    missing[i] = wanted & ~task->tried;
    if (missing[i] & GROUP_THREADS) /* their records hold these as well */
      missing[i] |= wanted & (GROUP_CONTEXTSWITCH | GROUP_SCHED);
    task->tried |= wanted;
    if (missing[i] & GROUP_IO)
      add_slow(procfs, snapshot, tasks[i], SLOW_IO, wanted & GROUP_BASIC);
    if ((missing[i] & GROUP_PSS) && has_memory(task))
      add_slow(procfs, snapshot, tasks[i], SLOW_PSS, false);
  }
  slowread_start(procfs->slow, &procfs->batch);
  for (size_t i = 0; i < n; i++)
    if (missing[i] & ~(unsigned)(GROUP_IO | GROUP_PSS))
      detail_one(procfs, snapshot, tasks[i], missing[i]);
  slowread_start(procfs->scanner, &procfs->scan_batch);
  slowread_finish(procfs->slow, &procfs->batch);
  take_slow(procfs, snapshot);
  slowread_finish(procfs->scanner, &procfs->scan_batch);
  take_thread_reads(procfs, snapshot);
}

static void procfs_detail(struct source *source, struct snapshot *snapshot,
                          const size_t *tasks, size_t n, unsigned wanted) {
  for (size_t at = 0; at < n; at += CHUNK)
    detail_chunk((struct procfs *)source, snapshot, tasks + at,
                 n - at < CHUNK ? n - at : CHUNK, wanted);
}

/* --- life --- */

static void procfs_free(struct source *source) {
  struct procfs *procfs = (struct procfs *)source;
  slowread_free(procfs->slow);
  slowread_free(procfs->scanner);
  known_free(&procfs->known);
  free(procfs->batch.reads);
  free(procfs->scan_batch.reads);
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

static bool open_root(struct procfs *procfs,
                      const struct procfs_options *options) {
  const char *root = options->root;
  procfs->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (procfs->root_fd < 0) {
    log_error("ProcRoot \"%s\": %s; give the directory where a proc file "
              "system is mounted",
              root, strerror(errno));
    return false;
  }
  struct statfs fs;
  /* A tree of plain files is read as it is now, each time. */
  bool real =
      fstatfs(procfs->root_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
  procfs->fd_sizes = real && kernel_counts_files(procfs->root_fd);
  procfs->known.root_fd = procfs->root_fd;
  procfs->known.max_descriptors = real ? options->max_descriptors : 0;
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
  if (!open_root(procfs, options)) {
    procfs_free(&procfs->source);
    return NULL;
  }
  procfs->slow = slowread_new(procfs->root_fd, &procfs->patience, true);
  /* The scan is wanted whole, however many processes there are. */
  procfs->scanner = slowread_new(procfs->root_fd, &procfs->patience, false);
  if (procfs->slow == NULL || procfs->scanner == NULL) {
    log_error("cannot start the thread that reads what may block: %s",
              strerror(errno));
    procfs_free(&procfs->source);
    return NULL;
  }
  procfs->interval_ms = options->interval_ms;
  return &procfs->source;
}
