/* SPDX-License-Identifier: MIT */
/*
 * Who is watched, under which name, and for how long.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- rules --- */

static void the_first_rule_that_holds(void **state) {
  (void)state;
  rule("mine", .command = TEXT("a"), .has_user = true, .user = 5);
  rule("all", .command = TEXT("a"));
  begin();
  born(7, "a", .user = 5);
  born(8, "a", .user = 6);
  born(9, "b", .user = 5);
  interval();
  assert_string_equal(group_of(7), "mine");
  assert_string_equal(group_of(8), "all");
  assert_string_equal(group_of(9), "");
  assert_int_equal(selection->watched_count, 2);
}

static void a_rule_that_matches_nothing(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin();
  intervals(50);
  assert_non_null(group("db"));
  assert_true(group("db")->permanent);
  assert_int_equal(group("db")->processes, 0);
}

static void rules_of_one_name_are_one_group(void **state) {
  (void)state;
  rule("a.b", .command = TEXT("a"));
  rule("a/b", .command = TEXT("b"));
  rule("self", .command = TEXT("c"));
  begin();
  assert_int_equal(warnings, 1);
  born(7, "a");
  born(8, "b");
  born(9, "c");
  interval();
  assert_int_equal(group("a_b")->processes, 2);
  assert_int_equal(group("self_")->processes, 1);
}

static void names_of_command_lines_are_cleaned(void **state) {
  (void)state;
  match("j_\\1", "name=(.*)");
  begin();
  born(7, "java", .cmdline = "name=../../x-12");
  born(8, "java", .cmdline = "name=");
  interval();
  assert_string_equal(group_of(7), "j_______x-12_");
  assert_string_equal(group_of(8), "j_");
}

/* --- looking again --- */

static void exec_is_seen_at_the_next_interval(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"));
  begin();
  interval();
  born(7, "sh");
  interval();
  assert_string_equal(group_of(7), "");
  being(7)->comm = "a";
  interval();
  assert_string_equal(group_of(7), "a");
}

/* fork() and then exec() with the same command: seen at the second sight. */
static void exec_with_the_same_command(void **state) {
  (void)state;
  match("web", "serve");
  begin();
  interval();
  born(7, "python3", .cmdline = "python3 master");
  interval();
  assert_string_equal(group_of(7), "");
  being(7)->cmdline = "python3 serve";
  interval();
  assert_string_equal(group_of(7), "web");
}

static void a_new_title_or_cgroup_is_seen_in_thirty(void **state) {
  (void)state;
  match("busy", "busy");
  rule("cg", .cgroup = TEXT("/x"));
  begin();
  for (pid_t pid = 1; pid <= 60; pid++)
    born(pid, "a", .cmdline = "idle", .cgroups = "0::/\n");
  intervals(3);
  for (pid_t pid = 1; pid <= 60; pid++) {
    being(pid)->looks = 0;
    if (pid % 2)
      being(pid)->cmdline = "busy";
    else
      being(pid)->cgroups = "0::/x/y\n";
  }
  intervals(30);
  for (pid_t pid = 1; pid <= 60; pid++) {
    assert_string_equal(group_of(pid), pid % 2 ? "busy" : "cg");
    assert_int_equal(being(pid)->looks, 1);
  }
}

static void who_can_not_be_in_a_rule_is_not_asked(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"), .executable = TEXT("/a"));
  begin();
  born(7, "a", .executable = "/a");
  born(8, "b", .executable = "/a");
  intervals(60);
  assert_string_equal(group_of(7), "a");
  assert_true(being(7)->looks <= 4);
  assert_int_equal(being(8)->looks, 0);
}

static void unreadable_texts_throw_nobody_out(void **state) {
  (void)state;
  match("web", "serve");
  begin();
  born(7, "python3", .cmdline = "serve");
  interval();
  being(7)->cmdline = NULL;
  intervals(70);
  assert_string_equal(group_of(7), "web");
}

/* ... but what needs no text is known all the same. */
static void unreadable_texts_keep_nobody_in(void **state) {
  (void)state;
  rule("x", .executable = TEXT("/x"));
  rule("shells", .command = TEXT("bash"));
  begin();
  interval();
  born(7, "bash"); /* of another user: its executable can't be seen */
  interval();
  assert_string_equal(group_of(7), "shells");
  being(7)->comm = "sleep";
  intervals(40);
  assert_string_equal(group_of(7), "");
}

static void pid_file_names_another(void **state) {
  (void)state;
  char path[] = "/tmp/proctrace-pid-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  rule("d", .pid_file = path);
  begin();
  born(7, "a");
  born(8, "a");
  intervals(3);
  assert_string_equal(group_of(7), "");
  assert_int_equal(pwrite(fd, "7\n", 2, 0), 2);
  interval();
  assert_string_equal(group_of(7), "d");
  assert_int_equal(pwrite(fd, "8\n", 2, 0), 2);
  interval();
  assert_string_equal(group_of(7), "");
  assert_string_equal(group_of(8), "d");
  assert_int_equal(group("d")->restarts, 1);
  close(fd);
  unlink(path);
  interval();
  assert_string_equal(group_of(8), "");
}

/* --- restarts --- */

static void restarts(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"));
  begin();
  born(7, "a");
  intervals(3);
  assert_int_equal(group("a")->restarts, 0);
  vanish(7);
  born(8, "a");
  interval();
  assert_int_equal(group("a")->restarts, 1);
  vanish(8);
  intervals(20);
  assert_int_equal(group("a")->restarts, 1);
  born(9, "a");
  interval();
  assert_int_equal(group("a")->restarts, 2);
  vanish(9);
  born(9, "a");
  interval();
  assert_int_equal(group("a")->restarts, 3);
}

static void workers_that_come_and_go_are_no_restarts(void **state) {
  (void)state;
  rule("a", .command = TEXT("a"));
  begin();
  born(7, "a");
  born(8, "a");
  interval();
  for (pid_t pid = 9; pid < 20; pid++) {
    born(pid, "a");
    vanish(pid - 1);
    interval();
  }
  assert_int_equal(group("a")->restarts, 0);
}

/* --- Children --- */

static void begin_with_children(void) {
  rule("own", .command = TEXT("own"));
  rule("tree", .command = TEXT("root"), .children = true);
  rule("late", .command = TEXT("late"));
  begin();
}

static void descendants(void **state) {
  (void)state;
  begin_with_children();
  born(20, "x", .ppid = 10, .start = 30); /* its pid is above its child's */
  born(10, "root", .start = 20);
  born(11, "x", .ppid = 10, .start = 25);
  born(12, "x", .ppid = 20, .start = 40);
  born(13, "x", .ppid = 12, .start = 50);
  born(14, "x", .ppid = 1, .start = 60);
  interval();
  assert_int_equal(group("tree")->processes, 5);
  assert_string_equal(group_of(14), "");
}

static void descent_stays(void **state) {
  (void)state;
  begin_with_children();
  born(1, "init");
  born(10, "root", .ppid = 1);
  interval();
  born(11, "x", .ppid = 10);
  interval();
  vanish(10);
  being(11)->ppid = 1;
  intervals(40);
  assert_string_equal(group_of(11), "tree");
  born(12, "y", .ppid = 11);
  interval();
  assert_string_equal(group_of(12), "tree");
}

static void an_earlier_rule_comes_first(void **state) {
  (void)state;
  begin_with_children();
  born(10, "root");
  born(11, "own", .ppid = 10);
  born(12, "late", .ppid = 10);
  interval();
  assert_string_equal(group_of(11), "own");
  assert_string_equal(group_of(12), "tree");
}

/* Who has a pid that was the parent's is not its parent. */
static void no_parent_is_younger_than_its_child(void **state) {
  (void)state;
  begin_with_children();
  born(11, "x", .ppid = 10, .start = 500);
  interval();
  born(10, "root", .start = 900);
  intervals(2);
  assert_string_equal(group_of(10), "tree");
  assert_string_equal(group_of(11), "");
}

/* --- names that come from command lines --- */

static void dynamic_groups_expire(void **state) {
  (void)state;
  match("j_\\1", "name=(.*)");
  begin();
  assert_int_equal(selection->group_count, 0);
  born(7, "java", .cmdline = "name=x");
  intervals(20);
  assert_int_equal(selection->group_count, 1);
  vanish(7);
  intervals(STAY_INTERVALS);
  assert_non_null(group("j_x"));
  intervals(2);
  assert_null(group("j_x"));
  assert_int_equal(selection->group_count, 0);
}

static void dynamic_groups_are_bounded(void **state) {
  (void)state;
  max_processes = 3;
  match("j_\\1", "name=(.*)");
  begin();
  static const char *const cmdlines[] = {"name=a", "name=b", "name=c", "name=d",
                                         "name=e"};
  for (size_t i = 0; i < COUNT_OF(cmdlines); i++)
    born(10 + (pid_t)i, "java", .cmdline = cmdlines[i]);
  interval();
  assert_int_equal(selection->group_count, 3);
  assert_int_equal(selection->no_group, 2);
}

/* That there is no room for a new name must not close a group that is there. */
static void bounded_groups_keep_their_members(void **state) {
  (void)state;
  max_processes = 2;
  match("j_\\1", "name=(.*)");
  begin();
  born(7, "java", .cmdline = "name=x");
  born(8, "java", .cmdline = "name=y");
  for (int i = 0; i < 40; i++) {
    interval();
    assert_string_equal(group_of(7), "j_x");
    assert_string_equal(group_of(8), "j_y");
  }
  born(9, "java", .cmdline = "name=x");
  interval();
  assert_string_equal(group_of(9), "j_x");
}

/* --- MaxProcesses --- */

static void who_has_series_keeps_them(void **state) {
  (void)state;
  max_processes = 2;
  rule("a", .command = TEXT("a"));
  begin();
  born(20, "a");
  born(21, "a");
  interval();
  born(10, "a");
  interval();
  assert_true(member(20)->reported && member(21)->reported);
  assert_false(member(10)->reported);
  assert_int_equal(selection->reported, 2);
  assert_int_equal(selection->not_reported, 1);
  assert_int_equal(group("a")->processes, 3); /* the group counts them all */
  vanish(20);
  interval();
  assert_true(member(10)->reported);
  assert_int_equal(selection->not_reported, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_first_rule_that_holds),
      TEST(a_rule_that_matches_nothing),
      TEST(rules_of_one_name_are_one_group),
      TEST(names_of_command_lines_are_cleaned),
      TEST(exec_is_seen_at_the_next_interval),
      TEST(exec_with_the_same_command),
      TEST(a_new_title_or_cgroup_is_seen_in_thirty),
      TEST(who_can_not_be_in_a_rule_is_not_asked),
      TEST(unreadable_texts_throw_nobody_out),
      TEST(unreadable_texts_keep_nobody_in),
      TEST(pid_file_names_another),
      TEST(restarts),
      TEST(workers_that_come_and_go_are_no_restarts),
      TEST(descendants),
      TEST(descent_stays),
      TEST(an_earlier_rule_comes_first),
      TEST(no_parent_is_younger_than_its_child),
      TEST(dynamic_groups_expire),
      TEST(dynamic_groups_are_bounded),
      TEST(bounded_groups_keep_their_members),
      TEST(who_has_series_keeps_them),
  };
  return RUN(tests);
}
