/* SPDX-License-Identifier: MIT
 *
 * burn SECONDS THREADS LIFE_MS
 * THREADS threads that are busy all the time (the main thread is one), and,
 * unless LIFE_MS is 0, one more after the other that is busy for LIFE_MS and
 * ends: its CPU time then disappears from /proc/<pid>/task.
 */
#include "work.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void *burn_on(void *unused) {
  for (;;) {
    work_spin(5);
    sched_yield();
  }
  return unused;
}

static void *burn_once(void *life) {
  work_spin(*(const long *)life);
  return NULL;
}

static void *burn_in_turn(void *life) {
  for (;;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, burn_once, life) != 0)
      work_fail("pthread_create");
    pthread_join(thread, NULL);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGKILL);
  long threads = work_number(argv[2], 1, 1000);
  long life = work_number(argv[3], 0, 60000);

  pthread_t thread;
  for (long i = 1; i < threads; i++)
    if (pthread_create(&thread, NULL, burn_on, NULL) != 0)
      work_fail("pthread_create");
  if (life > 0 && pthread_create(&thread, NULL, burn_in_turn, &life) != 0)
    work_fail("pthread_create");
  printf("ready %d\n", getpid());
  fflush(stdout);
  burn_on(NULL);
  return 0;
}
