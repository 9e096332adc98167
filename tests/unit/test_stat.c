/* SPDX-License-Identifier: MIT */
/*
 * /proc/<pid>/stat: whatever a process calls itself, the numbers behind the
 * name are the kernel's.
 */
#include "edge.h"
#include "unit.h"

#include "proctext.h"

#include <stdio.h>
#include <string.h>

#define USER_PROCESS 4194304u
#define KERNEL_THREAD (STAT_FLAG_KERNEL_THREAD | 0x40u)
#define WORKER (KERNEL_THREAD | STAT_FLAG_WORKER)

/* What stands behind the flags in a line of a process that is doing well. */
#define REST                                                                   \
  "103 11 7 2 250 120 9 4 20 0 3 0 279856 3133440 416 18446744073709551615 "   \
  "94129339101184 94129339121065 140729344547552 0 0 0 0 0 0 0 0 0 17 0 0 0 "  \
  "0 0 0 94129339137072 94129339138688 94130005274624 140729344551490 "        \
  "140729344551581 140729344551581 140729344552939 0\n"

static bool parse(const char *text, struct stat_text *out) {
  size_t length = strlen(text);
  *out = (struct stat_text){0};
  return parse_stat(at_the_edge(text, length), length, out);
}

/* The name that is read of a process that calls itself `comm`. */
static const char *comm_of(const char *comm, unsigned flags) {
  static struct stat_text stat;
  char line[1024];
  snprintf(line, sizeof(line), "15268 (%s) S 15266 1 1 0 -1 %u " REST, comm,
           flags);
  assert_true(parse(line, &stat));
  assert_int_equal(stat.pid, 15268);
  assert_int_equal(stat.state, 'S');
  assert_int_equal(stat.ppid, 15266);
  assert_int_equal(stat.flags, flags);
  assert_int_equal(stat.minflt, 103);
  assert_int_equal(stat.start, 279856);
  assert_int_equal(stat.rss, 416);
  return stat.comm;
}

static void every_number(void **state) {
  (void)state;
  struct stat_text stat;
  assert_true(
      parse("15268 (cat) R 15266 15266 3469 0 -1 4194304 " REST, &stat));
  assert_int_equal(stat.pid, 15268);
  assert_string_equal(stat.comm, "cat");
  assert_int_equal(stat.state, 'R');
  assert_int_equal(stat.ppid, 15266);
  assert_int_equal(stat.flags, 4194304);
  assert_int_equal(stat.minflt, 103);
  assert_int_equal(stat.reaped_minflt, 11);
  assert_int_equal(stat.majflt, 7);
  assert_int_equal(stat.utime, 250);
  assert_int_equal(stat.stime, 120);
  assert_int_equal(stat.threads, 3);
  assert_int_equal(stat.start, 279856);
  assert_int_equal(stat.vsize, 3133440);
  assert_int_equal(stat.rss, 416);
}

static void odd_names(void **state) {
  (void)state;
  static const char *const names[] = {"",
                                      " ",
                                      "  a  ",
                                      "a b c",
                                      "a\tb",
                                      "a\nb",
                                      "\n",
                                      "(",
                                      ")",
                                      "()",
                                      ")(",
                                      "((((",
                                      "))))",
                                      "(sd)",
                                      ") R 1 (",
                                      ") R 1 2 3",
                                      "x) Z 9",
                                      "7 (x) S 1",
                                      "ü€😀",
                                      "\xff",
                                      "\x1b[31m",
                                      "%s%n",
                                      "a;b|c&d",
                                      "'\"`",
                                      "-1",
                                      "0",
                                      "../../etc",
                                      "Web Content",
                                      "a\\nb",
                                      "kworker/0:1-x",
                                      "12345678 (x)"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    assert_string_equal(comm_of(names[i], USER_PROCESS), names[i]);
}

static void long_names_are_cut(void **state) {
  (void)state;
  assert_string_equal(comm_of("fifteen_letters", USER_PROCESS),
                      "fifteen_letters");
  assert_string_equal(comm_of("sixteen__letters", USER_PROCESS),
                      "sixteen__letter");
  assert_string_equal(
      comm_of(") R 1 (a name longer than any task can hold) R 1 (",
              USER_PROCESS),
      ") R 1 (a name l");
}

/* The kernel appends what a worker does just now: a name that would change. */
static void workers_keep_their_name(void **state) {
  (void)state;
  assert_string_equal(comm_of("kworker/0:1", WORKER), "kworker/0:1");
  assert_string_equal(comm_of("kworker/0:1-events", WORKER), "kworker/0:1");
  assert_string_equal(comm_of("kworker/0:1-mm_percpu_wq", WORKER),
                      "kworker/0:1");
  assert_string_equal(comm_of("kworker/u8:2+flush-8:0", WORKER),
                      "kworker/u8:2");
  assert_string_equal(comm_of("kworker/0:1H-kblockd", WORKER), "kworker/0:1H");
  assert_string_equal(comm_of("kworker/R-rcu_gp", WORKER), "kworker/R-rcu_g");
  assert_string_equal(comm_of("kworker/R-a-b+c", WORKER), "kworker/R-a-b+c");
  assert_string_equal(comm_of("kworker/R", WORKER), "kworker/R");
  assert_string_equal(comm_of("edac-poller", WORKER), "edac-poller");
  assert_string_equal(comm_of("-", WORKER), "-");
  assert_string_equal(comm_of("", WORKER), "");
  /* Other kernel threads, and whoever just calls itself so. */
  assert_string_equal(comm_of("irq/9-acpi", KERNEL_THREAD), "irq/9-acpi");
  assert_string_equal(comm_of("kworker/0:1-x", USER_PROCESS), "kworker/0:1-x");
}

static void kernel_thread(void **state) {
  (void)state;
  struct stat_text stat;
  assert_true(parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 3 0 0 20 0 1 "
                    "0 4 0 0 18446744073709551615 0 0 0 0 0 0 0 2147483647 0 "
                    "0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                    &stat));
  assert_int_equal(stat.ppid, 0);
  assert_true(stat.flags & STAT_FLAG_KERNEL_THREAD);
  assert_int_equal(stat.stime, 3);
  assert_int_equal(stat.start, 4);
  assert_int_equal(stat.vsize, 0);
  assert_int_equal(stat.rss, 0);
}

static void zombie(void **state) {
  (void)state;
  struct stat_text stat;
  assert_true(parse("815 (sh <defunct>) Z 7 7 7 0 -1 4228108 31 0 0 0 1 2 0 0 "
                    "20 0 1 0 5120 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 "
                    "0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 256\n",
                    &stat));
  assert_int_equal(stat.state, 'Z');
  assert_string_equal(stat.comm, "sh <defunct>");
  assert_int_equal(stat.utime, 1);
  assert_int_equal(stat.vsize, 0);
}

/* 2^63, 2^64 - 1, 2^64 and far more; real-time priorities are below zero. */
static void large_and_negative_numbers(void **state) {
  (void)state;
  struct stat_text stat;
  assert_true(parse("1 (x) S -1 0 0 0 -1 0 9223372036854775808 "
                    "18446744073709551615 18446744073709551616 -5 "
                    "99999999999999999999999999 18446744073709551609 -9 -9 "
                    "-100 -20 -1 0 9223372036854775807 184467440737095516150 "
                    "-1 0 0\n",
                    &stat));
  assert_int_equal(stat.ppid, 0);
  assert_true(stat.minflt == UINT64_C(9223372036854775808));
  assert_true(stat.reaped_minflt == UINT64_MAX);
  assert_true(stat.majflt == UINT64_MAX);
  assert_true(stat.utime == UINT64_MAX);
  assert_true(stat.stime == UINT64_C(18446744073709551609));
  assert_true(stat.threads == 0);
  assert_true(stat.start == INT64_MAX);
  assert_true(stat.vsize == UINT64_MAX);
  assert_true(stat.rss == 0);
}

static void not_a_stat_line(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "\n",
      " ",
      "(",
      ")",
      "7",
      "7 ",
      "7 (",
      "7 )",
      "7 )(",
      "7 (x)",
      "7 (x) ",
      "7 (x) S",
      "7 (x)S 1 1 1 0 -1 4194304 " REST,
      "x (x) S 1 1 1 0 -1 4194304 " REST,
      "-7 (x) S 1 1 1 0 -1 4194304 " REST,
      "7  x) S 1 1 1 0 -1 4194304 " REST,
      "7 (x S 1 1 1 0 -1 4194304 " REST,
      "7 (x) S x 1 1 0 -1 4194304 " REST,
      "7 (x) S 1 1 1 0 -1 x " REST,
      "cpu  46384 0 50659 454980 2979 0 719 4976 0 0\n",
  };
  struct stat_text stat;
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    assert_false(parse(texts[i], &stat));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number),
      cmocka_unit_test(odd_names),
      cmocka_unit_test(long_names_are_cut),
      cmocka_unit_test(workers_keep_their_name),
      cmocka_unit_test(kernel_thread),
      cmocka_unit_test(zombie),
      cmocka_unit_test(large_and_negative_numbers),
      cmocka_unit_test(not_a_stat_line),
  };
  return RUN(tests);
}
