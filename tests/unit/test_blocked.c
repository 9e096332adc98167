/* SPDX-License-Identifier: MIT */
/*
 * Sleeps that last, those that only look so, and what is said of them.
 */
#include "world.h"

#include "blocked.h"

#include <string.h>

#define INTERVALS 3
#define TICKS 100
#define SECONDS 10

static struct blocked blocked;
static struct notices notices;
static uint64_t now;
static bool cut; /* not all are looked at */

struct asleep {
  pid_t pid, tid;
  uint64_t switches;
};

/* An interval in which these sleep; the list ends with pid 0. */
static void pass(const struct asleep *asleep) {
  interval();
  now += SECONDS * TICKS;
  snapshot.now_ticks = now;
  snapshot.ticks = TICKS;
  snapshot.sleepers_cut = cut;
  for (; asleep->pid != 0; asleep++) {
    struct sleeper *sleeper = snapshot_add_sleeper(&snapshot);
    *sleeper = (struct sleeper){.pid = asleep->pid,
                                .tid = asleep->tid,
                                .switches = asleep->switches,
                                .comm = "a\nb",
                                .wchan = "io_schedule"};
  }
  notices_reset(&notices, NOTICES_MOST);
  blocked_update(&blocked, selection, &snapshot, INTERVALS, &notices);
}
#define asleep(...) pass((struct asleep[]){__VA_ARGS__, {0, 0, 0}})
#define awake() pass((struct asleep[]){{0, 0, 0}})

static void assert_said(enum severity severity, const char *message) {
  assert_int_equal(notices.count, 1);
  assert_string_equal(notices.list[0].message, message);
  assert_int_equal(notices.list[0].severity, severity);
}

#define assert_quiet() assert_int_equal(notices.count, 0)

static int setup(void **state) {
  now = 0;
  cut = false;
  blocked = (struct blocked){0};
  return world_setup(state);
}

static int teardown(void **state) {
  blocked_free(&blocked);
  return world_teardown(state);
}

static void given(void) {
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db");
  born(9, "db");
}

static void one_that_lasts(void **state) {
  (void)state;
  given();
  for (int i = 0; i < INTERVALS; i++) {
    asleep({7, 8, 5});
    assert_quiet();
  }
  asleep({7, 8, 5});
  assert_said(SEVERITY_WARNING,
              "db-7: thread 8 (a_b) has been blocked for 30 s in io_schedule");
  assert_string_equal(notices.list[0].instance, "db-7");
  for (int i = 0; i < 20; i++) {
    asleep({7, 8, 5});
    assert_quiet();
  }
  awake();
  assert_quiet();
  awake();
  assert_said(SEVERITY_OKAY, "db-7: no thread is blocked any more");
  assert_int_equal(blocked.sleep_count, 0);
}

static void another_sleep_each_time(void **state) {
  (void)state;
  given();
  for (uint64_t i = 0; i < 20; i++) {
    asleep({7, 8, i / 3});
    assert_quiet();
  }
}

/* It was told, and now it gets on: that is seen at once. */
static void it_gets_on(void **state) {
  (void)state;
  given();
  for (int i = 0; i <= INTERVALS; i++)
    asleep({7, 8, 5});
  asleep({7, 8, 6});
  assert_said(SEVERITY_OKAY, "db-7: no thread is blocked any more");
  asleep({7, 8, 6});
  assert_quiet();
}

static void a_look_that_failed_wakes_nobody(void **state) {
  (void)state;
  given();
  for (int i = 0; i < INTERVALS; i++) {
    asleep({7, 8, 5});
    assert_quiet();
    awake();
    assert_quiet();
  }
  asleep({7, 8, 5});
  assert_said(SEVERITY_WARNING,
              "db-7: thread 8 (a_b) has been blocked for 60 s in io_schedule");
  awake();
  asleep({7, 8, 5});
  assert_quiet();
}

/* Others have filled the list: that it sleeps no more is not known. */
static void nobody_wakes_unseen(void **state) {
  (void)state;
  given();
  for (int i = 0; i <= INTERVALS; i++)
    asleep({9, 9, 5});
  cut = true;
  for (uint64_t i = 0; i < 3; i++) {
    asleep({7, 8, i}); /* another sleep each time */
    assert_quiet();
  }
  cut = false;
  awake();
  assert_said(SEVERITY_OKAY, "db-9: no thread is blocked any more");
}

/* Nor has it ended, of which nothing can be read. */
static void nobody_ends_unseen(void **state) {
  (void)state;
  given();
  for (int i = 0; i <= INTERVALS; i++)
    asleep({9, 9, 5});
  being(9)->stuck = true;
  for (int i = 0; i < 20; i++) {
    awake();
    assert_quiet();
  }
  being(9)->stuck = false;
  asleep({9, 9, 5});
  assert_quiet();
  being(9)->hidden = true;
  awake();
  awake();
  assert_quiet();
  being(9)->hidden = false;
  vanish(9);
  awake();
  assert_said(SEVERITY_OKAY, "db-9: has ended, and was blocked until then");
}

static void threads_of_a_process_are_told_once(void **state) {
  (void)state;
  given();
  asleep({7, 8, 5});
  for (int i = 0; i < INTERVALS; i++)
    asleep({9, 10, 1}, {7, 12, 1}, {7, 8, 5});
  assert_int_equal(notices.count, 1);
  asleep({9, 10, 1}, {7, 12, 1}, {7, 8, 5});
  assert_said(SEVERITY_WARNING,
              "db-9: thread 10 (a_b) has been blocked for 30 s in io_schedule");
  /* The first wakes, the second does not. */
  for (int i = 0; i < 5; i++) {
    asleep({9, 10, 1}, {7, 12, 1});
    assert_quiet();
  }
  asleep({9, 10, 1});
  asleep({9, 10, 1});
  assert_said(SEVERITY_OKAY, "db-7: no thread is blocked any more");
}

static void together(void **state) {
  (void)state;
  given();
  for (int i = 0; i <= INTERVALS; i++)
    asleep({7, 8, 5}, {7, 12, 1}, {7, 13, 1});
  assert_said(
      SEVERITY_WARNING,
      "db-7: thread 8 (a_b) has been blocked for 30 s in io_schedule, 2 more "
      "of its threads too");
}

static void it_ends_blocked(void **state) {
  (void)state;
  given();
  for (int i = 0; i <= INTERVALS; i++)
    asleep({7, 8, 5});
  vanish(7);
  awake();
  assert_said(SEVERITY_OKAY, "db-7: has ended, and was blocked until then");
  assert_int_equal(blocked.told_count, 0);
}

/* The pid is another process's now, which happens to sleep as well. */
static void a_pid_that_is_used_again(void **state) {
  (void)state;
  given();
  for (int i = 0; i < INTERVALS; i++)
    asleep({7, 7, 5});
  vanish(7);
  born(7, "db");
  asleep({7, 7, 5});
  assert_quiet();
}

static void whoever_is_not_watched_any_more(void **state) {
  (void)state;
  given();
  for (int i = 0; i <= INTERVALS; i++)
    asleep({7, 8, 5});
  being(7)->comm = "other";
  awake();
  assert_said(SEVERITY_OKAY, "db-7: is not watched any more");
}

#undef TEST
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(one_that_lasts),
      TEST(another_sleep_each_time),
      TEST(it_gets_on),
      TEST(a_look_that_failed_wakes_nobody),
      TEST(nobody_wakes_unseen),
      TEST(nobody_ends_unseen),
      TEST(threads_of_a_process_are_told_once),
      TEST(together),
      TEST(it_ends_blocked),
      TEST(a_pid_that_is_used_again),
      TEST(whoever_is_not_watched_any_more),
  };
  return RUN(tests);
}
