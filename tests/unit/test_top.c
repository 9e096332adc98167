/* SPDX-License-Identifier: MIT */
/*
 * The processes that use most.
 */
#include "world.h"

#include <string.h>

static const unsigned by_cpu = 1u << RANK_CPU, by_rss = 1u << RANK_RSS,
                      by_io = 1u << RANK_IO, by_wait = 1u << RANK_WAIT;

static void given_idle(pid_t first, pid_t last) {
  for (pid_t pid = first; pid <= last; pid++)
    born(pid, "idle", .cmdline = "idle");
}

static void uses(pid_t pid, enum field field, uint64_t more) {
  being(pid)->value[field] += more;
}

static bool on_top(pid_t pid) { return strcmp(group_of(pid), "busy") == 0; }

static void begin_top(unsigned count, unsigned ranks) {
  top("busy", .count = count, .ranks = ranks);
  begin();
}

static void nobody_before_the_second_read(void **state) {
  (void)state;
  begin_top(2, by_cpu);
  given_idle(1, 9);
  uses(5, FIELD_UTIME, 1000000);
  interval();
  assert_int_equal(selection->watched_count, 0);
  uses(3, FIELD_STIME, 10);
  uses(4, FIELD_UTIME, 20);
  interval();
  assert_true(on_top(3) && on_top(4));
  assert_int_equal(selection->watched_count, 2);
}

static void who_is_born_counts_with_all_it_used(void **state) {
  (void)state;
  begin_top(1, by_cpu);
  given_idle(1, 3);
  intervals(2);
  uses(1, FIELD_UTIME, 10);
  born(4, "new")->value[FIELD_UTIME] = 11;
  interval();
  assert_true(on_top(4));
}

static void by_each_rank(void **state) {
  (void)state;
  begin_top(1, by_cpu | by_rss | by_io | by_wait);
  given_idle(1, 9);
  interval();
  uses(2, FIELD_UTIME, 10);
  being(3)->rss = 4096;
  uses(4, FIELD_WRITE_BYTES, 10);
  uses(5, FIELD_WAIT, 10);
  interval();
  assert_true(on_top(2) && on_top(3) && on_top(4) && on_top(5));
  assert_int_equal(group("busy")->processes, 4);
}

static void one_by_two_ranks_is_one(void **state) {
  (void)state;
  begin_top(1, by_cpu | by_rss);
  given_idle(1, 3);
  interval();
  uses(2, FIELD_UTIME, 10);
  being(2)->rss = 4096;
  interval();
  assert_int_equal(group("busy")->processes, 1);
}

static void stays_for_ten_intervals(void **state) {
  (void)state;
  begin_top(1, by_cpu);
  given_idle(1, 9);
  interval();
  uses(2, FIELD_UTIME, 10);
  interval();
  assert_true(on_top(2));
  for (int i = 1; i < STAY_INTERVALS; i++) {
    uses(3, FIELD_UTIME, 10);
    interval();
    assert_true(on_top(2) && on_top(3));
  }
  for (int i = 0; i < 2; i++) {
    uses(3, FIELD_UTIME, 10);
    interval();
  }
  assert_false(on_top(2));
  assert_true(on_top(3));
}

/* Each interval another one is first: at most Count times STAY_INTERVALS. */
static void the_stay_is_bounded(void **state) {
  (void)state;
  begin_top(2, by_cpu);
  given_idle(1, 100);
  interval();
  for (int i = 0; i < 200; i++) {
    uses(1 + i % 100, FIELD_UTIME, 10);
    uses(1 + (i + 50) % 100, FIELD_UTIME, 10);
    interval();
    assert_true(group("busy")->processes <= 2 * (STAY_INTERVALS + 1));
  }
}

static void an_idle_machine_shows_the_same(void **state) {
  (void)state;
  begin_top(2, by_cpu);
  given_idle(1, 9);
  uses(3, FIELD_UTIME, 20);
  uses(8, FIELD_UTIME, 30);
  intervals(50);
  assert_true(on_top(3) && on_top(8));
  assert_int_equal(group("busy")->processes, 2);
}

static void rules_come_first(void **state) {
  (void)state;
  rule("mine", .command = TEXT("a"));
  begin_top(2, by_cpu);
  given_idle(1, 3);
  born(7, "a");
  interval();
  uses(7, FIELD_UTIME, 10);
  interval();
  assert_string_equal(group_of(7), "mine");
}

/* A rule that no longer holds lets go of it, however busy it is. */
static void leaves_its_rule_for_the_top(void **state) {
  (void)state;
  rule("mine", .command = TEXT("a"));
  begin_top(1, by_cpu);
  given_idle(1, 3);
  born(7, "a");
  for (int i = 0; i < 3; i++) {
    uses(7, FIELD_UTIME, 10);
    interval();
  }
  being(7)->comm = "b";
  uses(7, FIELD_UTIME, 10);
  interval();
  assert_true(on_top(7));
}

/* What could not be read once was not used in one interval. */
static void a_gap_puts_nobody_on_top(void **state) {
  (void)state;
  begin_top(1, by_io);
  given_idle(1, 2);
  uses(2, FIELD_READ_BYTES, 1000000);
  intervals(2);
  being(2)->unreadable = FIELD_BIT(FIELD_READ_BYTES);
  uses(1, FIELD_READ_BYTES, 10);
  intervals(STAY_INTERVALS + 1);
  assert_false(on_top(2));
  being(2)->unreadable = 0;
  uses(1, FIELD_READ_BYTES, 10);
  interval();
  assert_true(on_top(1));
  assert_false(on_top(2));
}

static void counts_are_those_of_the_group(void **state) {
  (void)state;
  begin_top(1, by_cpu);
  given_idle(1, 2);
  interval();
  uses(1, FIELD_UTIME, 10);
  interval();
  assert_int_equal(told_of("busy", FIELD_UTIME), 10);
  assert_int_equal(selection->other.value[FIELD_UTIME], 0);
}

/* Two <Top> without a name are one Top, whose processes keep their names. */
static void two_of_one_name(void **state) {
  (void)state;
  top("top", .count = 1, .ranks = by_cpu);
  top("top", .count = 1, .ranks = by_rss);
  begin();
  assert_int_equal(selection->group_count, 1);
  assert_true(group("top")->of_top);
  given_idle(1, 5);
  interval();
  uses(1, FIELD_UTIME, 10);
  interval();
  for (int i = 1; i < STAY_INTERVALS; i++) {
    assert_string_equal(group_of(1), "top");
    uses(2, FIELD_UTIME, 10);
    interval();
  }
}

static void a_top_by_the_name_of_a_rule(void **state) {
  (void)state;
  rule("busy", .command = TEXT("a"));
  begin_top(1, by_cpu);
  assert_int_equal(warnings, 1);
  assert_false(group("busy")->of_top);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(nobody_before_the_second_read),
      TEST(who_is_born_counts_with_all_it_used),
      TEST(by_each_rank),
      TEST(one_by_two_ranks_is_one),
      TEST(stays_for_ten_intervals),
      TEST(the_stay_is_bounded),
      TEST(an_idle_machine_shows_the_same),
      TEST(rules_come_first),
      TEST(leaves_its_rule_for_the_top),
      TEST(a_gap_puts_nobody_on_top),
      TEST(counts_are_those_of_the_group),
      TEST(two_of_one_name),
      TEST(a_top_by_the_name_of_a_rule),
  };
  return RUN(tests);
}
