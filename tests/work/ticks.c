/* SPDX-License-Identifier: MIT
 *
 * ticks SECONDS PROCESSES EVERY_MS CALLS
 * PROCESSES children that sleep until SIGUSR1. From then on each wakes up once
 * in EVERY_MS and calls getppid() CALLS times. At the next SIGUSR1 they sleep
 * again, and it prints "called <number>": all their calls, exactly.
 */
#include "work.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
  atomic_bool ticking;
  atomic_long called, asleep;
};

static _Noreturn void child(struct shared *shared, pid_t parent, long every_ms,
                            long calls) {
  work_follow(parent);
  for (;;) {
    if (shared->ticking) {
      for (long i = 0; i < calls; i++)
        syscall(SYS_getppid);
      shared->called += calls;
    }
    if (!shared->ticking) {
      shared->asleep++;
      while (!shared->ticking)
        usleep(200000);
      shared->asleep--;
    }
    usleep((useconds_t)every_ms * 1000);
  }
}

static void wait_until_asleep(struct shared *shared, long processes) {
  while (shared->asleep < processes)
    usleep(10000);
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  long seconds = work_number(argv[1], 1, WORK_SECONDS_MOST);
  long processes = work_number(argv[2], 1, 30000);
  long every_ms = work_number(argv[3], 1, 10000);
  long calls = work_number(argv[4], 1, 100000);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  work_bound(seconds, SIGTERM);

  struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t self = getpid(), *pids = calloc((size_t)processes, sizeof(*pids));
  if (shared == MAP_FAILED || pids == NULL)
    work_fail("set-up");
  for (long i = 0; i < processes; i++) {
    pids[i] = fork();
    if (pids[i] == 0)
      child(shared, self, every_ms, calls);
    if (pids[i] < 0)
      work_fail("fork");
  }
  wait_until_asleep(shared, processes);
  printf("ready %d\n", self);
  fflush(stdout);
  int signal;
  while (sigwait(&signals, &signal) == 0 && signal == SIGUSR1) {
    shared->ticking = !shared->ticking;
    if (shared->ticking)
      continue;
    wait_until_asleep(shared, processes);
    printf("called %ld\n", (long)shared->called);
    fflush(stdout);
  }
  for (long i = 0; i < processes; i++)
    kill(pids[i], SIGKILL);
  for (long i = 0; i < processes; i++)
    waitpid(pids[i], NULL, 0);
  return 0;
}
