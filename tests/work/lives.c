/* SPDX-License-Identifier: MIT
 *
 * lives SECONDS LIVES LIFE_MS
 * LIVES children at any time. Child number n makes n calls of write(), of one
 * byte each, sleeps for LIFE_MS and ends; another one follows it. So what is
 * told of a process says whose life it was, if its pid had several. Each end
 * prints "life <pid> <n> <born> <written> <ended>": in seconds since the epoch,
 * when it began, when its last call was done, and when it was about to end.
 * At SIGUSR1 or SIGTERM the last children end as the others, then it prints
 * "lived <number>", and ends at SIGTERM.
 */
#include "work.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct life {
  pid_t pid;
  long number;
  double born, written, ended; /* told by the child */
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void live(struct life *life, pid_t parent, int null,
                           long life_ms) {
  work_follow(parent);
  life->born = now();
  for (long i = 0; i < life->number; i++)
    if (write(null, "", 1) != 1)
      _exit(1);
  life->written = now();
  usleep((useconds_t)life_ms * 1000);
  life->ended = now();
  _exit(0);
}

static struct life *life_of(struct life *lives, long count, pid_t pid) {
  for (long i = 0; i < count; i++)
    if (lives[i].pid == pid)
      return &lives[i];
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  long seconds = work_number(argv[1], 1, WORK_SECONDS_MOST);
  long count = work_number(argv[2], 1, 1000);
  long life_ms = work_number(argv[3], 1, 100000);
  work_until_told();
  work_bound(seconds, SIGTERM);

  /* Shared, so that a child can tell without any further call. */
  size_t size = (size_t)count * sizeof(struct life);
  struct life *lives = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int null = open("/dev/null", O_WRONLY);
  if (lives == MAP_FAILED || null < 0)
    work_fail("set-up");
  pid_t self = getpid();
  long number = 0;
  /* All that it says is written at once: what it writes is counted, too. */
  static char said[1 << 20];
  setvbuf(stdout, said, _IOFBF, sizeof(said));
  printf("ready %d\n", self);
  fflush(stdout);
  for (long alive = 0; alive > 0 || !work_enough;) {
    struct life *life = life_of(lives, count, 0);
    if (life != NULL && !work_enough) {
      life->number = ++number;
      pid_t pid = fork();
      if (pid == 0)
        live(life, self, null, life_ms);
      if (pid < 0)
        work_fail("fork");
      life->pid = pid;
      alive++;
      usleep((useconds_t)(life_ms * 1000 / count)); /* not all at once */
      if (alive < count)
        continue;
    }
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    life = life_of(lives, count, pid);
    if (pid < 0 || life == NULL || status != 0)
      work_fail("a child");
    printf("life %d %ld %.6f %.6f %.6f\n", pid, life->number, life->born,
           life->written, life->ended);
    life->pid = 0;
    alive--;
  }
  return work_end("lived", number);
}
