/* SPDX-License-Identifier: MIT */
/*
 * Who is missed, and when.
 */
#include "world.h"

#include "notices.h"

#include <string.h>

#define PATIENCE 2

static struct notices notices;

/* One interval, or several; in the last one was said: */
static void pass(unsigned n) {
  while (n-- > 0) {
    interval();
    notices_reset(&notices, NOTICES_MOST);
    presence_update(selection, &snapshot, PATIENCE, &notices);
  }
}

static void assert_said(enum severity severity, const char *message) {
  assert_int_equal(notices.count, 1);
  assert_string_equal(notices.list[0].message, message);
  assert_int_equal(notices.list[0].severity, severity);
}

static void assert_quiet(unsigned n) {
  while (n-- > 0) {
    pass(1);
    if (notices.count > 0)
      assert_string_equal(notices.list[0].message, "");
  }
}

/* What comes and goes within the patience was never there. */
static void short_lives_are_not_missed(void **state) {
  (void)state;
  rule("cron", .command = TEXT("job"));
  begin();
  for (pid_t pid = 10; pid < 30; pid++) {
    born(pid, "job");
    assert_quiet(1);
    vanish(pid);
    assert_quiet(pid % 3);
  }
}

static void what_was_there_before_us_is_missed(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db");
  assert_quiet(PATIENCE);
  vanish(7);
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_FAILURE, "db: process 7 is gone");
  assert_quiet(30);
}

/* A server that ends as often as it is started: one failure, one okay. */
static void a_loop_of_crashes(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db");
  pass(PATIENCE);
  vanish(7);
  pid_t pid = 8;
  for (; pid < 8 + 3 * PATIENCE - 1; pid++) {
    born(pid, "db");
    assert_quiet(1);
    vanish(pid);
  }
  born(pid, "db");
  pass(1);
  assert_said(SEVERITY_FAILURE,
              "db: process 7 is gone, and what starts in its place ends again, "
              "13 just now");
  vanish(pid);
  for (pid = 20; pid < 40; pid++) {
    born(pid, "db");
    assert_quiet(1);
    vanish(pid);
  }
  born(50, "db");
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_OKAY, "db: is back as process 50; it was 7");
  assert_quiet(10);
}

static void workers_come_and_go(void **state) {
  (void)state;
  rule("web", .command = TEXT("web"));
  begin();
  born(100, "web");
  pid_t pid = 101;
  for (; pid < 105; pid++)
    born(pid, "web", .ppid = 100);
  pass(3);
  for (; pid < 130; pid++) {
    vanish(pid - 4);
    born(pid, "web", .ppid = 100);
    assert_quiet(1);
  }
  vanish(100);
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_WARNING,
              "web: process 100, the oldest, is gone; 4 are left");
  assert_quiet(5);
}

static void all_at_once_are_restarted(void **state) {
  (void)state;
  rule("web", .command = TEXT("web"));
  begin();
  born(100, "web");
  born(101, "web");
  pass(3);
  vanish(100);
  vanish(101);
  assert_quiet(1);
  born(50, "web"); /* pids have begun anew */
  born(51, "web");
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_WARNING, "web: process 100 is gone, and back as 50");
}

/* It has ended, although it is listed. */
static void zombies_are_gone(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db")->value[FIELD_THREADS] = 1;
  pass(3);
  for (int i = 0; i < PATIENCE; i++) {
    interval();
    snapshot.tasks[0].state = 'Z';
    notices_reset(&notices, NOTICES_MOST);
    presence_update(selection, &snapshot, PATIENCE, &notices);
  }
  assert_said(SEVERITY_FAILURE, "db: process 7 is gone");
}

static void whom_a_scan_missed_may_live(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db");
  pass(3);
  being(7)->hidden = true;
  assert_quiet(5);
  being(7)->hidden = false;
  assert_quiet(5);
}

/* One that hangs keeps quiet of itself alone. */
static void one_that_hangs(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  rule("held", .command = TEXT("held"));
  begin();
  born(7, "held");
  born(8, "db");
  pass(PATIENCE);
  being(7)->stuck = true;
  assert_quiet(30);
  vanish(8);
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_FAILURE, "db: process 8 is gone");
  vanish(7);
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_FAILURE, "held: process 7 is gone");
}

/* It lives, and is something else now. */
static void whoever_leaves_the_rule_is_not_gone(void **state) {
  (void)state;
  rule("sh", .command = TEXT("sh"));
  begin();
  born(7, "sh");
  pass(3);
  being(7)->comm = "java";
  assert_quiet(10);
  assert_int_equal(group("sh")->processes, 0);
}

static void the_same_pid_again(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db");
  pass(3);
  vanish(7);
  born(7, "db");
  assert_quiet(1);
  pass(1);
  assert_said(SEVERITY_WARNING, "db: process 7 is gone, and back as 7");
}

/* There was no room: it is told in the next interval. */
static void what_found_no_room_comes_later(void **state) {
  (void)state;
  rule("db", .command = TEXT("db"));
  begin();
  born(7, "db");
  pass(3);
  vanish(7);
  pass(1);
  interval();
  for (int i = 0; i < NOTICES_MOST; i++)
    assert_non_null(notices_add(&notices, SEVERITY_OKAY, "x", "y", "z"));
  presence_update(selection, &snapshot, PATIENCE, &notices);
  assert_int_equal(notices.count, NOTICES_MOST);
  assert_true(notices.full);
  pass(1);
  assert_said(SEVERITY_FAILURE, "db: process 7 is gone");
  assert_false(notices.full);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(short_lives_are_not_missed),
      TEST(what_was_there_before_us_is_missed),
      TEST(a_loop_of_crashes),
      TEST(workers_come_and_go),
      TEST(all_at_once_are_restarted),
      TEST(zombies_are_gone),
      TEST(whom_a_scan_missed_may_live),
      TEST(one_that_hangs),
      TEST(whoever_leaves_the_rule_is_not_gone),
      TEST(the_same_pid_again),
      TEST(what_found_no_room_comes_later),
  };
  return RUN(tests);
}
