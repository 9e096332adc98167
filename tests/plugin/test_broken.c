/* SPDX-License-Identifier: MIT */
/*
 * Files that are empty, cut or nonsense, and processes that are half gone:
 * they cost their own values, and no line in the log for each process.
 */
#include "fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {
    "stat",    "status",       "io",    "schedstat", "limits",
    "cmdline", "smaps_rollup", "wchan", "cgroup",    "comm",
};

static const char *const texts[] = {
    "",
    "\n",
    "7",
    "7 (w",
    "7 (w) ",
    "7 (w) S 1 7 7 0 -1 4194304 5",
    "Name:\tw\nState:",
    "Name:\tw\nUmask:\t0022\nState:\tS (sleeping)\nVmRSS:\t",
    "rchar: 10\nwchar: 20\nsysc",
    "rchar: -1\nwchar: x\nsyscr: 99999999999999999999999999\n",
    "12 ",
    "Max open files            ",
    "00400000-7fff0000 ---p 00000000 00:00 0   [rollup]\nPss:",
    "\xff\xfe\xfd(((((())))))%s%n",
};

static void the_others_arrive(void) {
  sent("good-8/ps_rss", 200 * 1024);
  sent("good-8/io_octets", 20, 0);
  sent("good-8/derive-runtime_ns", 5);
}

static void nonsense_in_each_file(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "w", .rss_kib = 100, .rchar = 10, .runtime = 3);
  fake_process(8, "good", .rss_kib = 200, .rchar = 20, .runtime = 5);
  start("Process 'w'; Process 'good'; ProcessMatch 'cl' 'nothing';"
        "<Select 's'>; Cgroup '/none'; User 5; </Select>; PssInterval 10;"
        "Collect 'state' 'memory' 'cpu' 'contextswitch' 'io' 'files' 'sched'"
        " 'wchan' 'pss' 'threads'");
  read_once();
  for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
      fake_file(p, files[f], texts[t]);
      read_once();
      the_others_arrive();
    }
    fake_update(p);
    read_once();
  }
  sent("w-7/ps_rss", 100 * 1024);
  sent("w-7/io_octets", 10, 0);
  /* A few lines for kinds of damage, not one for each read. */
  assert_true(host_log_count(ANY_SEVERITY, "") < 10);
}

/* That nobody sleeps in a channel is said of those that were looked at. */
static void a_wait_channel_that_cannot_be_read(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .wchan = "do_wait");
  fake_process(8, "w", .wchan = "pipe_read");
  start("Process 'w'; Collect 'state' 'wchan'");
  read_once();
  sent("w/threads-wchan-do_wait", 1);
  fake_unreadable(p, "wchan");
  read_once();
  not_sent("w-7/threads-wchan-*");
  not_sent("w/threads-wchan-do_wait");
  sent("w/threads-wchan-pipe_read", 1);
}

/* It keeps its groups, be it that they have nobody else: a child of the first
 * rule that the second one would name. */
static void one_that_a_scan_misses(void **state) {
  (void)state;
  fake_process(7, "parent");
  struct fake_process *child =
      fake_process(8, "w", .ppid = 7, .cmdline = "w --mail", .rss_kib = 100);
  start("<Select 'tree'>; Process 'parent'; Children true; </Select>;"
        "ProcessMatch 'w-\\\\1' 'w --([a-z]+)'");
  read_times(15);
  sent("tree-8/ps_rss", 100 * 1024);
  fake_unreadable(child, "stat");
  read_once();
  not_sent("tree-8/*");
  rmdir(fake_path(child, "stat"));
  fake_file(child, "stat", "");
  fake_update(child);
  read_times(3);
  sent("tree-8/ps_rss", 100 * 1024);
}

/* What a kernel without the feature does not have. */
static void files_that_are_not_there(void **state) {
  (void)state;
  static const char *const optional[] = {"io", "schedstat", "smaps_rollup",
                                         "wchan"};
  struct fake_process *p = fake_process(7, "w", .rss_kib = 100);
  for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
    assert_int_equal(unlink(fake_path(p, optional[i])), 0);
  start("Process 'w'; Collect 'memory' 'io' 'sched' 'pss' 'wchan'");
  read_times(3);
  sent("w-7/ps_rss", 100 * 1024);
  not_sent("w*/io_*");
  not_sent("w*/derive-*");
  not_sent("w*/bytes-pss");
  said(0, ANY_SEVERITY, "");
}

/* It ended between the listing and the look: its directory has no files. */
static void processes_that_vanish(void **state) {
  (void)state;
  struct fake_process *p[20];
  for (int i = 0; i < 20; i++)
    p[i] = fake_process(10 + i, "w");
  start("Process 'w'");
  read_once();
  for (int i = 0; i < 10; i++)
    for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
      assert_int_equal(unlink(fake_path(p[i], files[f])), 0);
  read_once();
  sent("w/ps_count", 10, 10);
  for (int i = 0; i < 20; i++)
    fake_end(p[i]);
  read_once();
  sent("w/ps_count", 0, 0);
  not_sent("w-*");
  said(0, ANY_SEVERITY, "");
}

/* Cut after stat: gone while its other files were read. */
static void processes_that_vanish_half_way(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .rss_kib = 100);
  start("Process 'w'");
  read_once();
  for (size_t f = 1; f < sizeof(files) / sizeof(files[0]); f++)
    assert_int_equal(unlink(fake_path(p, files[f])), 0);
  read_times(2);
  not_sent("w-7/ps_rss");
  said(0, ANY_SEVERITY, "");
}

/* That a service is gone is not for a failed read to say. */
static void who_cannot_be_read_is_not_gone(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .rss_kib = 100, .rchar = 10);
  fake_process(8, "v", .rss_kib = 100);
  start("Process 'w'; Process 'v'");
  read_once();
  sent("w/ps_count", 1, 1);
  fake_unreadable(p, "stat");
  read_once();
  not_sent("w/ps_count");
  not_sent("w/ps_rss");
  sent("other/ps_count", 0, 0); /* nobody else's matter */
  sent("w/io_octets", 0, 0);
  sent("w/total_events-restarts", 0);
  sent("v/ps_count", 1, 1);
  assert_int_equal(rmdir(fake_path(p, "stat")), 0);
  p->rchar += 5;
  fake_update(p);
  read_once();
  sent("w/ps_count", 1, 1);
  sent("w/io_octets", 5, 0);
  sent("w/total_events-restarts", 0);
}

static void other_things_in_proc(void **state) {
  (void)state;
  char path[4200];
  fake_process(7, "w");
  static const char *const directories[] = {"sys", "0",  "99999999999999999999",
                                            "8x",  "-5", "9"};
  for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
    snprintf(path, sizeof(path), "%s/%s", fakeproc_root(), directories[i]);
    assert_int_equal(mkdir(path, 0755), 0);
  }
  snprintf(path, sizeof(path), "%s/10", fakeproc_root());
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fclose(f);
  start("ProcessMatch 'all' '.'");
  read_times(2);
  sent("all/ps_count", 1, 1);
  sent("self/count-tasks", 1);
}

static void a_host_in_ruins(void **state) {
  (void)state;
  static const char *const of_host[] = {"loadavg",     "meminfo",
                                        "stat",        "pressure/cpu",
                                        "pressure/io", "pressure/memory"};
  char path[4200];
  fake_process(7, "w", .rss_kib = 1);
  start("Process 'w'");
  for (size_t i = 0; i < sizeof(of_host) / sizeof(of_host[0]); i++) {
    snprintf(path, sizeof(path), "%s/%s", fakeproc_root(), of_host[i]);
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
      FILE *f = fopen(path, "w");
      assert_non_null(f);
      fputs(texts[t], f);
      fclose(f);
      read_once();
      sent("w-7/ps_rss", 1024);
    }
    assert_int_equal(unlink(path), 0);
    read_once();
  }
  assert_true(host_log_count(ANY_SEVERITY, "") < 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(nonsense_in_each_file),
      TEST(a_wait_channel_that_cannot_be_read),
      TEST(one_that_a_scan_misses),
      TEST(files_that_are_not_there),
      TEST(processes_that_vanish),
      TEST(processes_that_vanish_half_way),
      TEST(who_cannot_be_read_is_not_gone),
      TEST(other_things_in_proc),
      TEST(a_host_in_ruins),
  };
  return RUN(tests);
}
