/* SPDX-License-Identifier: MIT */
/*
 * The probes of system calls, against programs that know how many they make:
 * equal to the last one.
 */
#include "probed.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#define SYSCALLS "<Probe 'syscall'>; Names 64; </Probe>"
#define NO_SUCH_CALL 500  /* a number that has room, and no call */
#define BEYOND_ALL 100000 /* one that has none */

static void of_one_thread(void **state) {
  (void)state;
  struct worker *w =
      given("calls thread 1 %d:5000 %d:777 -1:50", SYS_getsid, SYS_getpgid);
  watch(SYSCALLS);
  sent(of(w, "operations-syscalls"), 0);
  const double *said = round_of(w);
  assert_true(said[0] == 5000 + 777 + 2);
  counted(of(w, "operations-syscalls"), said[0]);
  sent(of(w, "operations-syscall_getsid"), 5000);
  sent(of(w, "operations-syscall_getpgid"), 777);
  sent(of(w, "operations-syscall_write"), 1);
  not_sent("*/operations-syscalls_compat");
  counted(of_group("operations-syscalls"), said[0]);
  /* A second round is as much again. */
  round_of(w);
  counted(of(w, "operations-syscalls"), 2 * said[0]);
  sent(of(w, "operations-syscall_getsid"), 10000);
  /* The read in which it waited for the first round began before we came. */
  sent(of(w, "operations-syscall_read"), 2);
  sent(of(w, "operations-syscall_write"), 2);
}

/* On all CPUs at a time, whether each has a shard of its own or not. */
static void four_threads(const char *options) {
  struct worker *w = given("calls thread 4 %d:20000", SYS_getsid);
  char text[300];
  snprintf(text, sizeof(text), "%s; %s", SYSCALLS, options);
  watch(text);
  const double *said = round_of(w);
  assert_true(said[0] > 10 * 20000);
  counted(of(w, "operations-syscalls"), said[0]);
  counted(of(w, "operations-syscall_getsid"), 10 * 20000);
  counted(of_group("operations-syscalls"), said[0]);
}

static void of_four_threads(void **state) {
  (void)state;
  four_threads("");
}

/* So little memory that slots are left out, after all shards but one were. */
static void of_four_threads_in_one_shard(void **state) {
  (void)state;
  four_threads("ProbeMemory 1");
  said(1, LOG_WARNING, "1 MiB (ProbeMemory");
}

static void of_processes_apart(void **state) {
  (void)state;
  struct worker *w =
      given("calls process 4 %d:1000 %d:10", SYS_getsid, SYS_getpgid);
  pid_t pids[4] = {w->pid};
  char rules[400];
  for (int i = 1; i < 4; i++)
    pids[i] = (pid_t)w->numbers[i - 1];
  snprintf(rules, sizeof(rules),
           "<Select 'w'>; Pid %d; </Select>; <Select 'w'>; Pid %d; </Select>;"
           "<Select 'w'>; Pid %d; </Select>; <Select 'w'>; Pid %d; </Select>",
           pids[0], pids[1], pids[2], pids[3]);
  watch_by(rules, SYSCALLS);
  const double *said = round_of(w);
  for (int i = 0; i < 4; i++)
    counted(of_pid(pids[i], "operations-syscalls"), said[1 + i]);
  for (int i = 0; i < 4; i++)
    counted(of_pid(pids[i], "operations-syscall_getpgid"), 10 * (i + 1));
  counted(of_group("operations-syscalls"), said[0]);
}

static void of_nobody_else(void **state) {
  (void)state;
  struct worker *w = given("calls thread 1 %d:10", SYS_getsid);
  watch(SYSCALLS "; <Probe 'mmap'>; </Probe>");
  struct worker *stranger = given("calls thread 4 %d:10000", SYS_getsid);
  round_of(stranger);
  read_times(2);
  sent(of(w, "operations-syscalls"), 0);
  sent(of_group("operations-syscalls"), 0);
  sent(of_group("operations-mmap"), 0);
  not_sent(of(stranger, "*"));
}

static void of_unknown_numbers(void **state) {
  (void)state;
  struct worker *w =
      given("calls thread 2 %d:30 %d:40", NO_SUCH_CALL, BEYOND_ALL);
  watch(SYSCALLS);
  const double *said = round_of(w);
  counted(of(w, "operations-syscalls"), said[0]);
  sent(of(w, "operations-syscall_nr500"), 3 * 30);
  sent(of(w, "operations-syscall_other"), 3 * 40);
}

static void of_32_bit_calls(void **state) {
  (void)state;
  struct worker *w = given("calls thread 2 %d:100 compat:25", SYS_getsid);
  watch(SYSCALLS);
  const double *said = round_of(w);
  counted(of(w, "operations-syscalls_compat"), 3 * 25);
  counted(of(w, "operations-syscalls"), said[0]);
  sent(of(w, "operations-syscall_getsid"), 3 * 100);
}

/* Whatever it calls: another one counts them as well. */
static void as_ptrace_counts_them(void **state) {
  (void)state;
  struct worker *w =
      given("traced find /etc -maxdepth 1 -name h* -exec true ;");
  char rule[100];
  snprintf(rule, sizeof(rule), "<Select 'w'>; Pid %d; Children true; </Select>",
           (int)w->numbers[0]);
  wait_until_asleep((pid_t)w->numbers[0]);
  watch_by(rule, SYSCALLS);
  const double *said = round_of(w);
  assert_true(said[0] > 100);
  counted(of_group("operations-syscalls"), said[0]);
}

/* --- mmap --- */

static void mmaps(const char *options) {
  struct worker *w = given("mmaps 3000 123457");
  watch(options);
  const double *said = round_of(w);
  counted(of(w, "operations-mmap"), said[1]);
  sent(of(w, "total_bytes-mmap"), said[2]);
  sent(of_group("operations-mmap"), said[1]);
  sent(of_group("total_bytes-mmap"), said[2]);
}

static void of_mmap_alone(void **state) {
  (void)state;
  mmaps("Probe 'mmap'");
  not_sent("*/operations-syscall*");
}

static void of_mmap_beside_all(void **state) {
  (void)state;
  mmaps("Probe 'mmap';" SYSCALLS);
  sent_count(1, "w-*/operations-syscall_mmap");
  assert_true(value(of_group("operations-syscall_mmap")) ==
              value(of_group("operations-mmap")));
  assert_true(value(of_group("operations-syscall_munmap")) ==
              value(of_group("operations-mmap")));
}

/* --- options --- */

static void without_latency(void **state) {
  (void)state;
  struct worker *w = given("calls thread 4 %d:1000", SYS_getsid);
  watch("<Probe 'syscall'>; Latency false; </Probe>");
  const double *said = round_of(w);
  counted(of(w, "operations-syscalls"), said[0]);
  counted(of(w, "operations-syscall_getsid"), 10 * 1000);
  not_sent("*/latency-*");
  not_sent("*/derive-syscall*");
}

/* The host's sum has everybody, whether watched or not. */
static void of_the_host(void **state) {
  (void)state;
  struct worker *w = given("calls thread 2 %d:1000", SYS_getsid);
  watch("<Probe 'syscall'>; Names 64; Host true; </Probe>");
  double before = value("host/operations-syscalls");
  struct worker *stranger = given("calls thread 1 %d:5000", SYS_getsid);
  const double *said = round_of(w);
  double both = said[0] + round_of(stranger)[0];
  counted(of(w, "operations-syscalls"), said[0]);
  within(both, value("host/operations-syscalls") - before, 1e9,
         "calls of the host");
  within(1e-9, value("host/latency-syscall-p50"), 60, "their latency");
}

static void of_all_probes_together(void **state) {
  (void)state;
  struct worker *calls = given("calls thread 4 %d:1000", SYS_getsid);
  struct worker *maps = given("mmaps 100 4096");
  struct worker *sleeps = given("sleeps 50 100 1000");
  watch("Probe 'syscall'; Probe 'runqueue'; Probe 'blockio'; "
        "Probe 'tcpconnect'; Probe 'mmap'");
  static const char *const probes[] = {"syscall", "runqueue", "blockio",
                                       "tcpconnect", "mmap"};
  for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
    char id[60];
    snprintf(id, sizeof(id), "self/gauge-probe_%s", probes[i]);
    sent(id, 1);
  }
  double said = round_of(calls)[0];
  const double *said_maps = round_of(maps);
  round_of(sleeps);
  counted(of(calls, "operations-syscalls"), said);
  counted(of(maps, "operations-syscalls"), said_maps[0]);
  counted(of(maps, "operations-mmap"), said_maps[1]);
  sent(of(calls, "operations-mmap"), 0);
  within(40, value(of(sleeps, "total_events-wakeups")), 60, "wakeups");
  sent(of(calls, "total_connections-established"), 0);
  sent(of(calls, "operations-blockio_read"), 0);
  said_at(__FILE__, __LINE__, 0, LOG_ERR, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PROBE_TEST(of_one_thread),
      PROBE_TEST(of_four_threads),
      PROBE_TEST(of_four_threads_in_one_shard),
      PROBE_TEST(of_processes_apart),
      PROBE_TEST(of_nobody_else),
      PROBE_TEST(of_unknown_numbers),
      PROBE_TEST(of_32_bit_calls),
      PROBE_TEST(as_ptrace_counts_them),
      PROBE_TEST(of_mmap_alone),
      PROBE_TEST(of_mmap_beside_all),
      PROBE_TEST(without_latency),
      PROBE_TEST(of_the_host),
      PROBE_TEST(of_all_probes_together),
  };
  return RUN(tests);
}
