/* SPDX-License-Identifier: MIT */
/*
 * Every value of /proc, exactly, for processes, groups, threads and the host.
 */
#include "fixture.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static struct fake_process *redis;

static void given_redis(void) {
  redis = fake_process(
      7, "redis-server", .state = 'R', .utime = 250, .stime = 120,
      .minflt = 900, .majflt = 9, .cminflt = 5, .rss_kib = 4096,
      .rss_peak_kib = 5000, .vm_kib = 80000, .vm_peak_kib = 90000,
      .swap_kib = 300, .pss_kib = 3500, .private_clean_kib = 100,
      .private_dirty_kib = 3000, .rchar = 10001, .wchar = 20002, .syscr = 301,
      .syscw = 402, .read_bytes = 40960, .write_bytes = 8192, .fds = 5,
      .fd_limit = 50, .voluntary = 1000, .involuntary = 33,
      .runtime = 3700000001, .wait = 5000002);
}

static void a_process(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'");
  read_once();
  sent("redis-server-7/ps_state-running", 1);
  sent("redis-server-7/ps_state-sleeping", 0);
  sent("redis-server-7/ps_state-blocked", 0);
  sent("redis-server-7/ps_state-stopped", 0);
  sent("redis-server-7/ps_state-zombies", 0);
  sent("redis-server-7/ps_state-idle", 0);
  sent("redis-server-7/ps_rss", 4096 * 1024);
  sent("redis-server-7/ps_rss-peak", 5000 * 1024);
  sent("redis-server-7/ps_vm", 80000 * 1024);
  sent("redis-server-7/ps_vm-peak", 90000 * 1024);
  sent("redis-server-7/bytes-swap", 300 * 1024);
  sent("redis-server-7/ps_cputime", 2500000, 1200000);
  sent("redis-server-7/ps_count", 1, 1);
  sent("redis-server-7/ps_pagefaults", 900, 9);
  sent("redis-server-7/contextswitch-voluntary", 1000);
  sent("redis-server-7/contextswitch-involuntary", 33);
  sent("redis-server-7/io_octets", 10001, 20002);
  sent("redis-server-7/io_ops", 301, 402);
  sent("redis-server-7/disk_octets", 40960, 8192);
  sent("redis-server-7/file_handles", 5);
  sent("redis-server-7/percent-fd_limit", 10);
  sent("redis-server-7/derive-runtime_ns", 3700000001);
  sent("redis-server-7/derive-wait_sum_ns", 5000002);
  sent_count(1, "redis-server-7/uptime");
  /* Opt-in. */
  not_sent("redis-server-7/bytes-[pu]ss");
  not_sent("redis-server-7/threads-*");
  not_sent("redis-server-7/*thread-*");
  said(0, LOG_ERR, "");
  said(0, LOG_WARNING, "");
}

static void counters_of_a_process_go_on(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'");
  read_once();
  redis->utime += 10;
  redis->minflt += 4;
  redis->rchar += 100;
  redis->read_bytes += 512;
  redis->voluntary += 3;
  redis->runtime += 7000;
  fake_update(redis);
  read_once();
  sent("redis-server-7/ps_cputime", 2600000, 1200000);
  sent("redis-server-7/ps_pagefaults", 904, 9);
  sent("redis-server-7/io_octets", 10101, 20002);
  sent("redis-server-7/disk_octets", 41472, 8192);
  sent("redis-server-7/contextswitch-voluntary", 1003);
  sent("redis-server-7/derive-runtime_ns", 3700007001);
}

/* A number that falls at the source (a bug of a kernel, another source) does
 * not make the series fall; it goes on from there. */
static void a_source_that_falls(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'");
  read_once();
  redis->utime = 200;
  redis->rchar = 1;
  fake_update(redis);
  read_once();
  sent("redis-server-7/ps_cputime", 2500000, 1200000);
  sent("redis-server-7/io_octets", 10001, 20002);
  redis->utime = 201;
  redis->rchar = 2;
  fake_update(redis);
  read_once();
  sent("redis-server-7/ps_cputime", 2510000, 1200000);
  sent("redis-server-7/io_octets", 10002, 20002);
}

static void meta_data(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'; Collect 'state' 'cpu' 'wchan'");
  read_once();
  const char *id = "redis-server-7/ps_state-running";
  sent_meta(id, "pid", "7");
  /* Seconds since the epoch: 7 after the boot. */
  sent_meta(id, "start_time", "1700000007");
  sent_meta(id, "state", "R");
  sent_meta(id, "source", "procfs");
  sent_meta(id, "cmd", "redis-server");
  const struct series *other = series_find("redis-server-7/ps_cputime");
  assert_non_null(other);
  assert_null(series_meta(other, "proctrace:pid"));
}

/* It holds passwords often enough: only on request, and bounded. */
static void the_command_line_on_request(void **state) {
  (void)state;
  char cmdline[1000] = "server --password x\n";
  memset(cmdline + strlen(cmdline), 'y', 900);
  redis = fake_process(7, "server", .cmdline = cmdline);
  start("Process 'server'");
  read_once();
  sent_meta("server-7/ps_state-running", "cmd", "server");
  host_stop();
  start("Process 'server'; CommandLine true");
  read_once();
  cmdline[19] = '?';
  cmdline[400] = '\0';
  sent_meta("server-7/ps_state-running", "cmd", cmdline);
}

/* A writer of JSON puts a backslash before each: 500 bytes in all. */
static void a_command_line_of_quotes(void **state) {
  (void)state;
  char cmdline[1000] = "";
  memset(cmdline, '"', 300);
  redis = fake_process(7, "server", .cmdline = cmdline);
  start("Process 'server'; CommandLine true");
  read_once();
  cmdline[250] = '\0';
  sent_meta("server-7/ps_state-running", "cmd", cmdline);
}

static void at_most_so_many_threads(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "many");
  for (int i = 0; i < 9; i++)
    fake_thread(p, 10 + i, "t", .voluntary = 1);
  start("Process 'many'; PerThread true; MaxThreads 4");
  read_times(2);
  sent_count(4, "many-7/contextswitch-thread-*-voluntary");
  sent("self/operations-dropped_max_threads", 12);
  said(1, LOG_WARNING, "more threads than MaxThreads");
  sent("many-7/contextswitch-voluntary", 9);
}

static void uptime_in_seconds(void **state) {
  (void)state;
  struct timespec boot;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  if (boot.tv_sec < 60)
    skip();
  uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
  fake_process(7, "redis-server",
               .starttime = (uint64_t)(boot.tv_sec - 50) * hz);
  start("Process 'redis-server'");
  read_once();
  double uptime = value("redis-server-7/uptime");
  assert_in_range((uint64_t)uptime, 49, 60);
}

static void states_of_all_threads(void **state) {
  (void)state;
  static const char letters[] = "RRSDTtZIP";
  struct fake_process *p = fake_process(7, "many", .state = 'S');
  for (int i = 0; letters[i]; i++)
    fake_thread(p, 10 + i, "t", .state = letters[i]);
  start("Process 'many'");
  read_once();
  sent("many-7/ps_state-running", 2);
  sent("many-7/ps_state-sleeping", 2);
  sent("many-7/ps_state-blocked", 1);
  sent("many-7/ps_state-stopped", 2);
  sent("many-7/ps_state-zombies", 1);
  sent("many-7/ps_state-idle", 2);
  sent("many-7/ps_count", 1, 10);
  sent("many/ps_state-running", 2);
  sent("many/ps_count", 1, 10);
}

static void sums_over_threads(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "many", .utime = 100, .voluntary = 10, .involuntary = 1,
                   .runtime = 1000, .wait = 100);
  fake_thread(p, 8, "a", .utime = 30, .voluntary = 20, .involuntary = 2,
              .runtime = 2000, .wait = 200);
  fake_thread(p, 9, "b", .utime = 40, .voluntary = 30, .involuntary = 4,
              .runtime = 4000, .wait = 400);
  start("Process 'many'");
  read_once();
  sent("many-7/contextswitch-voluntary", 60);
  sent("many-7/contextswitch-involuntary", 7);
  sent("many-7/derive-runtime_ns", 7000);
  sent("many-7/derive-wait_sum_ns", 700);
  sent("many-7/ps_cputime", 1000000, 0);
}

static void a_thread_that_ends_takes_nothing_away(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "many", .utime = 100, .runtime = 5, .voluntary = 10);
  struct fake_thread *t =
      fake_thread(p, 8, "a", .utime = 30, .runtime = 2000, .voluntary = 20);
  start("Process 'many'; PerThread true");
  read_once();
  sent("many-7/contextswitch-voluntary", 30);
  fake_thread_end(t);
  read_once();
  sent("many-7/contextswitch-voluntary", 30);
  sent("many-7/derive-runtime_ns", 2005);
  sent("many-7/ps_cputime", 1000000, 0);
  sent("many-7/ps_count", 1, 1);
  sent("many/contextswitch-voluntary", 0);
  p->voluntary += 1;
  fake_update(p);
  /* Another thread with the same number: it starts at 0. */
  series_may_fall("*-thread-a-8*");
  fake_thread(p, 8, "a", .voluntary = 3);
  read_once();
  sent("many-7/contextswitch-voluntary", 34);
  sent("many/contextswitch-voluntary", 4);
}

static void threads_on_request(void **state) {
  (void)state;
  struct fake_process *p = fake_process(
      7, "many", .utime = 100, .stime = 50, .minflt = 70, .voluntary = 10,
      .involuntary = 1, .runtime = 1000, .wait = 100);
  fake_thread(p, 8, "io thd", .state = 'D', .utime = 30, .stime = 20,
              .minflt = 7, .majflt = 0, .voluntary = 20, .involuntary = 2,
              .runtime = 2000, .wait = 200);
  start("Process 'many'; PerThread true");
  read_once();
  sent("many-7/ps_state-thread-io_thd-8-blocked", 1);
  sent("many-7/ps_state-thread-io_thd-8-running", 0);
  sent("many-7/ps_cputime-thread-io_thd-8", 300000, 200000);
  sent("many-7/ps_pagefaults-thread-io_thd-8", 7, 0);
  sent("many-7/contextswitch-thread-io_thd-8-voluntary", 20);
  sent("many-7/contextswitch-thread-io_thd-8-involuntary", 2);
  sent("many-7/derive-thread-io_thd-8-runtime_ns", 2000);
  sent("many-7/derive-thread-io_thd-8-wait_sum_ns", 200);
  sent("many-7/ps_cputime-thread-many-7", 700000, 300000);
  sent("many-7/derive-thread-many-7-runtime_ns", 1000);
  /* What is the process's is not said of a thread. */
  not_sent("many-7/ps_rss-*thread-*");
  not_sent("many-7/file_handles-thread-*");
}

static void wait_channels_on_request(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "many", .wchan = "do_epoll_wait");
  fake_thread(p, 8, "a", .wchan = "futex_wait_queue");
  fake_thread(p, 9, "b", .wchan = "futex_wait_queue");
  fake_thread(p, 10, "c", .state = 'D', .wchan = "odd.isra.0");
  fake_thread(p, 11, "d", .state = 'R');
  start("Process 'many'; Collect 'state' 'wchan'");
  read_once();
  sent("many-7/threads-wchan-do_epoll_wait", 1);
  sent("many-7/threads-wchan-futex_wait_queue", 2);
  sent("many-7/threads-wchan-odd_isra_0", 1);
  sent_count(3, "many-7/threads-wchan-*");
  sent("many/threads-wchan-futex_wait_queue", 2);
  /* The one where most of them sleep. */
  sent_meta("many-7/ps_state-running", "wchan", "futex_wait_queue");
}

static void a_wait_channel_that_empties_stays_a_while(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .wchan = "do_epoll_wait");
  start("Process 'w'; Collect 'wchan'");
  read_once();
  sent("w-7/threads-wchan-do_epoll_wait", 1);
  p->wchan = "pipe_read";
  fake_update(p);
  for (int i = 0; i < 10; i++) {
    read_once();
    sent("w-7/threads-wchan-do_epoll_wait", 0);
    sent("w-7/threads-wchan-pipe_read", 1);
  }
  read_times(2);
  not_sent("w*/threads-wchan-do_epoll_wait");
}

static void only_what_is_asked_for(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'; Collect 'memory'");
  read_once();
  sent("redis-server-7/ps_rss", 4096 * 1024);
  sent("redis-server-7/ps_vm-peak", 90000 * 1024);
  not_sent("redis-server-7/io_*");
  not_sent("redis-server-7/disk_octets");
  not_sent("redis-server-7/contextswitch-*");
  not_sent("redis-server-7/derive-*");
  not_sent("redis-server-7/file_handles");
  not_sent("redis-server-7/ps_cputime");
}

static void a_group_is_the_sum(void **state) {
  (void)state;
  struct fake_process *a =
      fake_process(7, "work", .utime = 100, .rss_kib = 1000, .vm_kib = 5000,
                   .fds = 3, .fd_limit = 10, .voluntary = 5, .runtime = 11,
                   .rchar = 1000, .read_bytes = 100, .minflt = 1);
  fake_process(8, "work", .utime = 200, .rss_kib = 2000, .vm_kib = 6000,
               .fds = 4, .fd_limit = 10, .voluntary = 6, .runtime = 22,
               .rchar = 2000, .state = 'R');
  start("Process 'work'");
  read_once();
  sent("work/ps_count", 2, 2);
  sent("work/ps_rss", 3000 * 1024);
  sent("work/ps_vm", 11000 * 1024);
  sent("work/file_handles", 7);
  sent("work/ps_state-running", 1);
  sent("work/ps_state-sleeping", 1);
  /* A group's counters start when we do. */
  sent("work/ps_cputime", 0, 0);
  sent("work/io_octets", 0, 0);
  sent("work/derive-runtime_ns", 0);
  a->utime += 50;
  a->rchar += 10;
  a->read_bytes += 20;
  a->voluntary += 2;
  a->runtime += 9;
  a->minflt += 6;
  fake_update(a);
  read_once();
  sent("work/ps_cputime", 500000, 0);
  sent("work/io_octets", 10, 0);
  sent("work/disk_octets", 20, 0);
  sent("work/contextswitch-voluntary", 2);
  sent("work/derive-runtime_ns", 9);
  sent("work/ps_pagefaults", 6, 0);
}

static void the_host(void **state) {
  (void)state;
  fake_host = (struct fake_host){
      .load = {1.5, 0.75, 0.25},
      .memory_total_kib = 16000000,
      .memory_available_kib = 12000000,
      .swap_total_kib = 2000000,
      .swap_free_kib = 1500000,
      .uptime = 10000,
      .cpu = {.some_avg10 = 12.5, .some_us = 1000},
      .io = {.some_avg10 = 3.25, .full_avg10 = 1.5, .some_us = 7, .full_us = 5},
      .memory = {.some_avg10 = 0.5, .full_avg10 = 0.25, .some_us = 3}};
  fake_host_update();
  start("");
  read_once();
  sent("host/load", 1.5, 0.75, 0.25);
  sent("host/memory-total", 16000000.0 * 1024);
  sent("host/memory-available", 12000000.0 * 1024);
  sent("host/swap-used", 500000.0 * 1024);
  sent("host/count-cpus", FAKE_CPUS);
  sent("host/timestamp-boot", FAKE_BOOT_TIME);
  sent("host/percent-pressure_cpu_some", 12.5);
  sent("host/percent-pressure_io_some", 3.25);
  sent("host/percent-pressure_io_full", 1.5);
  sent("host/percent-pressure_memory_some", 0.5);
  sent("host/percent-pressure_memory_full", 0.25);
  sent("host/derive-pressure_cpu_some_us", 1000);
  sent("host/derive-pressure_io_some_us", 7);
  sent("host/derive-pressure_io_full_us", 5);
  sent("host/derive-pressure_memory_some_us", 3);
}

static void a_host_without_pressure_and_swap(void **state) {
  (void)state;
  char path[4200];
  static const char *const files[] = {"cpu", "io", "memory"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof(path), "%s/pressure/%s", fakeproc_root(), files[i]);
    assert_int_equal(unlink(path), 0);
  }
  start("");
  read_times(2);
  not_sent("host/*pressure*");
  sent("host/swap-used", 0);
  said(0, LOG_ERR, "");
}

static void self(void **state) {
  (void)state;
  given_redis();
  fake_process(8, "bash");
  start("Process 'redis-server'");
  read_times(2);
  assert_true(value("self/duration-read") >= 0);
  sent("self/count-tasks", 2);
  sent("self/count-watched", 1);
  sent("self/gauge-source_procfs", 1);
  assert_true(value("self/count-series") >= 20);
}

static void count_series_is_what_was_sent(void **state) {
  (void)state;
  given_redis();
  fake_process(8, "bash");
  start("Process 'redis-server'; PerThread true");
  read_times(3);
  double all = series_each("*", NULL, NULL);
  double ours = series_each("self/*", NULL, NULL);
  double said_so = value("self/count-series");
  assert_true(said_so <= all && said_so >= all - ours);
}

static void kernel_threads_have_no_memory(void **state) {
  (void)state;
  fake_process(2, "kthreadd", .kernel_thread = true, .voluntary = 4,
               .stime = 3);
  fake_process(30, "kworker/0:1-eve", .kernel_thread = true, .state = 'I');
  start("Process 'kthreadd'; ProcessMatch 'kw' 'kworker'");
  read_once();
  sent("kthreadd-2/ps_cputime", 0, 30000);
  sent("kthreadd-2/contextswitch-voluntary", 4);
  not_sent("kthreadd-2/ps_rss*");
  not_sent("kthreadd-2/ps_vm*");
  not_sent("kthreadd-2/bytes-swap");
  sent("kw/ps_state-idle", 1);
  said(0, LOG_WARNING, "");
}

static void zombies_have_no_memory(void **state) {
  (void)state;
  fake_process(7, "defunct", .state = 'Z', .utime = 5);
  start("Process 'defunct'");
  read_once();
  sent("defunct-7/ps_state-zombies", 1);
  sent("defunct-7/ps_cputime", 50000, 0);
  sent("defunct-7/ps_count", 1, 1);
  not_sent("defunct-7/ps_rss*");
  not_sent("defunct-7/ps_vm*");
  said(0, LOG_WARNING, "");
}

static void a_leader_that_has_gone(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "headless", .cmdline = "headless --serve", .state = 'Z',
                   .rss_kib = 1000, .rss_peak_kib = 1100, .vm_kib = 7000,
                   .vm_peak_kib = 8000, .fds = 4, .fd_limit = 40, .rchar = 12,
                   .voluntary = 3);
  fake_thread(p, 8, "worker", .voluntary = 4);
  start("ProcessMatch 'found' 'headless --serve'");
  read_once();
  sent("found-7/ps_rss", 1000 * 1024);
  sent("found-7/ps_rss-peak", 1100 * 1024);
  sent("found-7/ps_vm", 7000 * 1024);
  sent("found-7/ps_vm-peak", 8000 * 1024);
  sent("found-7/file_handles", 4);
  sent("found-7/percent-fd_limit", 10);
  sent("found-7/io_octets", 12, 0);
  sent("found-7/ps_state-zombies", 1);
  sent("found-7/ps_state-sleeping", 1);
  sent("found-7/contextswitch-voluntary", 7);
}

static void huge_numbers(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "big", .rss_kib = 1ull << 40, .runtime = 1ull << 52);
  start("Process 'big'");
  read_once();
  sent("big-7/ps_rss", (double)(1ull << 50));
  sent("big-7/derive-runtime_ns", (double)(1ull << 52));
  p->runtime += 5;
  fake_update(p);
  read_once();
  sent("big-7/derive-runtime_ns", (double)(1ull << 52) + 5);
}

static void unlimited_files_have_no_percent(void **state) {
  (void)state;
  fake_process(7, "free", .fds = 3);
  start("Process 'free'");
  read_once();
  sent("free-7/file_handles", 3);
  not_sent("free-7/percent-fd_limit");
}

static void odd_commands(void **state) {
  (void)state;
  static const struct {
    pid_t pid;
    const char *comm, *name;
  } odd[] = {
      {11, ") R 1 (", "__R_1__"},
      {12, "a b", "a_b"},
      {13, "new\nline", "new_line"},
      {14, "\xc3\xa4\xc3\xb6", "____"},
      {15, "(sd-pam)", "_sd-pam_"},
      {16, "a/b:c.d", "a_b_c_d"},
      {17, "x;y=z,\"q'\\", "x_y_z__q__"},
      {18, "+@_-", "+@_-"},
      {19, "host", "host"},
      {20, "self", "self"},
  };
  char id[128];
  size_t n = sizeof(odd) / sizeof(odd[0]);
  for (size_t i = 0; i < n; i++)
    fake_process(odd[i].pid, odd[i].comm, .utime = (uint64_t)odd[i].pid);
  start("<Top 'busy'>;Count 30;By 'cpu';</Top>");
  read_times(2);
  for (size_t i = 0; i < n; i++) {
    snprintf(id, sizeof(id), "%s-%d/ps_cputime", odd[i].name, odd[i].pid);
    sent(id, odd[i].pid * 10000.0, 0);
  }
}

static void an_empty_command(void **state) {
  (void)state;
  fake_process(7, "", .utime = 3);
  start("<Top 'busy'>;Count 5;By 'cpu';</Top>");
  read_times(2);
  /* The name is not promised; that it is one, and ends in the PID, is. */
  sent_count(1, "?*-7/ps_cputime");
}

static void pss_has_an_interval_of_its_own(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'; Collect 'memory' 'pss'; PssInterval 30");
  read_once();
  unsigned sent_so_often = 0;
  for (int i = 0; i < 9; i++) {
    read_once();
    const struct series *pss = series_find("redis-server-7/bytes-pss");
    if (!pss)
      continue;
    sent_so_often++;
    sent("redis-server-7/bytes-pss", 3500 * 1024);
    sent("redis-server-7/bytes-uss", 3100 * 1024);
    assert_true(CDTIME_T_TO_DOUBLE(pss->interval) == 30);
  }
  assert_int_equal(sent_so_often, 3);
}

/* Three a read: nine of them are known after the third, and told together. */
static void pss_has_a_budget(void **state) {
  (void)state;
  for (int i = 0; i < 9; i++)
    fake_process(10 + i, "work", .pss_kib = 100);
  start("Process 'work'; Collect 'pss'; PssInterval 30; PssBudget 3");
  read_times(2);
  not_sent("*/bytes-pss");
  read_once();
  sent_count(9, "work-*/bytes-pss");
  sent("work/bytes-pss", 900 * 1024);
}

/* More new ones each time than the budget: those that stay are still told. */
static void pss_in_a_crowd_that_changes(void **state) {
  (void)state;
  struct fake_process *crowd[6] = {NULL};
  fake_process(7, "stays", .pss_kib = 100);
  start("ProcessMatch 'all' '.'; Collect 'pss'; PssInterval 10; PssBudget 3");
  unsigned told = 0;
  for (int read = 0; read < 12; read++) {
    for (int i = 0; i < 6; i++) {
      if (crowd[i])
        fake_end(crowd[i]);
      crowd[i] = fake_process(100 + read * 10 + i, "crowd", .pss_kib = 1,
                              .starttime = fake_now());
    }
    read_once();
    told += series_find("all-7/bytes-pss") != NULL;
  }
  assert_true(told > 0);
}

static void without_processes_groups_threads(void **state) {
  (void)state;
  given_redis();
  start("Process 'redis-server'; PerProcess false");
  read_once();
  not_sent("redis-server-7/*");
  sent("redis-server/ps_rss", 4096 * 1024);
  host_stop();
  start("Process 'redis-server'; PerGroup false");
  read_once();
  not_sent("redis-server/*");
  sent("redis-server-7/ps_rss", 4096 * 1024);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_process),
      TEST(counters_of_a_process_go_on),
      TEST(a_source_that_falls),
      TEST(meta_data),
      TEST(the_command_line_on_request),
      TEST(a_command_line_of_quotes),
      TEST(at_most_so_many_threads),
      TEST(uptime_in_seconds),
      TEST(states_of_all_threads),
      TEST(sums_over_threads),
      TEST(a_thread_that_ends_takes_nothing_away),
      TEST(threads_on_request),
      TEST(wait_channels_on_request),
      TEST(a_wait_channel_that_empties_stays_a_while),
      TEST(only_what_is_asked_for),
      TEST(a_group_is_the_sum),
      TEST(the_host),
      TEST(a_host_without_pressure_and_swap),
      TEST(self),
      TEST(count_series_is_what_was_sent),
      TEST(kernel_threads_have_no_memory),
      TEST(zombies_have_no_memory),
      TEST(a_leader_that_has_gone),
      TEST(huge_numbers),
      TEST(unlimited_files_have_no_percent),
      TEST(odd_commands),
      TEST(an_empty_command),
      TEST(pss_has_an_interval_of_its_own),
      TEST(pss_has_a_budget),
      TEST(pss_in_a_crowd_that_changes),
      TEST(without_processes_groups_threads),
  };
  return RUN(tests);
}
