/* SPDX-License-Identifier: MIT */
#include "slowread.h"

#include "helper.h"
#include "monotonic.h"
#include "procfile.h"
#include "room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More hanging threads than these and nothing slow is read any more... */
#define MAX_LEFT_BEHIND 16
/* ... so no user but root may have more than these: anyone can write a program
 * on which a reader hangs. */
#define MAX_LEFT_BEHIND_OF_USER 2
#define WORKER_STACK (128 * 1024) /* it does little more than read() */

#define NS_PER_MS INT64_C(1000000)

struct worker {
  pthread_t thread;
  pthread_mutex_t lock; /* of all below */
  pthread_cond_t wake, finished;
  pid_t tid; /* 0: it has not begun yet */
  int root_fd;
  struct text text;
  struct slow_read *reads; /* the helper's while done < count */
  size_t done, count;
  bool quit;
  bool left_behind; /* the batch went on without it */
  bool returned;    /* left behind, and over: may be joined */
  bool orphaned;    /* nobody will join: it frees itself */
};

struct slowread {
  int root_fd;
  struct patience *patience;
  bool bounded; /* all its time counts, and not only that in which it sleeps */
  struct worker *worker; /* NULL: none could be started */
  struct worker *left_behind[MAX_LEFT_BEHIND];
  pid_t hanging_on[MAX_LEFT_BEHIND];
  uid_t owners[MAX_LEFT_BEHIND]; /* of these processes */
  unsigned left_behinds;
};

/* --- the helper thread --- */

static const char *file_name(enum slow_kind kind) {
  switch (kind) {
  case SLOW_STAT:
    return "stat";
  case SLOW_WCHAN:
    return "wchan";
  case SLOW_EXE:
    return "exe";
  case SLOW_IO:
    return "io";
  case SLOW_PSS:
    return "smaps_rollup";
  case SLOW_CMDLINE:
    return "cmdline";
  case SLOW_CGROUP:
    break;
  }
  return "cgroup";
}

/* The kernel ends each argument with a zero, some programs with several. */
static char *copy_cmdline(const char *data, size_t length) {
  if (length > CMDLINE_MAX)
    length = CMDLINE_MAX;
  while (length > 0 && (data[length - 1] == '\0' || data[length - 1] == ' '))
    length--;
  char *copy = malloc(length + 1);
  if (copy == NULL)
    return NULL;
  for (size_t i = 0; i < length; i++)
    copy[i] = data[i] == '\0' ? ' ' : data[i];
  copy[length] = '\0';
  return copy;
}

/* A cmdline may be megabytes long, each page of it fetched from the target. */
static ssize_t read_text(struct worker *worker, const struct slow_read *read) {
  ssize_t n;
  if (read->fd >= 0 && ((n = proc_reread(read->fd, &worker->text)) >= 0 ||
                        read->kind != SLOW_STAT))
    return n;
  char path[PROC_PATH_SIZE];
  proc_path(path, read->pid, read->tid, file_name(read->kind));
  if (read->kind == SLOW_CMDLINE)
    return proc_read_head(worker->root_fd, path, &worker->text,
                          CMDLINE_MAX + 1);
  if (read->kind == SLOW_EXE)
    return proc_read_link(worker->root_fd, path, &worker->text);
  return proc_read(worker->root_fd, path, &worker->text);
}

static bool is_nowhere(const struct worker *worker, ssize_t n) {
  return n == 0 || (n == 1 && worker->text.data[0] == '0');
}

/*
 * "0": it does not sleep any more; or the kernel does not say without the right
 * to trace it (fs/proc/base.c proc_pid_wchan()), and then not where exe leads
 * to either (proc_fd_access_allowed()).
 */
static int read_wchan(struct worker *worker, struct slow_read *read,
                      ssize_t n) {
  if (is_nowhere(worker, n)) {
    n = read_text(worker, &(struct slow_read){.kind = SLOW_EXE,
                                              .pid = read->pid,
                                              .tid = read->tid,
                                              .fd = -1});
    return n < 0 ? (int)-n : ENOENT;
  }
  read->text = strndup(worker->text.data, (size_t)n);
  return read->text == NULL ? ENOMEM : 0;
}

static int read_one(struct worker *worker, struct slow_read *read) {
  ssize_t n = read_text(worker, read);
  if (n < 0)
    return (int)-n;
  const char *data = worker->text.data;
  size_t length = (size_t)n;
  switch (read->kind) {
  case SLOW_STAT:
    return parse_stat(data, length, &read->stat) ? 0 : EBADMSG;
  case SLOW_IO:
    return parse_io(data, length, &read->io) ? 0 : EBADMSG;
  case SLOW_PSS:
    return parse_smaps_rollup(data, length, &read->memory.pss,
                              &read->memory.uss)
               ? 0
               : EBADMSG;
  case SLOW_CMDLINE:
    read->text = copy_cmdline(data, length);
    break;
  case SLOW_WCHAN:
    return read_wchan(worker, read, n);
  case SLOW_CGROUP:
    if (length > 0 && data[length - 1] != '\n') /* it is cut */
      return EBADMSG;
    read->text = strndup(data, length);
    break;
  case SLOW_EXE:
    read->text = strndup(data, length);
    break;
  }
  return read->text == NULL ? ENOMEM : 0;
}

static bool has_text(const struct slow_read *read) {
  return read->error == 0 && read->kind != SLOW_STAT && read->kind != SLOW_IO &&
         read->kind != SLOW_PSS;
}

static void free_read(struct slow_read *read) {
  if (has_text(read))
    free(read->text);
}

static void worker_free(struct worker *worker) {
  pthread_cond_destroy(&worker->finished);
  pthread_cond_destroy(&worker->wake);
  pthread_mutex_destroy(&worker->lock);
  free(worker->text.data);
  free(worker);
}

/* Called with the lock; the thread ends after it. */
static void come_back(struct worker *worker) {
  worker->returned = true;
  bool orphaned = worker->orphaned;
  pthread_mutex_unlock(&worker->lock);
  if (orphaned)
    worker_free(worker);
}

static void *work(void *argument) {
  struct worker *worker = argument;
  pthread_mutex_lock(&worker->lock);
  worker->tid = gettid();
  while (!worker->quit) {
    if (worker->done == worker->count) {
      pthread_cond_wait(&worker->wake, &worker->lock);
      continue;
    }
    struct slow_read read = worker->reads[worker->done];
    pthread_mutex_unlock(&worker->lock);
    if (read.error == 0)
      read.error = read_one(worker, &read);
    pthread_mutex_lock(&worker->lock);
    if (worker->left_behind) {
      free_read(&read);
      come_back(worker); // NOLINT(clang-analyzer-unix.Malloc): text is freed
      return NULL;
    }
    worker->reads[worker->done++] = read;
    if (worker->done == worker->count)
      pthread_cond_signal(&worker->finished);
  }
  pthread_mutex_unlock(&worker->lock);
  return NULL;
}

/* --- the caller's side --- */

static struct worker *worker_new(int root_fd) {
  struct worker *worker = calloc(1, sizeof(*worker));
  if (worker == NULL)
    return NULL;
  worker->root_fd = root_fd;
  pthread_mutex_init(&worker->lock, NULL);
  pthread_cond_init(&worker->wake, NULL);
  helper_condition_init(&worker->finished);
  int error = helper_start(&worker->thread, "proctrace-slow", WORKER_STACK,
                           work, worker);
  if (error == 0)
    return worker;
  worker_free(worker);
  errno = error;
  return NULL;
}

void patience_begin(struct patience *patience, unsigned interval_ms) {
  patience->target_ns = interval_ms * NS_PER_MS / 8;
  patience->left_ns = interval_ms * NS_PER_MS / 2;
}

struct slowread *slowread_new(int root_fd, struct patience *patience,
                              bool bounded) {
  struct slowread *slow = calloc(1, sizeof(*slow));
  if (slow == NULL)
    return NULL;
  slow->root_fd = root_fd;
  slow->patience = patience;
  slow->bounded = bounded;
  slow->worker = worker_new(root_fd);
  if (slow->worker == NULL) {
    free(slow);
    return NULL;
  }
  return slow;
}

/* Join those left behind that have come back since. */
static void welcome_back(struct slowread *slow) {
  unsigned kept = 0;
  for (unsigned i = 0; i < slow->left_behinds; i++) {
    struct worker *worker = slow->left_behind[i];
    pthread_mutex_lock(&worker->lock);
    bool returned = worker->returned;
    pthread_mutex_unlock(&worker->lock);
    if (returned) {
      pthread_join(worker->thread, NULL);
      worker_free(worker);
      continue;
    }
    slow->left_behind[kept] = worker;
    slow->owners[kept] = slow->owners[i];
    slow->hanging_on[kept++] = slow->hanging_on[i];
  }
  slow->left_behinds = kept;
}

void slowread_interval(struct slowread *slow) {
  welcome_back(slow);
  if (slow->worker == NULL && slow->left_behinds < MAX_LEFT_BEHIND)
    slow->worker = worker_new(slow->root_fd);
}

bool slow_batch_add(struct slow_batch *batch, struct slow_read read) {
  if (!make_room(batch->reads, batch->capacity, batch->count + 1))
    return false;
  batch->reads[batch->count++] = read;
  return true;
}

static uid_t owner_of(const struct slowread *slow, pid_t pid) {
  char path[PROC_PATH_SIZE];
  struct stat st;
  proc_path(path, pid, 0, "");
  return fstatat(slow->root_fd, path, &st, 0) == 0 ? st.st_uid : 0;
}

/* Would a reader hang on this process, as far as we know? */
static bool hangs(const struct slowread *slow, pid_t pid) {
  if (slow->left_behinds == 0)
    return false;
  uid_t owner = owner_of(slow, pid);
  unsigned of_owner = 0;
  for (unsigned i = 0; i < slow->left_behinds; i++) {
    if (slow->hanging_on[i] == pid)
      return true;
    of_owner += slow->owners[i] == owner;
  }
  return owner != 0 && of_owner >= MAX_LEFT_BEHIND_OF_USER;
}

/* Where nobody hangs there are just too many. */
static void give_up(const struct slowread *slow, struct slow_batch *batch,
                    size_t first) {
  for (size_t i = first; i < batch->count; i++)
    batch->reads[i].error = slow->left_behinds > 0 ? ETIMEDOUT : ETIME;
}

/* Let the helper read from `first` on. */
static void hand_over(struct slowread *slow, struct slow_batch *batch,
                      size_t first) {
  struct worker *worker = slow->worker;
  if (worker == NULL) {
    give_up(slow, batch, first);
    return;
  }
  pthread_mutex_lock(&worker->lock);
  worker->reads = batch->reads;
  worker->done = first;
  worker->count = batch->count;
  pthread_cond_signal(&worker->wake);
  pthread_mutex_unlock(&worker->lock);
}

/* From `first` on, leave out on whom we would hang; let the helper read the
 * others. */
static void go_on(struct slowread *slow, struct slow_batch *batch,
                  size_t first) {
  for (size_t i = first; i < batch->count; i++)
    batch->reads[i].error = hangs(slow, batch->reads[i].pid) ? ETIMEDOUT : 0;
  /* Without time left, a helper would only be blamed for it. */
  if (slow->patience->left_ns > 0)
    hand_over(slow, batch, first);
  else
    give_up(slow, batch, first);
}

void slowread_start(struct slowread *slow, struct slow_batch *batch) {
  go_on(slow, batch, 0);
}

/* Called with the lock, which the helper may be waiting for. */
static bool sleeps(struct worker *worker) {
  pid_t tid = worker->tid;
  pthread_mutex_unlock(&worker->lock);
  bool asleep = tid != 0 && helper_sleeps(tid);
  pthread_mutex_lock(&worker->lock);
  return asleep;
}

/*
 * Wait for the helper as long as it may take for one target, or until it is
 * done; takes from the patience what counts of that.  Returns whether the
 * target holds it up: it does not where the helper works, or waits for a CPU;
 * but smaps_rollup may be work without an end.  Called with its lock.
 */
static bool is_held_up(struct slowread *slow, struct worker *worker,
                       bool last) {
  struct patience *patience = slow->patience;
  size_t before = worker->done;
  bool endless = worker->reads[before].kind == SLOW_PSS;
  int64_t busy = helper_busy_ns(worker->tid);
  int64_t began = monotonic_ns();
  int64_t until = began + (last || patience->target_ns < patience->left_ns
                               ? patience->target_ns
                               : patience->left_ns);
  helper_wait_until(&worker->finished, &worker->lock, until);
  int64_t waited = monotonic_ns() - began;
  bool over = began + waited >= until && worker->done == before;
  /* sleeps() lets go of the lock: it may have gone on since. */
  bool held_up = over && (endless || sleeps(worker)) && worker->done == before;
  if (!endless && !slow->bounded) {
    int64_t worked = helper_busy_ns(worker->tid) - busy;
    if (worked < 0) /* the kernel does not say, for want of a descriptor */
      worked = 0;
    waited = held_up || !over ? waited - worked : 0;
  }
  if (waited > 0)
    patience->left_ns -= waited;
  return held_up;
}

/* Wait until the helper is done (true), or hangs (false).  When the time for
 * all waiting is over, the read under way is its last.  Called with its lock.
 */
static bool wait_for(struct slowread *slow, struct slow_batch *batch,
                     struct worker *worker) {
  bool last = false;
  while (worker->done < worker->count) {
    bool held_up = is_held_up(slow, worker, last);
    bool late = slow->patience->left_ns <= 0;
    if (held_up && (last || !late))
      return false;
    if (!late || last || worker->done == worker->count)
      continue;
    last = true;
    give_up(slow, batch, worker->done + 1);
    worker->count = worker->done + 1;
  }
  return true;
}

/* Go on without a helper that hangs: it has a copy of what it reads.  Returns
 * the index behind the target given up. */
static size_t leave_behind(struct slowread *slow, struct slow_batch *batch) {
  struct worker *worker = slow->worker;
  size_t stuck = worker->done;
  pid_t pid = batch->reads[stuck].pid;
  batch->reads[stuck].error = ETIMEDOUT;
  slow->hanging_on[slow->left_behinds] = pid;
  slow->owners[slow->left_behinds] = owner_of(slow, pid);
  slow->left_behind[slow->left_behinds++] = worker;
  worker->left_behind = true;
  worker->reads = NULL;
  pthread_mutex_unlock(&worker->lock);
  slow->worker =
      slow->left_behinds < MAX_LEFT_BEHIND ? worker_new(slow->root_fd) : NULL;
  return stuck + 1;
}

void slowread_finish(struct slowread *slow, struct slow_batch *batch) {
  while (slow->worker != NULL) {
    struct worker *worker = slow->worker;
    pthread_mutex_lock(&worker->lock);
    if (wait_for(slow, batch, worker)) {
      worker->reads = NULL;
      worker->done = worker->count = 0;
      pthread_mutex_unlock(&worker->lock);
      return;
    }
    size_t next = leave_behind(slow, batch);
    if (next >= batch->count)
      return;
    go_on(slow, batch, next);
  }
}

unsigned slowread_hanging(struct slowread *slow) {
  welcome_back(slow);
  return slow->left_behinds;
}

void slowread_free(struct slowread *slow) {
  if (slow == NULL)
    return;
  if (slow->worker != NULL) {
    pthread_mutex_lock(&slow->worker->lock);
    slow->worker->quit = true;
    pthread_cond_signal(&slow->worker->wake);
    pthread_mutex_unlock(&slow->worker->lock);
    pthread_join(slow->worker->thread, NULL);
    worker_free(slow->worker);
  }
  welcome_back(slow);
  for (unsigned i = 0; i < slow->left_behinds; i++) {
    struct worker *worker = slow->left_behind[i];
    pthread_mutex_lock(&worker->lock);
    bool returned = worker->returned;
    worker->orphaned = !returned;
    if (!returned)
      pthread_detach(worker->thread);
    pthread_mutex_unlock(&worker->lock);
    if (returned) {
      pthread_join(worker->thread, NULL);
      worker_free(worker);
    }
  }
  free(slow);
}
