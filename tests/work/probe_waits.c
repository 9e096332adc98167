/* SPDX-License-Identifier: MIT
 *
 * Commands of `probe` that sleep, and that wait for a CPU.
 *
 * sleeps CALLS LEAST_US MOST_US
 *   Sleeps by clock_nanosleep and says how long they were (samples_say).
 * pingpong ROUNDS
 *   Two threads that wake each other in turn, and a third one that is busy, all
 *   of them on one CPU.
 * loops
 *   Two threads that are busy for good, on one CPU; the round has no end.
 * waits TIMES LEAST_US MOST_US
 *   It is woken by another process that keeps the CPU for a while: says how
 *   long it was between being woken and running. Both have the same real-time
 *   priority, so that it does have to wait.
 */
#include "probe.h"

#include "work.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long times;
static uint64_t least_ns, most_ns;
static struct samples samples;

static void read_arguments(char **arguments) {
  times = work_number(arguments[0], 1, 1000000);
  least_ns = (uint64_t)work_number(arguments[1], 1, 1000000) * 1000;
  most_ns = (uint64_t)work_number(arguments[2], 1, 1000000) * 1000;
  samples_prepare(&samples, (size_t)times);
}

static void stay_on_one_cpu(void) {
  cpu_set_t all, last;
  CPU_ZERO(&last);
  if (sched_getaffinity(0, sizeof(all), &all) != 0)
    work_fail("sched_getaffinity");
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
    if (CPU_ISSET(cpu, &all)) {
      CPU_SET(cpu, &last);
      break;
    }
  if (sched_setaffinity(0, sizeof(last), &last) != 0)
    work_fail("sched_setaffinity");
}

static void start(void *(*thread)(void *)) {
  pthread_t id;
  if (pthread_create(&id, NULL, thread, NULL) != 0)
    work_fail("pthread_create");
}

/* --- sleeps --- */

static void round_of_sleeps(void) {
  samples_reset(&samples);
  for (long i = 0; i < times; i++) {
    uint64_t ns = spread((size_t)i, (size_t)times, least_ns, most_ns);
    struct timespec length = {.tv_nsec = (long)ns};
    uint64_t began = sample_begin();
    clock_nanosleep(CLOCK_MONOTONIC, 0, &length, NULL);
    sample_end(&samples, began);
  }
  samples_say(&samples);
}

const struct command command_sleeps = {"sleeps", 3, read_arguments,
                                       round_of_sleeps};

/* --- pingpong --- */

static int ping, pong, go_busy;
static atomic_bool busy;

static void *answer(void *unused) {
  for (;;) {
    await(ping);
    tell(pong);
  }
  return unused;
}

static void *be_busy(void *unused) {
  for (;;) {
    await(go_busy);
    while (busy)
      ;
  }
  return unused;
}

static void prepare_pingpong(char **arguments) {
  times = work_number(arguments[0], 1, 1000000);
  stay_on_one_cpu();
  ping = eventfd(0, EFD_SEMAPHORE);
  pong = eventfd(0, EFD_SEMAPHORE);
  go_busy = eventfd(0, EFD_SEMAPHORE);
  start(answer);
  start(be_busy);
}

static void round_of_pingpong(void) {
  busy = true;
  tell(go_busy);
  for (long i = 0; i < times; i++) {
    tell(ping);
    await(pong);
  }
  busy = false;
  say_done("%ld", times);
}

const struct command command_pingpong = {"pingpong", 1, prepare_pingpong,
                                         round_of_pingpong};

/* --- loops --- */

static void prepare_loops(char **unused) {
  (void)unused;
  stay_on_one_cpu();
  go_busy = eventfd(0, EFD_SEMAPHORE);
  start(be_busy);
}

static void round_of_loops(void) {
  busy = true;
  tell(go_busy);
  say_done("0");
  for (;;)
    ;
}

const struct command command_loops = {"loops", 0, prepare_loops,
                                      round_of_loops};

/* --- waits --- */

static int wake, woken;
static _Atomic uint64_t *woken_at; /* of both processes */

static void take_turns(void) {
  struct sched_param priority = {.sched_priority = 1};
  stay_on_one_cpu();
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
    work_skip("no real-time priority");
}

static _Noreturn void keep_cpu(pid_t parent) {
  work_follow(parent);
  take_turns();
  tell(woken);
  for (size_t i = 0;; i++) {
    await(wake); /* the other one sleeps, or is about to */
    uint64_t length = spread(i, (size_t)times, least_ns, most_ns);
    uint64_t began = now_ns();
    *woken_at = began;
    tell(woken);
    while (now_ns() - began < length)
      ;
  }
}

static void prepare_waits(char **arguments) {
  read_arguments(arguments);
  wake = eventfd(0, EFD_SEMAPHORE);
  woken = eventfd(0, EFD_SEMAPHORE);
  woken_at = mmap(NULL, sizeof(*woken_at), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t self = getpid(), other = fork();
  if (woken_at == MAP_FAILED || other < 0)
    work_fail("set-up");
  if (other == 0)
    keep_cpu(self);
  take_turns();
  await(woken);
}

static void round_of_waits(void) {
  samples_reset(&samples);
  for (long i = 0; i < times; i++) {
    tell(wake);
    await(woken);
    samples_add(&samples, now_ns() - *woken_at, 0);
  }
  samples_say(&samples);
}

const struct command command_waits = {"waits", 3, prepare_waits,
                                      round_of_waits};
