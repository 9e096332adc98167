/* SPDX-License-Identifier: MIT
 *
 * mmaphold SECONDS DIRECTORY
 * A process whose mmap lock is held for good, as by a hung network filesystem:
 * whoever reads its cmdline or smaps_rollup waits. Prints "ready <pid>" with
 * the pid of that process once a reader has been seen to wait.
 *
 * How: this process serves, by hand, a FUSE filesystem with one file whose
 * pages never come. The target, its child, maps that file and reads the mapping
 * through /proc/self/mem: that path takes the lock for reading and, unlike a
 * page fault, does not let go of it while it waits for the page. A second
 * thread then calls mmap() and queues as a writer, and every later reader
 * queues behind it. Such a target cannot even be killed; closing /dev/fuse
 * fails the page, so it ends with this process, whatever ends that. The mount
 * lives in a mount namespace of its own and needs no clean-up.
 */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_NODE = 2, FILE_SIZE = 4096 };

/* Two seconds of trying, and long enough for a reader that is not blocked. */
enum { TRIES = 40, TRY_MS = 50 };

static struct fuse_attr attributes(uint64_t node) {
  struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = FILE_SIZE};
  attr.mode = node == FILE_NODE ? S_IFREG | 0444 : S_IFDIR | 0555;
  attr.size = node == FILE_NODE ? FILE_SIZE : 0;
  return attr;
}

static void reply(int fuse, uint64_t unique, int error, void *data,
                  size_t size) {
  struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + size),
                                   .error = error,
                                   .unique = unique};
  struct iovec parts[] = {{&header, sizeof(header)}, {data, size}};
  if (writev(fuse, parts, 2) < 0 && errno != ENOENT)
    work_fail("reply to the kernel");
}

static void answer(int fuse, const struct fuse_in_header *in) {
  switch (in->opcode) {
  case FUSE_INIT: {
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = FILE_SIZE};
    reply(fuse, in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_LOOKUP: {
    struct fuse_entry_out out = {.nodeid = FILE_NODE,
                                 .attr = attributes(FILE_NODE)};
    reply(fuse, in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_GETATTR: {
    struct fuse_attr_out out = {.attr = attributes(in->nodeid)};
    reply(fuse, in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_OPEN: {
    struct fuse_open_out out = {0};
    reply(fuse, in->unique, 0, &out, sizeof(out));
    break;
  }
  case FUSE_READ: /* the point of it all */
  case FUSE_FORGET:
  case FUSE_INTERRUPT:
    break;
  default:
    reply(fuse, in->unique, -ENOSYS, NULL, 0);
  }
}

static _Noreturn void *serve(void *device) {
  int fuse = *(const int *)device;
  static _Alignas(8) char request[64 * 1024];
  for (;;) {
    if (read(fuse, request, sizeof(request)) > 0)
      answer(fuse, (const struct fuse_in_header *)request);
    else if (errno != EINTR && errno != EAGAIN)
      work_fail("/dev/fuse");
  }
}

static void *take_as_reader(void *page) {
  char byte;
  int mem = open("/proc/self/mem", O_RDONLY);
  if (mem >= 0 && pread(mem, &byte, 1, (off_t)(uintptr_t)page) == 1)
    work_fail("the page came");
  return NULL;
}

static _Noreturn void target(const char *directory, pid_t parent) {
  work_follow(parent);
  char path[4096];
  snprintf(path, sizeof(path), "%s/file", directory);
  int fd = open(path, O_RDONLY);
  void *page =
      fd < 0 ? MAP_FAILED : mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
  pthread_t thread;
  if (page == MAP_FAILED ||
      pthread_create(&thread, NULL, take_as_reader, page) != 0)
    work_fail(path);
  for (;;) { /* each call queues as a writer, once the reader is there */
    void *other = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (other != MAP_FAILED)
      munmap(other, FILE_SIZE);
    usleep(1000);
  }
}

/* Whether somebody who reads the command line of `pid` has to wait. */
static bool readers_wait(pid_t pid) {
  pid_t parent = getpid(), prober = fork();
  if (prober == 0) {
    work_follow(parent);
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY);
    _exit(fd < 0 || read(fd, text, sizeof(text)) < 0);
  }
  usleep(TRY_MS * 1000);
  bool waits = waitpid(prober, NULL, WNOHANG) == 0;
  if (waits) {
    kill(prober, SIGKILL);
    waitpid(prober, NULL, 0);
  }
  return waits;
}

static void mount_fuse(int fuse, const char *directory) {
  char options[128];
  snprintf(options, sizeof(options),
           "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("mmaphold", directory, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
    work_skip("mounting a FUSE filesystem");
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  work_bound(work_number(argv[1], 1, 3600), SIGTERM);
  int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fuse < 0)
    work_skip("/dev/fuse");
  mount_fuse(fuse, argv[2]);

  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    close(fuse);
    target(argv[2], self);
  }
  pthread_t server;
  if (pid < 0 || pthread_create(&server, NULL, serve, &fuse) != 0)
    work_fail("set-up");
  for (int tries = TRIES; !readers_wait(pid); tries--)
    if (tries == 0) {
      printf("skip this kernel lets go of the mmap lock\n");
      return 77;
    }
  printf("ready %d\n", pid);
  fflush(stdout);
  waitpid(pid, NULL, 0);
  return 0;
}
