/* SPDX-License-Identifier: MIT */
/*
 * What is entered of processes and groups, interval by interval.
 */
#include "world.h"

#include <string.h>

/* Every process called "a" is in the group "a". */
static void begin_with_a(void) {
  rule("a", .command = TEXT("a"));
  begin();
}

/* --- start values --- */

static void process_starts_at_the_kernels_number(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_UTIME] = 500;
  being(7)->value[FIELD_RCHAR] = 900;
  interval();
  assert_int_equal(told(7, FIELD_UTIME), 500);
  assert_int_equal(told(7, FIELD_RCHAR), 900);
  being(7)->value[FIELD_UTIME] += 20;
  being(7)->value[FIELD_RCHAR] += 30;
  interval();
  assert_int_equal(told(7, FIELD_UTIME), 520);
  assert_int_equal(told(7, FIELD_RCHAR), 930);
}

static void group_counts_what_follows_the_first_sight(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_UTIME] = 500;
  being(7)->value[FIELD_WAIT] = 900;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 0);
  assert_int_equal(told_of("a", FIELD_WAIT), 0);
  being(7)->value[FIELD_UTIME] += 20;
  being(7)->value[FIELD_WAIT] += 30;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 20);
  assert_int_equal(told_of("a", FIELD_WAIT), 30);
}

static void group_counts_all_of_who_is_born(void **state) {
  (void)state;
  begin_with_a();
  interval();
  born(7, "a")->value[FIELD_UTIME] = 5;
  being(7)->value[FIELD_RCHAR] = 9;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 5);
  assert_int_equal(told_of("a", FIELD_RCHAR), 9);
}

/* Whom a scan missed is nobody new: he goes on where he was. */
static void who_was_missed_goes_on(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_UTIME] = 500;
  interval();
  being(7)->hidden = true;
  interval();
  being(7)->hidden = false;
  being(7)->value[FIELD_UTIME] = 510;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 10);
  being(7)->value[FIELD_UTIME] = 511;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 11);
  assert_int_equal(group("a")->restarts, 0);
}

/* One that hangs is missed in each scan: it costs what it does itself, and none
 * of the others anything. */
static void who_hangs_costs_no_other(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"));
  rule("held", .command = TEXT("held"));
  begin();
  born(7, "held")->value[FIELD_UTIME] = 500;
  born(10, "a");
  interval();
  being(7)->stuck = true;
  intervals(20);
  assert_true(group("held")->uncertain);
  assert_false(group("a")->uncertain);
  born(11, "a", .ppid = 10);
  being(11)->value[FIELD_UTIME] = 5; /* all that a newborn did is the group's */
  being(11)->value[FIELD_RCHAR] = 100;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 5);
  reap(11); /* and what its parent takes over counts once */
  intervals(3);
  assert_int_equal(told_of("a", FIELD_RCHAR), 100);
  vanish(10);
  intervals(3);
  assert_int_equal(group("a")->processes, 0);
  assert_false(group("a")->uncertain);
  being(7)->stuck = false;
  being(7)->value[FIELD_UTIME] = 510;
  interval();
  assert_int_equal(told_of("held", FIELD_UTIME), 10);
  assert_false(group("held")->uncertain);
  assert_int_equal(group("held")->restarts, 0);
}

/* Who was never seen may be anyone's. */
static void who_hangs_from_the_start(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"));
  begin();
  born(7, "a")->stuck = true;
  born(8, "b", .start = 500);
  interval();
  assert_true(group("a")->uncertain);
  being(7)->stuck = false;
  being(7)->value[FIELD_UTIME] = 3;
  interval();
  assert_false(group("a")->uncertain);
  assert_int_equal(told_of("a", FIELD_UTIME), 0); /* of before we looked */
}

/* Others look into /proc between our two looks, and the kernel divides anew:
 * what one part has less is in the other one, and counts once. */
static void parts_of_cpu_time_that_change_sides(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_UTIME] = 50;
  being(7)->value[FIELD_STIME] = 50;
  interval();
  for (int i = 0; i < 4; i++) {
    being(7)->value[FIELD_UTIME] += i % 2 ? 10 : -10;
    being(7)->value[FIELD_STIME] += i % 2 ? 0 : 20;
    interval();
  }
  assert_int_equal(told(7, FIELD_UTIME), 50);
  assert_int_equal(told(7, FIELD_STIME), 90);
  assert_int_equal(told_of("a", FIELD_UTIME), 0);
  assert_int_equal(told_of("a", FIELD_STIME), 40);
}

/* --- what the kernel forgets --- */

static void a_fallen_value_goes_on_from_there(void **state) {
  (void)state;
  begin_with_a();
  interval();
  born(7, "a")->value[FIELD_WAIT] = 100;
  interval();
  being(7)->value[FIELD_WAIT] = 30;
  interval();
  assert_int_equal(told(7, FIELD_WAIT), 100);
  assert_int_equal(told_of("a", FIELD_WAIT), 100);
  being(7)->value[FIELD_WAIT] = 35;
  interval();
  assert_int_equal(told(7, FIELD_WAIT), 105);
  assert_int_equal(told_of("a", FIELD_WAIT), 105);
}

/* Another source may know more, or less, of what was before. */
static void another_source_makes_no_jump(void **state) {
  (void)state;
  begin_with_a();
  interval();
  struct being *seven = born(7, "a");
  seven->value[FIELD_WAIT] = 100;
  seven->value[FIELD_RCHAR] = 10;
  interval();
  seven->value[FIELD_WAIT] = 5000;
  seven->value[FIELD_RCHAR] = 12;
  born(8, "a")->value[FIELD_WAIT] = 3;
  interval_of_another_source(FIELD_BIT(FIELD_WAIT));
  assert_int_equal(told(7, FIELD_WAIT), 100);
  assert_int_equal(told(7, FIELD_RCHAR), 12);
  assert_int_equal(told_of("a", FIELD_WAIT), 103); /* 8 is new to any source */
  being(7)->value[FIELD_WAIT] = 5007;
  interval();
  assert_int_equal(told(7, FIELD_WAIT), 107);
  assert_int_equal(told_of("a", FIELD_WAIT), 110);
}

static void a_gap_loses_nothing(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_RCHAR] = 100;
  interval();
  being(7)->unreadable = FIELD_BIT(FIELD_RCHAR);
  being(7)->value[FIELD_RCHAR] = 150;
  intervals(3);
  assert_int_equal(told_of("a", FIELD_RCHAR), 0);
  assert_true(group("a")->tally.valid & FIELD_BIT(FIELD_RCHAR));
  being(7)->unreadable = 0;
  being(7)->value[FIELD_RCHAR] = 170;
  interval();
  assert_int_equal(told(7, FIELD_RCHAR), 170);
  assert_int_equal(told_of("a", FIELD_RCHAR), 70);
}

static void who_becomes_readable_late(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a", .unreadable = FIELD_BIT(FIELD_RCHAR));
  being(7)->value[FIELD_RCHAR] = 1000;
  interval();
  assert_false(group("a")->tally.valid & FIELD_BIT(FIELD_RCHAR));
  being(7)->unreadable = 0;
  being(7)->value[FIELD_RCHAR] = 1100;
  interval();
  assert_int_equal(told(7, FIELD_RCHAR), 1100);
  assert_int_equal(told_of("a", FIELD_RCHAR), 0);
  being(7)->value[FIELD_RCHAR] = 1101;
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1);
}

static void a_reused_pid_is_another_process(void **state) {
  (void)state;
  begin_with_a();
  interval();
  born(7, "a")->value[FIELD_UTIME] = 100;
  interval();
  vanish(7);
  born(7, "a")->value[FIELD_UTIME] = 30;
  interval();
  assert_int_equal(told(7, FIELD_UTIME), 30);
  assert_int_equal(told_of("a", FIELD_UTIME), 130);
  assert_int_equal(group("a")->restarts, 1);
}

static void a_group_outlives_its_members(void **state) {
  (void)state;
  begin_with_a();
  interval();
  born(7, "a")->value[FIELD_UTIME] = 100;
  interval();
  vanish(7);
  intervals(50);
  assert_int_equal(told_of("a", FIELD_UTIME), 100);
  assert_true(group("a")->tally.valid & FIELD_BIT(FIELD_UTIME));
  assert_false(group("a")->tally.valid & FIELD_BIT(FIELD_RSS));
}

static void who_changes_groups_takes_nothing_along(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"));
  rule("b", .command = TEXT("b"));
  begin();
  interval();
  born(7, "a")->value[FIELD_UTIME] = 10;
  interval();
  being(7)->comm = "b";
  being(7)->value[FIELD_UTIME] = 13;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 10);
  assert_int_equal(told_of("b", FIELD_UTIME), 3);
  assert_int_equal(told(7, FIELD_UTIME), 13);
  being(7)->comm = "c";
  being(7)->value[FIELD_UTIME] = 20;
  interval();
  assert_int_equal(told_of("b", FIELD_UTIME), 3);
  assert_int_equal(selection->other.value[FIELD_UTIME], 7);
}

/* Its series began at the kernel's number, and go on from there or higher. */
static void who_comes_back_has_not_fallen(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_WAIT] = 100;
  interval();
  being(7)->comm = "b";
  being(7)->value[FIELD_WAIT] = 130;
  intervals(5);
  being(7)->comm = "a";
  interval();
  assert_int_equal(told(7, FIELD_WAIT), 130);
  assert_int_equal(told_of("a", FIELD_WAIT), 0);
  being(7)->comm = "b";
  being(7)->value[FIELD_WAIT] = 50; /* its threads ended meanwhile */
  intervals(5);
  being(7)->comm = "a";
  interval();
  assert_int_equal(told(7, FIELD_WAIT), 130);
  being(7)->value[FIELD_WAIT] = 51;
  interval();
  assert_int_equal(told(7, FIELD_WAIT), 131);
  assert_int_equal(told_of("a", FIELD_WAIT), 1);
}

/* --- gauges --- */

static void gauges_add_up_and_go(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a")->value[FIELD_RSS] = 10;
  being(7)->value[FIELD_FD_USED_PPM] = 300;
  born(8, "a")->value[FIELD_RSS] = 5;
  being(8)->value[FIELD_FD_USED_PPM] = 200;
  interval();
  assert_int_equal(told_of("a", FIELD_PROCESSES), 2);
  assert_int_equal(told_of("a", FIELD_RSS), 15);
  assert_int_equal(told_of("a", FIELD_FD_USED_PPM), 300); /* the worst */
  vanish(7);
  interval();
  assert_int_equal(told_of("a", FIELD_RSS), 5);
  assert_int_equal(told_of("a", FIELD_FD_USED_PPM), 200);
  being(8)->unreadable = FIELD_BIT(FIELD_RSS);
  interval();
  assert_false(group("a")->tally.valid & FIELD_BIT(FIELD_RSS));
}

/* --- reaped children --- */

/* A process that has read `bytes` and had `faults`. */
static void has(pid_t pid, uint64_t bytes, uint64_t faults) {
  being(pid)->value[FIELD_RCHAR] = bytes;
  being(pid)->value[FIELD_MINFLT] = faults;
}

static void reads(pid_t pid, uint64_t bytes) {
  being(pid)->value[FIELD_RCHAR] += bytes;
}

static void given_parent_and_child(void) {
  begin_with_a();
  born(10, "a");
  has(10, 5000, 70);
  interval();
  born(11, "a", .ppid = 10);
  has(11, 100, 30);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 100);
}

static void reaped_child_counts_once(void **state) {
  (void)state;
  given_parent_and_child();
  reads(11, 20); /* its last, seen in its parent only */
  reads(10, 3);
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 123);
  reads(10, 4);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 127);
}

/* It had read much before we came: that is nobody's growth. */
static void child_from_before_counts_once(void **state) {
  (void)state;
  begin_with_a();
  born(10, "a");
  born(11, "a", .ppid = 10);
  has(11, 1000000, 30);
  interval();
  reads(11, 5);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 5);
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 5);
  reads(10, 1);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 6);
}

/* SIGCHLD ignored: the kernel adds nothing, and nothing is owed. */
static void child_that_nobody_waits_for(void **state) {
  (void)state;
  given_parent_and_child();
  vanish(11);
  reads(10, 3);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 103);
  reads(10, 1000);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1103);
}

/* Parent and child are not read at the same instant. */
static void reaping_seen_an_interval_later(void **state) {
  (void)state;
  given_parent_and_child();
  being(11)->hidden = true; /* gone already, and its parent read before */
  interval();
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 100);
  reads(10, 2);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 102);
}

static void zombie_waits_to_be_reaped(void **state) {
  (void)state;
  given_parent_and_child();
  intervals(5);
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 100);
}

static void several_children_at_once(void **state) {
  (void)state;
  begin_with_a();
  born(10, "a");
  interval();
  for (pid_t pid = 11; pid <= 15; pid++) {
    born(pid, "a", .ppid = 10);
    has(pid, 100, 30);
  }
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 500);
  for (pid_t pid = 11; pid <= 15; pid++)
    reap(pid);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 500);
  /* One that lived between two intervals: only its parent shows it. */
  born(16, "a", .ppid = 10);
  has(16, 7, 5);
  reap(16);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 507);
}

static void given_three_generations(void) {
  begin_with_a();
  born(10, "a");
  interval();
  born(11, "a", .ppid = 10);
  born(12, "a", .ppid = 11);
  has(11, 100, 30);
  has(12, 1000, 40);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1100);
}

static void chain_of_reapings(void **state) {
  (void)state;
  given_three_generations();
  reap(12);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1100);
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1100);
  reads(10, 9);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1109);
}

static void chain_in_one_interval(void **state) {
  (void)state;
  given_three_generations();
  reap(12);
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1100);
  reads(10, 9);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1109);
}

static void parent_in_another_group(void **state) {
  (void)state;
  rule("make", .command = TEXT("make"));
  rule("cc", .command = TEXT("cc"));
  begin();
  born(10, "make");
  interval();
  born(11, "cc", .ppid = 10);
  has(11, 100, 30);
  interval();
  reap(11);
  interval();
  assert_int_equal(told_of("cc", FIELD_RCHAR), 100);
  assert_int_equal(told_of("make", FIELD_RCHAR), 0);
  reads(10, 5);
  interval();
  assert_int_equal(told_of("make", FIELD_RCHAR), 5);
}

/* make -> sh -> cc: what is between two watched ones need not be watched. */
static void chain_through_an_unwatched_parent(void **state) {
  (void)state;
  begin_with_a();
  born(10, "a");
  interval();
  born(11, "sh", .ppid = 10);
  born(12, "a", .ppid = 11);
  has(11, 0, 30);
  has(12, 1000, 40);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1000);
  reap(12);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1000);
  reap(11);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1000);
}

/* What has a parent's pid now has not waited for its children. */
static void chain_with_a_reused_pid(void **state) {
  (void)state;
  given_three_generations();
  reap(12);
  reap(11);
  born(11, "a", .ppid = 10);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1100);
}

/* Whose counting begins with the reaping owes nothing for it. */
static void watched_since_the_reaping(void **state) {
  (void)state;
  begin_with_a();
  born(10, "sh");
  interval();
  born(11, "a", .ppid = 10);
  has(11, 1000, 30);
  interval();
  reap(11);
  being(10)->comm = "a";
  interval();
  reads(10, 7);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1007);
}

/* Its growth is not counted, so that nothing is counted twice. */
static void unreadable_parent(void **state) {
  (void)state;
  given_parent_and_child();
  being(10)->unreadable = FIELD_BIT(FIELD_RCHAR);
  reap(11);
  interval();
  born(12, "a", .ppid = 10);
  has(12, 50, 20);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 150);
}

/* --- wait channels --- */

/* Threads in the first channel that is told. */
static unsigned asleep(const struct channels *channels) {
  assert_int_equal(channels->count, 1);
  assert_string_equal(channels->list[0].name, "pipe_read");
  return channels->list[0].threads;
}

static void channels_of_members_and_group(void **state) {
  (void)state;
  begin_with_a();
  born(7, "a", .wchan = "pipe_read");
  born(8, "a", .wchan = "pipe_read");
  born(9, "a");
  interval();
  assert_int_equal(asleep(&member(7)->account->channels), 1);
  assert_int_equal(member(9)->account->channels.count, 0);
  assert_int_equal(asleep(&group("a")->tally.channels), 2);
  being(7)->wchan = NULL;
  vanish(8);
  intervals(STAY_INTERVALS);
  assert_int_equal(asleep(&member(7)->account->channels), 0);
  assert_int_equal(asleep(&group("a")->tally.channels), 0);
  interval();
  assert_int_equal(member(7)->account->channels.count, 0);
  assert_int_equal(group("a")->tally.channels.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(process_starts_at_the_kernels_number),
      TEST(group_counts_what_follows_the_first_sight),
      TEST(group_counts_all_of_who_is_born),
      TEST(who_was_missed_goes_on),
      TEST(who_hangs_costs_no_other),
      TEST(who_hangs_from_the_start),
      TEST(parts_of_cpu_time_that_change_sides),
      TEST(a_fallen_value_goes_on_from_there),
      TEST(another_source_makes_no_jump),
      TEST(a_gap_loses_nothing),
      TEST(who_becomes_readable_late),
      TEST(a_reused_pid_is_another_process),
      TEST(a_group_outlives_its_members),
      TEST(who_changes_groups_takes_nothing_along),
      TEST(who_comes_back_has_not_fallen),
      TEST(gauges_add_up_and_go),
      TEST(reaped_child_counts_once),
      TEST(child_from_before_counts_once),
      TEST(child_that_nobody_waits_for),
      TEST(reaping_seen_an_interval_later),
      TEST(zombie_waits_to_be_reaped),
      TEST(several_children_at_once),
      TEST(chain_of_reapings),
      TEST(chain_in_one_interval),
      TEST(parent_in_another_group),
      TEST(chain_through_an_unwatched_parent),
      TEST(chain_with_a_reused_pid),
      TEST(watched_since_the_reaping),
      TEST(unreadable_parent),
      TEST(channels_of_members_and_group),
  };
  return RUN(tests);
}
