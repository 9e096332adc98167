/* SPDX-License-Identifier: MIT
 *
 * churn SECONDS PER_SECOND LIFE_MS [fork]
 * Starts PER_SECOND processes a second (fork, exec of itself, exit; or without
 * the exec, which is most of the cost). Each calls write() once, with one byte,
 * and lives for LIFE_MS, so that about PER_SECOND * LIFE_MS / 1000 are alive at
 * a time; never more than 1500, so that a machine that cannot keep up has fewer
 * started. At SIGUSR1 or SIGTERM it starts no more, prints "started <number>"
 * when the last one was waited for, and ends at SIGTERM.
 */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ALIVE = 1500 };

static void live(long life_ms) {
  int null = open("/dev/null", O_WRONLY);
  if (null < 0 || write(null, "", 1) != 1)
    work_fail("/dev/null");
  usleep((useconds_t)life_ms * 1000);
}

static void spawn_one(char **argv) {
  char *child[] = {argv[0], "child", argv[3], NULL};
  pid_t pid;
  errno = posix_spawn(&pid, argv[0], NULL, NULL, child, environ);
  if (errno != 0)
    work_fail("posix_spawn");
}

static void fork_one(long life_ms) {
  pid_t parent = getpid(), pid = fork();
  if (pid < 0)
    work_fail("fork");
  if (pid > 0)
    return;
  work_follow(parent);
  live(life_ms);
  _exit(0);
}

/* How many have ended since. */
static long reap(void) {
  long ended = 0;
  while (waitpid(-1, NULL, WNOHANG) > 0)
    ended++;
  return ended;
}

/* The children keep the name under which this program was started. After a
 * stall much is due at once: who has ended meanwhile is no longer alive. */
static long start_due(char **argv, long due, long *alive) {
  long started = 0;
  for (; started < due && *alive < MOST_ALIVE; started++, ++*alive) {
    if (argv[4] == NULL)
      spawn_one(argv);
    else
      fork_one(work_number(argv[3], 0, 10000));
    *alive -= reap();
  }
  return started;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "child") == 0) {
    live(work_number(argv[2], 0, 10000));
    return 0;
  }
  if (argc != 4 && (argc != 5 || strcmp(argv[4], "fork") != 0))
    return 2;
  work_until_told();
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGTERM);
  long per_second = work_number(argv[2], 1, 10000);
  work_number(argv[3], 0, 10000);

  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  printf("ready %d\n", getpid());
  fflush(stdout);
  long started = 0, missed = 0, alive = 0;
  while (!work_enough) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    double elapsed = (double)(now.tv_sec - start.tv_sec) +
                     (double)(now.tv_nsec - start.tv_nsec) / 1e9;
    long due = (long)(elapsed * (double)per_second) - started - missed;
    long now_started = start_due(argv, due, &alive);
    started += now_started;
    missed += due - now_started;
    alive -= reap();
    usleep(5000);
  }
  while (wait(NULL) > 0)
    ;
  return work_end("started", started);
}
