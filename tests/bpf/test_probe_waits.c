/* SPDX-License-Identifier: MIT */
/*
 * What takes time, against programs that take the time themselves: sleeping in
 * system calls, waiting for a CPU.  A program's own clock also runs on the way
 * into the kernel and back; how much that may be stands with each comparison.
 */
#include "probed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- latency of system calls --- */

/* Two clock readings, a wakeup that has begun to run, and the way back. */
#define CALL_WAY_NS 5000

static void a_call_takes_as_long_as_it_does(void **state) {
  (void)state;
  enum { CALLS = 1000 };
  struct worker *w = given("sleeps %d 100 6000", CALLS);
  watch("<Probe 'syscall'>; LatencyOf 'clock_nanosleep' 'getsid'; </Probe>");
  const double *said = round_of(w);
  read_once();
  percentiles_fit(w, "syscall_clock_nanosleep", said + 2, way_ns(CALL_WAY_NS),
                  0);
  sent(of(w, "operations-syscall_clock_nanosleep"), CALLS);
  within(said[0] * 0.99 - CALLS * way_ns(CALL_WAY_NS),
         value(of(w, "derive-syscall_clock_nanosleep_time_ns")), said[1],
         "the time of all sleeps");
  not_sent(of(w, "latency-syscall_getsid-*"));
  /* No event, no percentile; the counters stay. */
  read_once();
  not_sent(of(w, "latency-syscall_clock_nanosleep-*"));
  sent(of(w, "operations-syscall_clock_nanosleep"), CALLS);
}

/* One call in three is a sleep; two preads each are the other two. */
static void of_all_calls(void **state) {
  (void)state;
  enum { CALLS = 200 };
  struct worker *w = given("sleeps %d 1000 1001", CALLS);
  watch("Probe 'syscall'; Percentiles 30 90 99.9");
  const double *said = round_of(w);
  read_once();
  within(1e-9, value(of(w, "latency-syscall-p30")), 0.0001,
         "a call that does not sleep");
  within(0.001 * 0.9375, value(of(w, "latency-syscall-p90")),
         said[9] * 1.0625 / 1e9, "a call that sleeps");
  /* The longest of all, be it one that was kept from running. */
  within(0.001 * 0.9375, value(of(w, "latency-syscall-p99_9")), INFINITY,
         "the longest but one in a thousand");
  not_sent(of(w, "latency-syscall-p50"));
  counted(of(w, "operations-syscall_pread64"), 2 * CALLS);
}

/* --- waiting for a CPU --- */

/* Half and half of the two threads, and a third that is in their way. */
static void the_sum_is_the_kernels(void **state) {
  (void)state;
  struct worker *w = given("pingpong 3000");
  watch("Probe 'runqueue'");
  double waited = schedstat_sum(w->pid, 2), ran = schedstat_sum(w->pid, 3);
  double slept = status_sum(w->pid, "\nvoluntary_ctxt_switches:");
  double forced = status_sum(w->pid, "\nnonvoluntary_ctxt_switches:");
  round_of(w);
  wait_until_asleep(w->pid);
  read_once();
  waited = schedstat_sum(w->pid, 2) - waited;
  ran = schedstat_sum(w->pid, 3) - ran;
  slept = status_sum(w->pid, "\nvoluntary_ctxt_switches:") - slept;
  forced = status_sum(w->pid, "\nnonvoluntary_ctxt_switches:") - forced;
  assert_true(slept > 100 && waited > 0);
  within(waited * 0.99, value(of(w, "derive-runqueue_time_ns")), waited * 1.01,
         "the time of all waits");
  within(ran * 0.99, value(of(w, "operations-runqueue")), ran * 1.01,
         "the number of all waits");
  /* A thread on its way to sleep can be stopped and woken before it slept.  All
   * wake each other but for the first time: that may be an interrupt (ROUNDS).
   */
  within(slept - 1, value(of(w, "total_events-wakeups")), slept + forced,
         "wakeups");
}

/* A sleep is ended by one wakeup; so is the wait for the round. */
static void each_wakeup_is_counted(void **state) {
  (void)state;
  enum { SLEEPS = 300 };
  struct worker *w = given("sleeps %d 100 1000", SLEEPS);
  round_of(w); /* all pages that it needs are there then */
  wait_until_asleep(w->pid);
  watch("Probe 'runqueue'");
  struct growth wakeups[] = {
      growth_of(of(w, "total_events-wakeups"), SLEEPS + 1),
      growth_of(of_group("total_events-wakeups"), SLEEPS + 1),
  };
  for (int i = 0; i < ROUNDS; i++) {
    round_of(w);
    if (all_grown(wakeups, 2))
      return;
  }
  fail();
}

static void who_never_sleeps_is_never_woken(void **state) {
  (void)state;
  struct worker *w = given("loops");
  watch("Probe 'runqueue'");
  round_of(w);
  usleep(200000);
  read_once();
  double wakeups = value(of(w, "total_events-wakeups"));
  double waits = value(of(w, "operations-runqueue"));
  double waited = value(of(w, "derive-runqueue_time_ns"));
  usleep(500000);
  read_once();
  assert_true(value(of(w, "total_events-wakeups")) == wakeups);
  assert_true(value(of(w, "operations-runqueue")) > waits);
  /* There are two threads for one CPU: one of them waits all the time. */
  within(0.3e9, value(of(w, "derive-runqueue_time_ns")) - waited, 60e9,
         "half a second of waiting");
}

/* Writing to the eventfd before it wakes, and reading it after. */
#define WAKE_WAY_NS 20000

static void a_wait_takes_as_long_as_it_does(void **state) {
  (void)state;
  enum { WAITS = 300 };
  struct worker *w = given("waits %d 1000 9000", WAITS);
  watch("Probe 'runqueue'");
  double said[10];
  memcpy(said, round_of(w), sizeof(said));
  read_once();
  /* Two more, before the first and after the last, it does not time.  They are
   * short; where CPUs are emulated by turns, one of them may be the longest. */
  double untimed = 0;
  if (is_emulated()) {
    untimed = 2e9 * value(of(w, "latency-runqueue-max"));
    said[9] = INFINITY;
  }
  percentiles_fit(w, "runqueue", said + 2, way_ns(WAKE_WAY_NS), 0);
  within(said[0] * 0.99 - WAITS * way_ns(WAKE_WAY_NS),
         value(of(w, "derive-runqueue_time_ns")), said[1] * 1.01 + untimed,
         "the time of all waits");
}

/* Below 0.1 ms a single wait is not right, and this is said instead. */
static void a_short_wait_is_told_as_the_bound(void **state) {
  (void)state;
  struct worker *w = given("waits 300 1 2");
  watch("Probe 'runqueue'");
  round_of(w);
  read_once();
  sent(of(w, "latency-runqueue-p50"), 0.0001);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PROBE_TEST(a_call_takes_as_long_as_it_does),
      PROBE_TEST(of_all_calls),
      PROBE_TEST(the_sum_is_the_kernels),
      PROBE_TEST(each_wakeup_is_counted),
      PROBE_TEST(who_never_sleeps_is_never_woken),
      PROBE_TEST(a_wait_takes_as_long_as_it_does),
      PROBE_TEST(a_short_wait_is_told_as_the_bound),
  };
  return RUN(tests);
}
