/* SPDX-License-Identifier: MIT
 *
 * reader SECONDS DIRECTORY CALLS BYTES CHILDREN
 * Writes CALLS times BYTES bytes to a file and reads them back with as many
 * calls, in each of CHILDREN forked children, or itself if that is 0. It prints
 * the totals beforehand: "ready <pid> read <bytes> <calls> write <bytes>
 * <calls>". SIGUSR1 starts the work, and at its end the directory "worked"
 * appears; a second SIGUSR1 ends and reaps the children, and "reaped" appears.
 * Signals and directories, because these count as no I/O.
 */
#include "work.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void transfer(long number, long calls, size_t bytes) {
  char name[32];
  snprintf(name, sizeof(name), "data-%ld", number);
  char *buffer = malloc(bytes);
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (buffer == NULL || fd < 0)
    work_fail(name);
  memset(buffer, 'x', bytes);
  for (long i = 0; i < calls; i++)
    if (write(fd, buffer, bytes) != (ssize_t)bytes)
      work_fail("write");
  /* Out of the page cache, so that reading is reading from the disk. */
  fdatasync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  lseek(fd, 0, SEEK_SET);
  for (long i = 0; i < calls; i++)
    if (read(fd, buffer, bytes) != (ssize_t)bytes)
      work_fail("read");
  close(fd);
  free(buffer);
}

static void wait_for(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigwaitinfo(&set, NULL);
}

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  long seconds = work_number(argv[1], 1, WORK_SECONDS_MOST);
  long calls = work_number(argv[3], 1, 1000000);
  long bytes = work_number(argv[4], 1, 1L << 20);
  long children = work_number(argv[5], 0, 100);
  if (chdir(argv[2]) != 0)
    work_fail(argv[2]);
  sigset_t steps;
  sigemptyset(&steps);
  sigaddset(&steps, SIGUSR1);
  sigaddset(&steps, SIGUSR2);
  sigprocmask(SIG_BLOCK, &steps, NULL);
  work_bound(seconds, SIGKILL);

  pid_t self = getpid(), pids[100] = {0};
  long total = calls * (children > 0 ? children : 1);
  printf("ready %d read %ld %ld write %ld %ld\n", self, total * bytes, total,
         total * bytes, total);
  fflush(stdout);

  wait_for(SIGUSR1);
  if (children == 0)
    transfer(0, calls, (size_t)bytes);
  for (long i = 0; i < children; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      work_follow(self);
      transfer(i, calls, (size_t)bytes);
      kill(self, SIGUSR2);
      wait_for(SIGUSR1);
      _exit(0);
    }
    if (pids[i] < 0)
      work_fail("fork");
    wait_for(SIGUSR2); /* one after the other: pending signals do not add up */
  }
  if (mkdir("worked", 0700) != 0)
    work_fail("worked");

  wait_for(SIGUSR1);
  for (long i = 0; i < children; i++) {
    kill(pids[i], SIGUSR1);
    waitpid(pids[i], NULL, 0);
  }
  if (mkdir("reaped", 0700) != 0)
    work_fail("reaped");
  for (;;)
    pause();
}
