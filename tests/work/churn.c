/* SPDX-License-Identifier: MIT
 *
 * churn SECONDS PER_SECOND LIFE_MS
 * Starts PER_SECOND processes a second (fork, exec of itself, exit). Each lives
 * for LIFE_MS, so that about PER_SECOND * LIFE_MS / 1000 are alive at a time.
 * At SIGTERM it prints "started <number>" and ends after its last child.
 */
#include "work.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void stop(int signal) {
  (void)signal;
  over = 1;
}

/* The children keep the name under which this program was started. */
static long start_due(char **argv, double elapsed, long started) {
  long due = (long)(elapsed * (double)work_number(argv[2], 1, 10000));
  char *child[] = {argv[0], "child", argv[3], NULL};
  for (; started < due; started++) {
    pid_t pid;
    errno = posix_spawn(&pid, argv[0], NULL, NULL, child, environ);
    if (errno != 0)
      work_fail("posix_spawn");
  }
  return started;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "child") == 0) {
    usleep((useconds_t)work_number(argv[2], 0, 10000) * 1000);
    return 0;
  }
  if (argc != 4)
    return 2;
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  work_bound(work_number(argv[1], 1, 3600), SIGTERM);
  work_number(argv[3], 0, 10000);

  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  printf("ready %d\n", getpid());
  fflush(stdout);
  for (long started = 0;;) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    double elapsed = (double)(now.tv_sec - start.tv_sec) +
                     (double)(now.tv_nsec - start.tv_nsec) / 1e9;
    if (over) {
      printf("started %ld\n", started);
      break;
    }
    started = start_due(argv, elapsed, started);
    while (waitpid(-1, NULL, WNOHANG) > 0)
      ;
    usleep(5000);
  }
  while (wait(NULL) > 0)
    ;
  return 0;
}
