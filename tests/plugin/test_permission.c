/* SPDX-License-Identifier: MIT */
/*
 * As a user without rights: what can't be read is not sent, said once and
 * counted; all else arrives.
 */
#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

enum { PROCESSES = 3 };
static struct fake_process *p[PROCESSES];

static void given_processes(void) {
  for (int i = 0; i < PROCESSES; i++)
    p[i] = fake_process(7 + i, "w", .rss_kib = 100, .pss_kib = 50, .fds = 3,
                        .fd_limit = 30, .rchar = 10, .wchan = "do_wait");
}

static void set_mode(const char *name, mode_t mode) {
  if (geteuid()) /* we could not remove them ourselves */
    skip();
  for (int i = 0; i < PROCESSES; i++)
    assert_int_equal(chmod(fake_path(p[i], name), mode), 0);
}

static void io_of_others(void **state) {
  (void)state;
  given_processes();
  set_mode("io", 0);
  start("Process 'w'");
  become_unprivileged();
  read_times(3);
  not_sent("w*/io_*");
  not_sent("w*/disk_octets");
  sent("w-7/ps_rss", 100 * 1024);
  sent("w-7/file_handles", 3);
  sent("w-7/percent-fd_limit", 10);
  sent_count(1, "w-7/contextswitch-voluntary");
  sent("self/count-unreadable_io", PROCESSES);
  said(1, ANY_SEVERITY, "CAP_SYS_PTRACE");
  said(1, ANY_SEVERITY, "");
}

static void io_of_one_of_them(void **state) {
  (void)state;
  given_processes();
  assert_int_equal(chmod(fake_path(p[1], "io"), 0), 0);
  start("Process 'w'");
  become_unprivileged();
  read_times(2);
  sent("w-7/io_octets", 10, 0);
  not_sent("w-8/io_octets");
  sent("w-9/io_octets", 10, 0);
  sent_count(1, "w/io_octets");
  sent("self/count-unreadable_io", 1);
}

/* The right is given while we run; a counter that begins then has no past. */
static void io_that_becomes_readable(void **state) {
  (void)state;
  given_processes();
  set_mode("io", 0);
  start("Process 'w'");
  become_unprivileged();
  read_times(2);
  assert_int_equal(seteuid(0), 0);
  read_once();
  sent("w-7/io_octets", 10, 0);
  sent("w/io_octets", 0, 0);
  sent("self/count-unreadable_io", 0);
}

static void files_of_others(void **state) {
  (void)state;
  given_processes();
  set_mode("fd", 0);
  start("Process 'w'");
  become_unprivileged();
  read_times(3);
  not_sent("w*/file_handles");
  not_sent("w*/percent-fd_limit");
  sent("w-7/io_octets", 10, 0);
  sent("self/count-unreadable_files", PROCESSES);
  said(1, ANY_SEVERITY, "");
}

static void wait_channels_and_executables_of_others(void **state) {
  (void)state;
  given_processes();
  for (int i = 0; i < PROCESSES; i++) {
    p[i]->untraceable = true;
    fake_update(p[i]);
  }
  fake_process(6, "other", .untraceable = true);
  start("Process 'w'; <Select 'e'>; Executable '/usr/bin/e'; </Select>;"
        "Collect 'state' 'wchan'");
  read_once(); /* looks at all of them */
  sent("self/count-unreadable_executable", 1);
  read_times(2);
  sent("w/ps_count", PROCESSES, PROCESSES);
  not_sent("w*/threads-wchan-*");
  sent("self/count-unreadable_wchan", PROCESSES);
  said(1, ANY_SEVERITY, "wait channel");
  said(1, ANY_SEVERITY, "executable");
  said(2, ANY_SEVERITY, "CAP_SYS_PTRACE");
}

/* A thread that is taken off its CPU on its way to sleep has none yet.  Where
 * its exe leads to can be seen: no right is missing. */
static void sleepers_without_a_wait_channel(void **state) {
  (void)state;
  fake_process(7, "w", .state = 'S', .wchan = "0");
  start("Process 'w'; Collect 'state' 'wchan'");
  read_times(2);
  sent("w-7/ps_state-sleeping", 1);
  not_sent("w*/threads-wchan-*");
  sent("self/count-unreadable_wchan", 0);
  said(0, ANY_SEVERITY, "");
}

static void running_threads_have_no_wait_channel(void **state) {
  (void)state;
  fake_process(7, "w", .state = 'R', .wchan = "0");
  start("Process 'w'; Collect 'state' 'wchan'");
  read_times(2);
  not_sent("w*/threads-wchan-*");
  sent("self/count-unreadable_wchan", 0);
  said(0, ANY_SEVERITY, "");
}

static void pss_of_others(void **state) {
  (void)state;
  given_processes();
  set_mode("smaps_rollup", 0);
  start("Process 'w'; Collect 'memory' 'pss'; PssInterval 10");
  become_unprivileged();
  read_times(3);
  not_sent("w*/bytes-pss");
  not_sent("w*/bytes-uss");
  sent("w-7/ps_rss", 100 * 1024);
  sent("self/count-unreadable_pss", PROCESSES);
  said(1, ANY_SEVERITY, "CAP_SYS_PTRACE");
}

static void nothing_is_said_with_all_rights(void **state) {
  (void)state;
  given_processes();
  start("Process 'w'; Collect 'state' 'io' 'files' 'wchan' 'pss'");
  read_times(3);
  sent("self/count-unreadable_io", 0);
  said(0, ANY_SEVERITY, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(io_of_others),
      TEST(io_of_one_of_them),
      TEST(io_that_becomes_readable),
      TEST(files_of_others),
      TEST(wait_channels_and_executables_of_others),
      TEST(sleepers_without_a_wait_channel),
      TEST(running_threads_have_no_wait_channel),
      TEST(pss_of_others),
      TEST(nothing_is_said_with_all_rights),
  };
  return RUN(tests);
}
