/* SPDX-License-Identifier: MIT */
/*
 * Files that never answer: a FIFO without a writer stands for a target that
 * holds its locks.  The read callback is on time, and all others arrive.
 */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

/* An interval that a test can wait for, and what one target may cost of it. */
#define SHORT_INTERVAL 2
#define ON_TIME 1.0

static void read_within(double seconds) {
  read_once();
  if (host_read_duration() > seconds)
    fail_msg("the read callback took %.2f s", host_read_duration());
}

static void read_on_time(void) { read_within(ON_TIME); }

/* The thread that hung is over then: the plugin must not be unloaded under it.
 */
static void release(struct fake_process *p, const char *name) {
  unsigned threads = host_threads();
  fake_release(p, name);
  for (int tries = 0; tries < 500 && host_threads() >= threads; tries++)
    usleep(10000);
}

static void given_one_stuck(const char *file, struct fake_process **stuck) {
  host_set_interval(SHORT_INTERVAL);
  *stuck = fake_process(7, "w", .rss_kib = 100, .rchar = 10, .pss_kib = 50,
                        .cgroup = "/x", .wchan = "do_wait");
  fake_process(8, "w", .rss_kib = 200, .rchar = 20, .pss_kib = 60,
               .cgroup = "/x", .wchan = "do_wait");
  fake_thread(*stuck, 9, "other", .wchan = "do_wait");
  fake_fifo(*stuck, file);
}

static void io_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("io", &stuck);
  start("Process 'w'");
  for (int i = 0; i < 3; i++) {
    read_on_time();
    not_sent("w-7/io_octets");
    sent("w-7/ps_rss", 100 * 1024);
    sent("w-8/io_octets", 20, 0);
  }
  assert_true(value("self/operations-dropped_stuck") >= 3);
  assert_true(host_log_count(ANY_SEVERITY, "") <= 1);
  release(stuck, "io");
  read_times(2);
  sent("w-7/io_octets", 10, 0);
}

/* Reads after the first show whether the target is waited for again: each time,
 * if so. */
static void who_hangs_is_not_waited_for_again(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("io", &stuck);
  start("Process 'w'");
  read_on_time();
  double shortest = ON_TIME;
  for (int i = 0; i < 5 && shortest >= SHORT_INTERVAL / 8.0; i++) {
    read_on_time();
    shortest = host_read_duration();
  }
  assert_true(shortest < SHORT_INTERVAL / 8.0);
  release(stuck, "io");
  read_once();
}

static void pss_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("smaps_rollup", &stuck);
  start("Process 'w'; Collect 'memory' 'pss'; PssInterval 2");
  read_on_time();
  not_sent("w-7/bytes-pss");
  sent("w-7/ps_rss", 100 * 1024);
  sent("w-8/bytes-pss", 60 * 1024);
  release(stuck, "smaps_rollup");
  read_once();
}

static void a_command_line_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("cmdline", &stuck);
  start("ProcessMatch 'all' 'w'");
  read_on_time();
  sent("all-8/ps_rss", 200 * 1024);
  not_sent("all-7/*");
  release(stuck, "cmdline");
  for (int i = 0; i < 35 && !series_find("all-7/ps_rss"); i++)
    read_on_time();
  sent("all-7/ps_rss", 100 * 1024);
}

static void a_cgroup_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("cgroup", &stuck);
  start("<Select 'x'>; Cgroup '/x'; </Select>");
  read_on_time();
  sent("x-8/ps_rss", 200 * 1024);
  release(stuck, "cgroup");
  read_once();
}

/* As in the midst of a long execve(): who it is is not known, nor that it has
 * ended. */
static void a_stat_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("stat", &stuck);
  start("Process 'w'; <Notify 'gone'>; Intervals 1; </Notify>");
  for (int i = 0; i < 3; i++) {
    read_on_time();
    not_sent("w-7/*");
    sent("w-8/ps_rss", 200 * 1024);
    sent("w-8/io_octets", 20, 0);
  }
  assert_true(value("self/operations-dropped_stuck") >= 3);
  said(1, ANY_SEVERITY, "");
  release(stuck, "stat");
  read_times(2);
  sent("w-7/io_octets", 10, 0);
  quiet();
}

static void a_stat_that_begins_to_hang(void **state) {
  (void)state;
  host_set_interval(SHORT_INTERVAL);
  struct fake_process *stuck = fake_process(7, "w", .rchar = 10);
  start("Process 'w'; <Notify 'gone'>; Intervals 1; </Notify>");
  read_times(2);
  fake_fifo(stuck, "stat");
  for (int i = 0; i < 3; i++) {
    read_on_time();
    not_sent("w-7/*");
  }
  release(stuck, "stat");
  read_times(2);
  sent("w-7/io_octets", 10, 0);
  quiet();
  sent("w/total_events-restarts", 0);
}

/* stat waits for the same lock: it is not tried in the next interval. */
static void a_wait_channel_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("task/9/wchan", &stuck);
  start("Process 'w'; Collect 'state' 'memory' 'wchan'");
  read_on_time();
  sent("w-7/ps_rss", 100 * 1024);
  not_sent("w-7/threads-wchan-*"); /* of all threads, or not at all */
  for (int i = 0; i < 3; i++) {
    read_on_time();
    not_sent("w-7/*");
    sent("w-8/threads-wchan-do_wait", 1);
  }
  assert_true(value("self/operations-dropped_stuck") >= 4);
  release(stuck, "task/9/wchan");
  read_times(2);
  sent("w-7/threads-wchan-do_wait", 2);
}

static void a_thread_that_hangs(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("task/9/stat", &stuck);
  start("Process 'w'; Collect 'state' 'memory' 'threads'");
  read_on_time();
  sent("w-7/ps_rss", 100 * 1024);
  sent_count(1, "w-7/ps_state-thread-w-7-sleeping");
  not_sent("w-7/*-thread-*-9-*");
  sent_count(1, "w-8/ps_state-thread-w-8-sleeping");
  read_on_time();
  not_sent("w-7/*");
  release(stuck, "task/9/stat");
  read_times(2);
  sent_count(1, "w-7/ps_state-thread-other-9-sleeping");
}

/* More than the plugin has threads for: still on time, and values that can't
 * wait still arrive. */
static void all_hang(void **state) {
  (void)state;
  enum { MANY = 30 };
  struct fake_process *p[MANY];
  host_set_interval(SHORT_INTERVAL);
  for (int i = 0; i < MANY; i++) {
    p[i] = fake_process(10 + i, "w", .rss_kib = 100, .rchar = 10);
    fake_fifo(p[i], "io");
  }
  start("Process 'w'");
  for (int i = 0; i < 4; i++) {
    read_within(SHORT_INTERVAL);
    sent_count(MANY, "w-*/ps_rss");
    not_sent("w-*/io_octets");
  }
  for (int i = 0; i < MANY; i++) /* not each has a thread */
    fake_release(p[i], "io");
  for (int i = 0; i < 100 && series_each("w-*/io_octets", NULL, NULL) < MANY;
       i++) {
    usleep(10000);
    read_once();
  }
  sent_count(MANY, "w-*/io_octets");
}

/* A thread that hangs outlives it, and cleans up after itself. */
static void shutdown_does_not_wait(void **state) {
  (void)state;
  struct fake_process *stuck;
  given_one_stuck("io", &stuck);
  start("Process 'w'");
  read_on_time();
  alarm(5);
  host_shutdown();
  alarm(0);
  release(stuck, "io");
}

/* Whatever it is that takes so long: it is said, and how far. */
static void a_read_that_takes_too_long(void **state) {
  (void)state;
  host_set_interval(1);
  fake_process(7, "w");
  start("Process 'w'");
  read_once();
  said(0, ANY_SEVERITY, "");
  host_delay(1.2);
  read_once();
  assert_true(value("self/duration-read") >= 1.2);
  said(1, LOG_WARNING, "longer than the interval of 1 s");
  host_delay(1.5); /* no news */
  read_once();
  said(1, LOG_WARNING, "longer than the interval");
  host_delay(3.2);
  read_once();
  said(2, LOG_WARNING, "longer than the interval");
  said(1, LOG_WARNING, "a read took 3.");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(io_that_hangs),
      TEST(who_hangs_is_not_waited_for_again),
      TEST(pss_that_hangs),
      TEST(a_command_line_that_hangs),
      TEST(a_cgroup_that_hangs),
      TEST(a_stat_that_hangs),
      TEST(a_stat_that_begins_to_hang),
      TEST(a_wait_channel_that_hangs),
      TEST(a_thread_that_hangs),
      TEST(all_hang),
      TEST(shutdown_does_not_wait),
      TEST(a_read_that_takes_too_long),
  };
  return RUN(tests);
}
