/* SPDX-License-Identifier: MIT */
/*
 * Callbacks in every order, and that nothing is left of any life: neither a
 * thread nor a descriptor (nor, under valgrind and the sanitizers, memory).
 */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { LIVES = 200 };

static struct fake_process *p;
static unsigned descriptors, threads;

static void given_a_process(void) {
  p = fake_process(7, "w", .rss_kib = 100, .rchar = 10, .wchan = "do_wait");
  descriptors = host_descriptors();
  threads = host_threads();
}

/* A thread is listed for a moment after it was joined.  One that ends while it
 * is listed hides those behind it (fs/proc/base.c next_tid()): a second look
 * may see more than the first. */
static void nothing_is_left(void) {
  unsigned left = host_threads();
  for (int tries = 0; tries < 200 && left > threads; tries++) {
    usleep(10000);
    left = host_threads();
  }
  assert_int_equal(left, threads);
  assert_int_equal(host_descriptors(), descriptors);
}

static void configure_root(void) {
  char root[4200];
  snprintf(root, sizeof(root), "ProcRoot '%s'; Source 'procfs'",
           fakeproc_root());
  configure(root);
}

/* All but init. */
static void load(const char *options) {
  host_load();
  configure_root();
  configure(options);
}

#define EVERYTHING                                                             \
  "Process 'w'; ProcessMatch 'matched' 'w'; <Select 'x'>; User 'root';"        \
  "Executable '/bin/w'; </Select>; Collect 'state' 'memory' 'io' 'files'"      \
  "'sched' 'wchan' 'threads' 'pss'; PssInterval 1;"                            \
  "<Notify 'gone'>; Intervals 1; </Notify>; Notify 'blocked'"

static void read_before_init(void **state) {
  (void)state;
  given_a_process();
  load("Process 'w'");
  read_times(2);
  sent_count(0, "*");
  host_init();
  read_once();
  sent("w-7/ps_rss", 100 * 1024);
  host_shutdown();
  nothing_is_left();
}

static void shutdown_without_init(void **state) {
  (void)state;
  given_a_process();
  load(EVERYTHING);
  host_shutdown();
  nothing_is_left();
  said(0, ANY_SEVERITY, "");
}

static void init_twice(void **state) {
  (void)state;
  given_a_process();
  load(EVERYTHING);
  host_init();
  unsigned held = host_descriptors(), running = host_threads();
  host_init();
  assert_int_equal(host_descriptors(), held);
  assert_int_equal(host_threads(), running);
  read_once();
  sent("w-7/ps_rss", 100 * 1024);
  host_shutdown();
  nothing_is_left();
}

static void shutdown_twice(void **state) {
  (void)state;
  given_a_process();
  load(EVERYTHING);
  host_init();
  read_once();
  host_shutdown();
  host_shutdown();
  read_once();
  sent_count(0, "*");
  nothing_is_left();
}

/* What was configured has ended with it. */
static void init_after_shutdown(void **state) {
  (void)state;
  given_a_process();
  load("Process 'w'; MaxProcesses 5");
  host_init();
  read_once();
  host_shutdown();
  configure("Process 'w'");
  configure_root();
  host_init();
  read_once();
  sent("w-7/ps_rss", 100 * 1024);
  host_shutdown();
  nothing_is_left();
}

static void init_that_fails(void **state) {
  (void)state;
  given_a_process();
  load(EVERYTHING "; ProcRoot '/nonexistent'");
  host_init();
  read_times(2);
  sent_count(0, "*");
  said(1, LOG_ERR, "/nonexistent");
  nothing_is_left();
  host_shutdown();
  nothing_is_left();
}

/* Another file with the same contents is another plugin to the linker. */
static void copy_plugin(char path[4200]) {
  char command[9000];
  snprintf(path, 4200, "%s/again.so", fakeproc_root());
  snprintf(command, sizeof(command), "cp .libs/proctrace.so '%s'", path);
  assert_int_equal(system(command), 0); // NOLINT: of our own words
}

static void loaded_twice(void **state) {
  (void)state;
  given_a_process();
  char path[4200];
  copy_plugin(path);
  load("Process 'w'");
  host_load_copy(path);
  configure("Process 'other'");
  host_init();
  read_times(2);
  sent("w-7/ps_rss", 100 * 1024);
  sent("other/ps_count", 0, 0);
  host_shutdown();
  nothing_is_left();
}

/* With all helpers at work: two threads hang, one hands notifications over. */
static void live_once(struct fake_process *other) {
  fake_fifo(p, "io");
  fake_fifo(other, "stat");
  struct fake_process *gone = fake_process(9, "v");
  start(EVERYTHING "; Process 'v'");
  read_once();
  assert_true(value("self/operations-dropped_stuck") >= 1);
  fake_end(gone);
  read_once();
  host_shutdown();
  fake_release(p, "io");
  fake_release(other, "stat");
  nothing_is_left();
  assert_true(host_notification_count(NOTIF_FAILURE, "v/ps_count", "") <= 1);
  host_stop();
}

static void many_lives(void **state) {
  (void)state;
  given_a_process();
  struct fake_process *other = fake_process(8, "w");
  host_set_interval(INTERVAL / 100.0);
  live_once(other); /* what is made once: libraries, the list of users */
  descriptors = host_descriptors();
  threads = host_threads();
  for (int i = 1; i < LIVES; i++)
    live_once(other);
}

static void *nothing(void *unused) { return unused; }

/* With the first thread a sanitizer starts one of its own. */
static int first_thread(void **state) {
  (void)state;
  pthread_t thread;
  return pthread_create(&thread, NULL, nothing, NULL) ||
         pthread_join(thread, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(read_before_init),    TEST(shutdown_without_init),
      TEST(init_twice),          TEST(shutdown_twice),
      TEST(init_after_shutdown), TEST(init_that_fails),
      TEST(loaded_twice),        TEST(many_lives),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, first_thread, NULL);
}
