/* SPDX-License-Identifier: MIT
 *
 * mmaphold SECONDS DIRECTORY
 * A process whose mmap lock is held for good: whoever reads its cmdline or
 * smaps_rollup waits. See stuck.h.
 *
 * How: the target maps a file whose pages never come, and reads the mapping
 * through /proc/self/mem: that path takes the lock for reading and, unlike a
 * page fault, does not let go of it while it waits for the page. A second
 * thread then calls mmap() and queues as a writer, and every later reader
 * queues behind it.
 */
#include "stuck.h"
#include "work.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 4096 };

static void *take_as_reader(void *page) {
  char byte;
  int mem = open("/proc/self/mem", O_RDONLY);
  if (mem < 0 || pread(mem, &byte, 1, (off_t)(uintptr_t)page) < 0)
    work_fail("/proc/self/mem");
  close(mem);
  return NULL;
}

static void target(int fd) {
  void *page = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
  pthread_t thread;
  if (page == MAP_FAILED ||
      pthread_create(&thread, NULL, take_as_reader, page) != 0)
    work_fail("mmap");
  for (;;) { /* each call queues as a writer, once the reader is there */
    void *other = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (other != MAP_FAILED)
      munmap(other, SIZE);
    usleep(1000);
  }
}

int main(int argc, char **argv) {
  return stuck_main(argc, argv,
                    &(struct stuck){
                        .silent = FUSE_READ,
                        .target = target,
                        .waited_for = "cmdline",
                        .not_here = "this kernel lets go of the mmap lock",
                    });
}
