/* SPDX-License-Identifier: MIT */
/*
 * One rule, one process: does it hold, and what is the name?
 */
#include "unit.h"

#include "rules.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct task nginx = {.pid = 42, .comm = "nginx"};
static char name[65];

/* What of a rule is compared with texts is borrowed: nothing to free. */
#define TEXT(text) ((char[]){text})

static bool holds(struct rule *rule, const struct facts *facts) {
  strcpy(name, "-");
  return rule_judge(rule, &nginx, facts, name, sizeof(name)) == RULE_HOLDS;
}

/* The name that a ProcessMatch rule gives, or NULL where it does not hold. */
static const char *matched(const char *text, const char *pattern,
                           const char *cmdline) {
  struct rule rule = {.name = strdup(text), .has_pattern = true};
  char *copy = strdup(cmdline);
  assert_int_equal(regcomp(&rule.pattern, pattern, REG_EXTENDED), 0);
  bool held =
      holds(&rule, &(struct facts){.known = FACT_CMDLINE, .cmdline = copy});
  rule_free(&rule);
  free(copy);
  return held ? name : NULL;
}

static void by_command(void **state) {
  (void)state;
  struct rule rule = {.name = TEXT("web"), .command = TEXT("nginx")};
  assert_int_equal(rule_facts(&rule), 0);
  assert_true(rule_may_match(&rule, &nginx));
  assert_true(holds(&rule, &(struct facts){0}));
  assert_string_equal(name, "web");
  rule.command = TEXT("ngin");
  assert_false(rule_may_match(&rule, &nginx));
  assert_false(holds(&rule, &(struct facts){0}));
  rule.command = TEXT("nginx2");
  assert_false(holds(&rule, &(struct facts){0}));
}

static void names_from_what_matched(void **state) {
  (void)state;
  assert_string_equal(matched("java_\\1", "name=([a-z]+)", "java -name=mail x"),
                      "java_mail");
  assert_string_equal(matched("\\2-\\1\\1", "(a+)(b+)", "xaabx"), "b-aaaa");
  assert_string_equal(matched("\\9\\8\\7\\6\\5\\4\\3\\2\\1",
                              "(.)(.)(.)(.)(.)(.)(.)(.)(.)", "123456789"),
                      "987654321");
  /* No tenth: \1 and a zero. */
  assert_string_equal(matched("\\10", "(a)", "a"), "a0");
  /* What takes no part in the match, or does not exist, is empty. */
  assert_string_equal(matched("[\\1|\\2]", "(a)|(b)", "b"), "[|b]");
  assert_string_equal(matched("<\\3>", "(a)", "a"), "<>");
  /* Not an escape. */
  assert_string_equal(matched("\\0\\x\\", "a", "a"), "\\0\\x\\");
  assert_string_equal(matched("plain", "a", "a"), "plain");
  assert_null(matched("x", "^b", "ab"));
}

static void long_names_are_cut(void **state) {
  (void)state;
  char cmdline[4096];
  memset(cmdline, 'a', sizeof(cmdline) - 1);
  cmdline[sizeof(cmdline) - 1] = '\0';
  assert_int_equal(strlen(matched("\\1\\1\\1", "(.*)", cmdline)), 64);
  assert_int_equal(strlen(matched("x\\1", "(.*)", cmdline)), 64);
  cmdline[200] = '\0';
  assert_int_equal(strlen(matched(cmdline, "a", "a")), 64);
}

/* A kernel thread, or who has overwritten its arguments. */
static void without_arguments_by_command(void **state) {
  (void)state;
  assert_string_equal(matched("x_\\1", "^(ngi)", ""), "x_ngi");
  assert_null(matched("x", "^nginx", "other"));
}

static void dynamic_names(void **state) {
  (void)state;
  struct rule rule = {.name = TEXT("a\\1"), .has_pattern = true};
  assert_true(rule_is_dynamic(&rule));
  rule.has_pattern = false;
  assert_false(rule_is_dynamic(&rule));
  static const struct {
    const char *name;
    bool dynamic;
  } names[] = {{"plain", false},  {"\\0", false},  {"\\", false},
               {"a\\x\\9", true}, {"\\\\1", true}, {"", false}};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    char text[16];
    strcpy(text, names[i].name);
    rule = (struct rule){.name = text, .has_pattern = true};
    assert_int_equal(rule_is_dynamic(&rule), names[i].dynamic);
  }
}

static bool in_cgroup(const char *path, const char *lines) {
  char rule_path[64], text[256];
  strcpy(rule_path, path);
  strcpy(text, lines);
  return holds(&(struct rule){.name = TEXT("x"), .cgroup = rule_path},
               &(struct facts){.known = FACT_CGROUP, .cgroups = text});
}

static void by_cgroup(void **state) {
  (void)state;
  assert_true(in_cgroup("/a/b", "0::/a/b\n"));
  assert_true(in_cgroup("/a/b", "0::/a/b"));
  assert_true(in_cgroup("/a/b/", "0::/a/b\n"));
  assert_true(in_cgroup("/a/b", "0::/a/b/c/d\n"));
  assert_true(in_cgroup("/", "0::/\n"));
  assert_true(in_cgroup("/", "0::/a\n"));
  assert_true(in_cgroup("/a:b", "0::/a:b\n"));
  /* Not by a part of a name, nor above, nor another. */
  assert_false(in_cgroup("/a/b", "0::/a/bc\n"));
  assert_false(in_cgroup("/a/b", "0::/a\n"));
  assert_false(in_cgroup("/a/b", "0::/x/a/b\n"));
  assert_false(in_cgroup("/a/b", "0::/A/b\n"));
}

static void by_cgroup_of_version_1(void **state) {
  (void)state;
  static const char lines[] = "12:memory:/user/7\n4:cpu,cpuacct:/batch/x\n"
                              "1:name=systemd:/system/cron\n0::/v2\n";
  assert_true(in_cgroup("/user", lines));
  assert_true(in_cgroup("/batch/x", lines));
  assert_true(in_cgroup("/system/cron", lines));
  assert_true(in_cgroup("/v2", lines));
  assert_false(in_cgroup("/system/cron\n0", lines));
  assert_false(in_cgroup("/memory", lines));
  /* Text that is no such file. */
  assert_false(in_cgroup("/a", ""));
  assert_false(in_cgroup("/a", "\n\n"));
  assert_false(in_cgroup("/a", "/a\n"));
  assert_false(in_cgroup("/a", "0:\n:/a\n"));
}

static bool executable(const char *path, const char *link) {
  char rule_path[64], text[64];
  strcpy(rule_path, path);
  strcpy(text, link);
  return holds(&(struct rule){.name = TEXT("x"), .executable = rule_path},
               &(struct facts){.known = FACT_EXECUTABLE, .executable = text});
}

static void by_executable(void **state) {
  (void)state;
  assert_true(executable("/usr/bin/x", "/usr/bin/x"));
  assert_true(executable("/usr/bin/x", "/usr/bin/x (deleted)"));
  assert_true(executable("/x (deleted)", "/x (deleted)"));
  assert_false(executable("/usr/bin/x", "/usr/bin/xy"));
  assert_false(executable("/usr/bin/x", "/usr/bin"));
  assert_false(executable("/usr/bin/x", "/usr/bin/x (deleted) "));
  assert_false(executable("/usr/bin/x", "/usr/bin/x (del"));
  assert_false(executable("/usr/bin/x", ""));
}

static void by_user_and_pid(void **state) {
  (void)state;
  struct rule rule = {.name = TEXT("x"), .has_user = true, .user = 0};
  struct facts root = {.known = FACT_USER, .user = 0};
  struct facts other = {.known = FACT_USER, .user = 1000};
  assert_true(holds(&rule, &root));
  assert_false(holds(&rule, &other));
  rule = (struct rule){.name = TEXT("x"), .has_pid = true, .pid = 42};
  assert_true(holds(&rule, &(struct facts){0}));
  rule.pid = 43;
  assert_false(rule_may_match(&rule, &nginx));
  assert_false(holds(&rule, &(struct facts){0}));
}

static void all_conditions_must_hold(void **state) {
  (void)state;
  struct rule rule = {.name = TEXT("x"),
                      .command = TEXT("nginx"),
                      .executable = TEXT("/nginx"),
                      .cgroup = TEXT("/web"),
                      .has_user = true,
                      .user = 33,
                      .has_pid = true,
                      .pid = 42};
  const struct facts right = {.known = FACT_ALL,
                              .cgroups = TEXT("0::/web\n"),
                              .executable = TEXT("/nginx"),
                              .user = 33};
  assert_int_equal(rule_facts(&rule),
                   FACT_USER | FACT_CGROUP | FACT_EXECUTABLE);
  assert_true(holds(&rule, &right));
  struct facts wrong = right;
  wrong.user = 34;
  assert_false(holds(&rule, &wrong));
  wrong = right;
  wrong.cgroups = TEXT("0::/\n");
  assert_false(holds(&rule, &wrong));
  wrong = right;
  wrong.executable = TEXT("/apache");
  assert_false(holds(&rule, &wrong));
}

/* What could not be read holds of nobody. */
static void unknown_facts(void **state) {
  (void)state;
  struct rule rules[] = {
      {.name = TEXT("x"), .has_user = true, .user = 0},
      {.name = TEXT("x"), .cgroup = TEXT("/")},
      {.name = TEXT("x"), .executable = TEXT("/x")},
      {.name = TEXT("x"), .has_pattern = true},
  };
  for (size_t i = 0; i < COUNT_OF(rules); i++)
    assert_false(holds(&rules[i], &(struct facts){0}));
}

/* --- PID files --- */

static char directory[] = "/tmp/proctrace-rules-XXXXXX", path[64];
static struct rule by_file;

static int make_directory(void **state) {
  (void)state;
  strcpy(directory + strlen(directory) - 6, "XXXXXX");
  if (mkdtemp(directory) == NULL)
    return -1;
  snprintf(path, sizeof(path), "%s/pid", directory);
  by_file = (struct rule){.name = TEXT("x"), .pid_file = path};
  return 0;
}

static int remove_directory(void **state) {
  (void)state;
  unlink(path);
  return rmdir(directory);
}

static void given_pid_file(const char *text, size_t length) {
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, length), (ssize_t)length);
  close(fd);
}
#define GIVEN(text) given_pid_file(text, strlen(text))

static void pid_file_changes(void **state) {
  (void)state;
  assert_false(rule_refresh(&by_file)); /* not there yet */
  assert_false(by_file.has_pid);
  assert_false(rule_may_match(&by_file, &nginx));
  GIVEN("42\n");
  assert_true(rule_refresh(&by_file));
  assert_true(rule_may_match(&by_file, &nginx));
  assert_false(rule_refresh(&by_file));
  GIVEN("43");
  assert_true(rule_refresh(&by_file));
  assert_int_equal(by_file.pid, 43);
  assert_false(rule_may_match(&by_file, &nginx));
  unlink(path);
  assert_true(rule_refresh(&by_file));
  assert_false(by_file.has_pid);
  assert_false(rule_refresh(&by_file));
}

static void pid_file_of_garbage(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",     "\n",          "nginx", "-42",        "0",
      "42x",  "42 43",       "0x2a",  "4294967338", "99999999999999999999",
      "42.0", "2147483648\n"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    GIVEN(texts[i]);
    assert_false(rule_refresh(&by_file));
    assert_false(by_file.has_pid);
  }
  given_pid_file("42\0\0", 4);
  assert_false(rule_refresh(&by_file));
  GIVEN("2147483647\n");
  assert_true(rule_refresh(&by_file));
  assert_int_equal(by_file.pid, INT_MAX);
}

/* 42, blanks to any buffer's end, and then more. */
static void huge_pid_file(void **state) {
  (void)state;
  static char huge[1 << 20];
  memset(huge, ' ', sizeof(huge));
  memcpy(huge, "42", 2);
  huge[sizeof(huge) - 1] = 'x';
  given_pid_file(huge, sizeof(huge));
  assert_false(rule_refresh(&by_file));
  memset(huge, '1', sizeof(huge));
  given_pid_file(huge, sizeof(huge));
  assert_false(rule_refresh(&by_file));
}

/* An alarm would end this program. */
static void pid_file_that_blocks(void **state) {
  (void)state;
  assert_int_equal(mkfifo(path, 0600), 0);
  alarm(10);
  assert_false(rule_refresh(&by_file));
  int writer = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  assert_true(writer >= 0);
  assert_false(rule_refresh(&by_file)); /* open, and nothing in it */
  alarm(0);
  close(writer);
}

/* To what never answers, say. */
static void pid_file_that_is_a_link(void **state) {
  (void)state;
  char target[sizeof(path) + 8];
  snprintf(target, sizeof(target), "%s.real", path);
  GIVEN("42\n");
  assert_int_equal(rename(path, target), 0);
  assert_int_equal(symlink(target, path), 0);
  assert_false(rule_refresh(&by_file));
  assert_false(by_file.has_pid);
  unlink(target);
}

static void pid_file_that_is_a_directory(void **state) {
  (void)state;
  struct rule rule = {.name = TEXT("x"), .pid_file = directory};
  assert_false(rule_refresh(&rule));
  assert_false(rule.has_pid);
}

static void no_pid_file_no_change(void **state) {
  (void)state;
  struct rule rule = {.name = TEXT("x"), .has_pid = true, .pid = 42};
  assert_false(rule_refresh(&rule));
  assert_true(rule_may_match(&rule, &nginx));
}

#define FILE_TEST(f)                                                           \
  cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_command),
      cmocka_unit_test(names_from_what_matched),
      cmocka_unit_test(long_names_are_cut),
      cmocka_unit_test(without_arguments_by_command),
      cmocka_unit_test(dynamic_names),
      cmocka_unit_test(by_cgroup),
      cmocka_unit_test(by_cgroup_of_version_1),
      cmocka_unit_test(by_executable),
      cmocka_unit_test(by_user_and_pid),
      cmocka_unit_test(all_conditions_must_hold),
      cmocka_unit_test(unknown_facts),
      FILE_TEST(pid_file_changes),
      FILE_TEST(pid_file_of_garbage),
      FILE_TEST(huge_pid_file),
      FILE_TEST(pid_file_that_blocks),
      FILE_TEST(pid_file_that_is_a_link),
      FILE_TEST(pid_file_that_is_a_directory),
      cmocka_unit_test(no_pid_file_no_change),
  };
  return RUN(tests);
}
