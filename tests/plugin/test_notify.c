/* SPDX-License-Identifier: MIT */
/*
 * Notifications of the plugin's own, as collectd gets them.
 */
#include "fixture.h"

#include <stdio.h>

#define GONE "Notify 'gone'; "
#define BLOCKED "<Notify 'blocked'>; Intervals 3; </Notify>; "

static void nothing_is_notified_by_default(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .state = 'D');
  start("Process 'w'");
  read_times(10);
  fake_end(p);
  read_times(5);
  quiet();
}

/* --- gone --- */

static void gone_and_back(void **state) {
  (void)state;
  struct fake_process *p = fake_process(4711, "redis-server");
  start(GONE "Process 'redis-server'; Process 'never'");
  read_times(3);
  fake_end(p);
  read_once();
  quiet();
  read_once();
  notified(NOTIF_FAILURE, "redis-server/ps_count",
           "redis-server: process 4711 is gone");
  read_times(20);
  quiet();
  fake_process(4712, "redis-server", .starttime = fake_now());
  read_once();
  quiet();
  read_once();
  notified(NOTIF_OKAY, "redis-server/ps_count",
           "redis-server: is back as process 4712; it was 4711");
  sent("redis-server/ps_count", 1, 1);
  read_times(5);
  quiet();
}

static void a_restart_is_one_notification(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w");
  start(GONE "Process 'w'");
  read_times(3);
  fake_end(p);
  fake_process(9, "w", .starttime = fake_now());
  read_once();
  quiet();
  read_once();
  notified(NOTIF_WARNING, "w/ps_count", "w: process 7 is gone, and back as 9");
  read_times(5);
  quiet();
}

static void patience_is_an_option(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w");
  start("<Notify 'gone'>; Intervals 4; </Notify>; Process 'w'");
  read_times(5);
  fake_end(p);
  read_times(3);
  quiet();
  read_once();
  notified(NOTIF_FAILURE, "w/ps_count", "w: process 7 is gone");
}

/* Its choice changes all the time. */
static void top_is_not_missed(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w");
  start(GONE "<Top 'busy'>; </Top>");
  for (int i = 0; i < 5; i++) {
    p->utime += 10;
    fake_update(p);
    read_once();
  }
  sent("busy/ps_count", 1, 1);
  fake_end(p);
  read_times(5);
  quiet();
}

static void names_of_rules_are_clean(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "sh", .cmdline = "sh name=$(id);\"../x");
  start(GONE "ProcessMatch 'n\\\\1' 'name=(.*)'");
  read_times(3);
  fake_end(p);
  read_times(2);
  notified(NOTIF_FAILURE, "n__id______x/ps_count",
           "n__id______x: process 7 is gone");
}

/* Whoever takes them hangs: values go on, and what still holds is told then. */
static void one_that_hangs_holds_up_nothing(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w"), *q = fake_process(8, "v");
  start(GONE "Process 'w'; Process 'v'");
  read_times(3);
  host_notifications_hang(true);
  fake_end(p);
  read_times(2);
  fake_end(q);
  read_times(5);
  sent("v/ps_count", 0, 0);
  quiet();
  said(1, LOG_WARNING, "takes its time");
  host_notifications_hang(false);
  notified(NOTIF_FAILURE, "w/ps_count", "w: process 7 is gone");
  read_times(2);
  notified(NOTIF_FAILURE, "v/ps_count", "v: process 8 is gone");
}

/* At once a machine full of them ends: they are told one after the other. */
static void no_flood(void **state) {
  (void)state;
  struct fake_process *all[50];
  char cmdline[20];
  for (int i = 0; i < 50; i++) {
    snprintf(cmdline, sizeof(cmdline), "w name=%d_", i);
    all[i] = fake_process(100 + i, "w", .cmdline = cmdline);
  }
  start(GONE "ProcessMatch 'n\\\\1' 'name=(.*)'");
  read_times(3);
  for (int i = 0; i < 50; i++)
    fake_end(all[i]);
  read_times(2);
  assert_int_equal(host_notification_count(NOTIF_FAILURE, "", "is gone"), 20);
  said(1, LOG_WARNING, "more than 20 notifications");
  read_once();
  assert_int_equal(host_notification_count(NOTIF_FAILURE, "", "is gone"), 40);
  read_once();
  assert_int_equal(host_notification_count(NOTIF_FAILURE, "", "is gone"), 50);
  read_times(3);
  assert_int_equal(host_notification_count(ANY_SEVERITY, "", ""), 50);
  said(1, LOG_WARNING, "");
}

static void nobody_takes_them(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w");
  start(GONE "Process 'w'");
  host_notifications_refuse(true);
  read_times(3);
  said(0, LOG_WARNING, "");
  fake_end(p);
  read_times(2);
  said(1, LOG_WARNING, "nobody takes notifications");
}

/* --- blocked --- */

static struct fake_process *p;
static struct fake_thread *t;

static void given_a_blocked_thread(void) {
  p = fake_process(7, "w");
  t = fake_thread(p, 8, "io\x1b[m%s", .state = 'D', .voluntary = 5,
                  .wchan = "rq_qos_wait");
}

static void a_blocked_thread(void **state) {
  (void)state;
  given_a_blocked_thread();
  start(BLOCKED "Process 'w'");
  read_times(3);
  quiet();
  read_once();
  sent("w-7/ps_state-blocked", 1);
  notified(NOTIF_WARNING, "w-7/ps_state-blocked",
           "w-7: thread 8 (io__m_s) has been blocked for ");
  read_times(10);
  quiet();
  t->state = 'S';
  fake_update(p);
  read_once();
  quiet(); /* a look may have failed */
  read_once();
  notified(NOTIF_OKAY, "w-7/ps_state-blocked",
           "w-7: no thread is blocked any more");
  read_times(5);
  quiet();
}

static void its_wait_channel(void **state) {
  (void)state;
  given_a_blocked_thread();
  start(BLOCKED "Process 'w'");
  read_times(4);
  notified(NOTIF_WARNING, "w-7/ps_state-blocked", " s in rq_qos_wait");
}

static void no_wait_channel_without_the_right(void **state) {
  (void)state;
  given_a_blocked_thread();
  p->untraceable = true;
  fake_update(p);
  start(BLOCKED "Process 'w'");
  read_times(4);
  assert_int_equal(host_notification_count(ANY_SEVERITY, "", " in "), 0);
  assert_int_equal(host_notification_count(NOTIF_WARNING, "", "blocked"), 1);
  said(1, LOG_WARNING, "wait channel");
}

/* Blocked at each look, but each time in another sleep. */
static void busy_with_a_disk(void **state) {
  (void)state;
  given_a_blocked_thread();
  start(BLOCKED "Process 'w'");
  for (int i = 0; i < 10; i++) {
    t->voluntary++;
    fake_update(p);
    read_once();
  }
  quiet();
}

static void a_process_of_one_thread_that_nobody_collects(void **state) {
  (void)state;
  fake_process(7, "w", .state = 'D', .wchan = "io_schedule");
  start(BLOCKED "Process 'w'; Collect 'cpu'");
  read_times(4);
  not_sent("w-7/ps_state-*");
  notified(NOTIF_WARNING, "w-7/ps_state-blocked",
           "w-7: thread 7 (w) has been blocked for ");
}

static void of_a_group_where_that_is_all(void **state) {
  (void)state;
  given_a_blocked_thread();
  start(BLOCKED "Process 'w'; PerProcess false");
  read_times(4);
  sent("w/ps_state-blocked", 1);
  notified(NOTIF_WARNING, "w/ps_state-blocked", "w: thread 8");
}

static void all_threads_of_a_process_are_one_notification(void **state) {
  (void)state;
  given_a_blocked_thread();
  for (int i = 0; i < 4; i++)
    fake_thread(p, 20 + i, "more", .state = 'D');
  start(BLOCKED "Process 'w'");
  read_times(4);
  notified(NOTIF_WARNING, "w-7/ps_state-blocked",
           "rq_qos_wait, 4 more of its threads too");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(nothing_is_notified_by_default),
      TEST(gone_and_back),
      TEST(a_restart_is_one_notification),
      TEST(patience_is_an_option),
      TEST(top_is_not_missed),
      TEST(names_of_rules_are_clean),
      TEST(one_that_hangs_holds_up_nothing),
      TEST(no_flood),
      TEST(nobody_takes_them),
      TEST(a_blocked_thread),
      TEST(its_wait_channel),
      TEST(no_wait_channel_without_the_right),
      TEST(busy_with_a_disk),
      TEST(a_process_of_one_thread_that_nobody_collects),
      TEST(of_a_group_where_that_is_all),
      TEST(all_threads_of_a_process_are_one_notification),
  };
  return RUN(tests);
}
