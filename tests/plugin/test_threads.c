/* SPDX-License-Identifier: MIT */
/*
 * Sums over threads that end, call execve(), or are read for several reasons.
 */
#include "fixture.h"

#include <unistd.h>

static struct fake_process *p;
static struct fake_thread *t;

static void make_readable(const char *name) {
  assert_int_equal(rmdir(fake_path(p, name)), 0);
  fake_update(p);
}

static void given_two_threads(void) {
  p = fake_process(7, "many", .runtime = 100, .wait = 10, .voluntary = 1,
                   .rss_kib = 4);
  t = fake_thread(p, 8, "worker", .runtime = 5000, .wait = 50, .voluntary = 2);
}

/* The kernel gives the thread that calls execve() the leader's id. */
static void a_thread_that_execs_counts_once(void **state) {
  (void)state;
  given_two_threads();
  start("Process 'many'");
  read_once();
  sent("many-7/derive-runtime_ns", 5100);
  fake_thread_end(t);
  p->runtime = 5200;
  p->wait = 60;
  p->voluntary = 3;
  fake_update(p);
  read_once();
  sent("many-7/derive-runtime_ns", 5300);
  sent("many-7/derive-wait_sum_ns", 70);
  sent("many-7/contextswitch-voluntary", 4);
  sent("many/derive-runtime_ns", 200);
}

/* The ranking reads the threads, then the rest asks for the memory alone. */
static void read_twice_counts_once(void **state) {
  (void)state;
  given_two_threads();
  start("<Top 'busy'>;Count 5;By 'wait';</Top>; Collect 'memory' 'sched'");
  read_times(2);
  for (int i = 0; i < 3; i++) {
    read_once();
    sent("many-7/derive-runtime_ns", 5100);
    sent("many-7/ps_rss", 4096);
  }
  t->runtime += 7;
  fake_update(p);
  read_once();
  sent("many-7/derive-runtime_ns", 5107);
}

static void threads_of_the_ranked_have_all_their_values(void **state) {
  (void)state;
  given_two_threads();
  start("<Top 'busy'>;Count 5;By 'wait';</Top>; PerThread true");
  read_times(3);
  sent("many-7/derive-thread-worker-8-runtime_ns", 5000);
  sent("many-7/derive-thread-worker-8-wait_sum_ns", 50);
  sent("many-7/contextswitch-thread-worker-8-voluntary", 2);
}

/* Else all that it ever did would be growth once it can be read. */
static void a_thread_that_cannot_be_read_is_waited_for(void **state) {
  (void)state;
  given_two_threads();
  fake_unreadable(p, "task/8/schedstat");
  start("Process 'many'");
  read_once();
  not_sent("many-7/derive-runtime_ns");
  sent("many-7/contextswitch-voluntary", 3);
  make_readable("task/8/schedstat");
  read_once();
  sent("many-7/derive-runtime_ns", 5100);
  sent("many/derive-runtime_ns", 0);
  t->runtime += 11;
  fake_update(p);
  read_once();
  sent("many-7/derive-runtime_ns", 5111);
  sent("many/derive-runtime_ns", 11);
}

/* It was listed, and has ended: the sums are of those that are left. */
static void a_thread_that_ends_before_it_is_read(void **state) {
  (void)state;
  given_two_threads();
  assert_int_equal(unlink(fake_path(p, "task/8/schedstat")), 0);
  start("Process 'many'; Collect 'sched'");
  read_once();
  sent("many-7/derive-runtime_ns", 100);
}

/* Between two of its files: what is known of it stays in the sums. */
static void a_thread_that_ends_while_it_is_read(void **state) {
  (void)state;
  given_two_threads();
  start("Process 'many'");
  read_once();
  assert_int_equal(unlink(fake_path(p, "task/8/schedstat")), 0);
  read_once();
  sent("many-7/derive-runtime_ns", 5100);
  sent("many-7/contextswitch-voluntary", 3);
}

static void some_states_are_no_number_of_threads(void **state) {
  (void)state;
  given_two_threads();
  start("Process 'many'; Collect 'state' 'wchan'");
  read_once();
  sent("many-7/ps_state-sleeping", 2);
  fake_unreadable(p, "task/8/status");
  read_once();
  not_sent("many-7/ps_state-*");
  make_readable("task/8/status");
  read_once();
  sent("many-7/ps_state-sleeping", 2);
}

/* Whose numbers are left is told by all of them together. */
static void who_is_left_goes_on_from_its_own(void **state) {
  (void)state;
  p = fake_process(7, "many", .runtime = 900000, .voluntary = 1);
  t = fake_thread(p, 8, "worker", .runtime = 50, .voluntary = 2);
  start("Process 'many'");
  read_once();
  fake_thread_end(t);
  p->runtime += 1000;
  p->voluntary += 5;
  fake_update(p);
  read_once();
  sent("many-7/derive-runtime_ns", 901050);
  sent("many/derive-runtime_ns", 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_thread_that_execs_counts_once),
      TEST(read_twice_counts_once),
      TEST(threads_of_the_ranked_have_all_their_values),
      TEST(a_thread_that_cannot_be_read_is_waited_for),
      TEST(a_thread_that_ends_before_it_is_read),
      TEST(a_thread_that_ends_while_it_is_read),
      TEST(some_states_are_no_number_of_threads),
      TEST(who_is_left_goes_on_from_its_own),
  };
  return RUN(tests);
}
