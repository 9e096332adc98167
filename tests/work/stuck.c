/* SPDX-License-Identifier: MIT */
#include "stuck.h"

#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_NODE = 2, FILE_SIZE = 4096, PENDING_MOST = 64 };

/* Two seconds of trying, and long enough for a reader that is not blocked. */
enum { TRIES = 100, TRY_MS = 50 };

static struct {
  int fuse;
  uint32_t silent;
  pthread_mutex_t lock; /* of all below */
  bool released;
  struct fuse_in_header pending[PENDING_MOST];
  unsigned pendings;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct fuse_attr attributes(uint64_t node) {
  struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = FILE_SIZE};
  attr.mode = node == FILE_NODE ? S_IFREG | 0444 : S_IFDIR | 0555;
  attr.size = node == FILE_NODE ? FILE_SIZE : 0;
  return attr;
}

static void reply(uint64_t unique, int error, void *data, size_t size) {
  struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + size),
                                   .error = error,
                                   .unique = unique};
  struct iovec parts[] = {{&header, sizeof(header)}, {data, size}};
  if (writev(server.fuse, parts, 2) < 0 && errno != ENOENT)
    work_fail("reply to the kernel");
}

static void answer(const struct fuse_in_header *in) {
  switch (in->opcode) {
  case FUSE_INIT: {
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = FILE_SIZE};
    reply(in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_LOOKUP: {
    struct fuse_entry_out out = {.nodeid = FILE_NODE,
                                 .attr = attributes(FILE_NODE)};
    reply(in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_GETATTR: {
    struct fuse_attr_out out = {.attr = attributes(in->nodeid)};
    reply(in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_OPEN: {
    struct fuse_open_out out = {0};
    reply(in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_READ: {
    static char page[FILE_SIZE];
    reply(in->unique, 0, page, sizeof(page));
    break;
  }
  case FUSE_FORGET:
  case FUSE_INTERRUPT: /* these want none */
    break;
  default:
    reply(in->unique, -ENOSYS, NULL, 0);
  }
}

static void answer_unless_silent(const struct fuse_in_header *in) {
  pthread_mutex_lock(&server.lock);
  if (in->opcode != server.silent || server.released)
    answer(in);
  else if (server.pendings < PENDING_MOST)
    server.pending[server.pendings++] = *in;
  pthread_mutex_unlock(&server.lock);
}

static void release(void) {
  pthread_mutex_lock(&server.lock);
  server.released = true;
  for (unsigned i = 0; i < server.pendings; i++)
    answer(&server.pending[i]);
  server.pendings = 0;
  pthread_mutex_unlock(&server.lock);
}

static _Noreturn void *serve(void *unused) {
  (void)unused;
  static _Alignas(8) char request[64 * 1024];
  for (;;) {
    if (read(server.fuse, request, sizeof(request)) > 0)
      answer_unless_silent((const struct fuse_in_header *)request);
    else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
      work_fail("/dev/fuse");
  }
}

static bool sleeps(pid_t pid) {
  char path[64], state = '?';
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  FILE *stat = fopen(path, "re");
  if (stat == NULL || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
    state = '?';
  if (stat != NULL)
    fclose(stat);
  return state == 'D';
}

/* Whether somebody who reads this file of `pid` has to wait: not for a CPU, but
 * for a lock that can be given up only to die. */
static bool readers_wait(pid_t pid, const char *name) {
  pid_t parent = getpid(), prober = fork();
  if (prober == 0) {
    work_follow(parent);
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY);
    _exit(fd < 0 || read(fd, text, sizeof(text)) < 0);
  }
  usleep(TRY_MS * 1000);
  bool ended = waitpid(prober, NULL, WNOHANG) != 0;
  bool waits = !ended && sleeps(prober);
  if (!ended) {
    kill(prober, SIGKILL);
    waitpid(prober, NULL, 0);
  }
  return waits;
}

static void mount_fuse(const char *directory) {
  char options[128];
  snprintf(options, sizeof(options),
           "fd=%d,rootmode=40000,user_id=0,group_id=0", server.fuse);
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("stuck", directory, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
    work_skip("mounting a FUSE filesystem");
}

static _Noreturn void target(const struct stuck *stuck, const char *directory,
                             pid_t parent) {
  work_follow(parent);
  char path[4096];
  snprintf(path, sizeof(path), "%s/file", directory);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    work_fail(path);
  stuck->target(fd);
  work_fail("the target came back");
}

/* Until the target has ended. */
static void hold(pid_t pid, const sigset_t *signals) {
  int signal;
  for (;;) {
    sigwait(signals, &signal);
    if (signal == SIGUSR1)
      release();
    else if (waitpid(pid, NULL, WNOHANG) == pid)
      return;
  }
}

int stuck_main(int argc, char **argv, const struct stuck *stuck) {
  if (argc != 3)
    return 2;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGTERM);
  server.silent = stuck->silent;
  server.fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (server.fuse < 0)
    work_skip("/dev/fuse");
  mount_fuse(argv[2]);

  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    close(server.fuse);
    target(stuck, argv[2], self);
  }
  pthread_t thread;
  if (pid < 0 || pthread_create(&thread, NULL, serve, NULL) != 0)
    work_fail("set-up");
  for (int tries = TRIES; !readers_wait(pid, stuck->waited_for); tries--)
    if (tries == 0) {
      printf("skip %s\n", stuck->not_here);
      return 77;
    }
  printf("ready %d\n", pid);
  fflush(stdout);
  hold(pid, &signals);
  return 0;
}
