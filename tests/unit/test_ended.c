/* SPDX-License-Identifier: MIT */
/*
 * What a process did after the last look at it, and lives between two looks.
 */
#include "world.h"

#include <string.h>

/* The group "a" by command; some who live already, looked at twice. */
static void begin_with_records(void) {
  begin();
  ends_are_recorded = true;
  born(10, "a", .user = 5);
  born(20, "stranger");
  intervals(3);
}

static void begin_with_a(void) {
  rule("a", .command = TEXT("a"));
  begin_with_records();
}

static void uses(pid_t pid, uint64_t utime, uint64_t bytes, uint64_t faults) {
  being(pid)->value[FIELD_UTIME] += utime;
  being(pid)->value[FIELD_RCHAR] += bytes;
  being(pid)->value[FIELD_MINFLT] += faults;
}

static void the_last_part_counts(void **state) {
  (void)state;
  begin_with_a();
  uses(10, 5, 50, 0);
  uses(20, 7, 70, 0);
  interval();
  uses(10, 3, 30, 0);
  uses(20, 9, 90, 0);
  vanish(10);
  vanish(20);
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 8);
  assert_int_equal(told_of("a", FIELD_RCHAR), 80);
  assert_int_equal(selection->other.value[FIELD_UTIME], 16);
  intervals(3);
  assert_int_equal(told_of("a", FIELD_UTIME), 8);
  assert_int_equal(selection->gone_count, 0);
}

static void a_life_between_two_looks_counts(void **state) {
  (void)state;
  begin_with_a();
  for (pid_t pid = 30; pid < 40; pid++) {
    born(pid, pid % 2 ? "a" : "b");
    uses(pid, 5, 50, 0);
    vanish(pid);
  }
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 25);
  assert_int_equal(told_of("a", FIELD_RCHAR), 250);
  assert_int_equal(selection->other.value[FIELD_UTIME], 25);
  assert_int_equal(group("a")->processes, 1);
  intervals(3);
  assert_int_equal(told_of("a", FIELD_UTIME), 25);
}

/* Its command line is gone with it: a rule that needs that holds no more. */
static void by_what_is_known_of_it(void **state) {
  (void)state;
  match("line", ".");
  rule("user", .user = 5, .has_user = true);
  rule("children", .command = TEXT("stranger"), .children = true);
  begin_with_records();
  born(30, "x", .user = 5);
  born(31, "y", .ppid = 20);
  born(32, "z", .ppid = 31); /* its parent is not seen alive either */
  for (pid_t pid = 30; pid <= 32; pid++) {
    uses(pid, 1, 0, 0);
    vanish(pid);
  }
  interval();
  assert_int_equal(told_of("user", FIELD_UTIME), 1);
  assert_int_equal(told_of("children", FIELD_UTIME), 2);
  assert_int_equal(told_of("line", FIELD_UTIME), 0);
}

/* It ended between the scan and the reading of the records. */
static void who_is_still_listed_counts_once(void **state) {
  (void)state;
  begin_with_a();
  struct being last = *being(10);
  uses(10, 5, 50, 0);
  vanish(10);
  last.value[FIELD_UTIME] += 3; /* as the scan saw it */
  last.value[FIELD_RCHAR] += 30;
  add_being(last);
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 5);
  assert_int_equal(told_of("a", FIELD_RCHAR), 50);
  ends_are_recorded = false;
  vanish(10);
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 5);
}

static void a_late_record_counts_once(void **state) {
  (void)state;
  begin_with_a();
  born(30, "a");
  uses(30, 5, 50, 0);
  interval();
  uses(30, 2, 20, 0);
  vanish(30);
  born(31, "a");
  uses(31, 100, 1000, 0);
  vanish(31);
  records_are_late = true;
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 5);
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 107);
}

/* The kernel adds what a child has read to the parent that waits for it. */
static void io_counts_once_with_its_parent(void **state) {
  (void)state;
  begin_with_a();
  uses(10, 0, 0, 70);
  interval();
  born(30, "a", .ppid = 10);
  uses(30, 0, 100, 20);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 100);
  uses(30, 0, 11, 0); /* the last part */
  reap(30);
  born(31, "a", .ppid = 10); /* a life that nobody saw */
  uses(31, 0, 1000, 30);
  reap(31);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1111);
  uses(10, 0, 5, 0);
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 1116);
}

/* Its record comes when its parent has counted it, and does nothing more. */
static void io_counts_once_before_the_record_comes(void **state) {
  (void)state;
  begin_with_a();
  for (pid_t pid = 31; pid < 34; pid++) {
    born(pid, "a", .ppid = 10);
    uses(pid, 3, 100, 20);
    reap(pid);
  }
  records_are_late = true;
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 300);
  intervals(2);
  assert_int_equal(told_of("a", FIELD_RCHAR), 300);
  assert_int_equal(told_of("a", FIELD_UTIME), 9);
}

/* All that it has reaped before it is seen itself are lives that nobody saw. */
static void io_counts_once_with_a_new_parent(void **state) {
  (void)state;
  begin_with_a();
  born(30, "a");
  for (pid_t pid = 31; pid < 34; pid++) {
    born(pid, "a", .ppid = 30);
    uses(pid, 0, 100, 20);
    reap(pid);
  }
  interval();
  assert_int_equal(told_of("a", FIELD_RCHAR), 300);
  uses(30, 0, 5, 0);
  intervals(2);
  assert_int_equal(told_of("a", FIELD_RCHAR), 305);
}

/* A record of somebody who was there long ago, and whom we forgot. */
static void an_old_record_counts_for_nobody(void **state) {
  (void)state;
  begin_with_a();
  born(30, "a", .start = 1);
  uses(30, 1000, 1000, 0);
  vanish(30);
  interval();
  assert_int_equal(told_of("a", FIELD_UTIME), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_last_part_counts),
      TEST(a_life_between_two_looks_counts),
      TEST(by_what_is_known_of_it),
      TEST(who_is_still_listed_counts_once),
      TEST(a_late_record_counts_once),
      TEST(io_counts_once_with_its_parent),
      TEST(io_counts_once_before_the_record_comes),
      TEST(io_counts_once_with_a_new_parent),
      TEST(an_old_record_counts_for_nobody),
  };
  return RUN(tests);
}
