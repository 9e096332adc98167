/* SPDX-License-Identifier: MIT */
/*
 * Processes that live for some milliseconds, all between two reads: what they
 * used counts in their group, as much as the kernel tells their parent.
 */
#include "../plugin/fixture.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LIVES 200
#define READS 25 /* of a file, by each */

static double spent_us(const struct rusage *usage) {
  return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
         (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static double busy_ms(void) {
  struct timespec spent;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return (double)spent.tv_sec * 1e3 + (double)spent.tv_nsec / 1e6;
}

/* A few milliseconds of CPU time, and a known number of read calls. */
static void live(const char *name) {
  char byte;
  int zero = 0;
  prctl(PR_SET_NAME, name);
  FILE *file = fopen("/dev/zero", "re");
  if (file == NULL)
    _exit(1);
  zero = fileno(file);
  for (int i = 0; i < READS; i++)
    if (read(zero, &byte, 1) != 1)
      _exit(1);
  while (busy_ms() < 3)
    continue;
  _exit(0);
}

/* The kernel counts what has ended a grace period of RCU later. */
static void settle_down(void) {
  struct timespec pause = {.tv_nsec = 300000000};
  nanosleep(&pause, NULL);
}

/* What the children used, as wait4() says: µs. */
static double let_live(const char *name) {
  double sum = 0;
  for (int i = 0; i < LIVES; i++) {
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0)
      live(name);
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_int_equal(status, 0);
    sum += spent_us(&usage);
  }
  settle_down();
  return sum;
}

static void start_bpf(const char *options) {
  char module[PATH_MAX], text[PATH_MAX + 40];
  assert_non_null(realpath(".libs/proctrace_bpf.so", module));
  snprintf(text, sizeof(text), "Source 'bpf'; BpfModule '%s'", module);
  host_load();
  configure(text);
  configure(options);
  host_init();
  if (host_log_count(ANY_SEVERITY, "not from BPF") > 0) {
    host_log_print();
    skip();
  }
  read_times(3); /* from the third on it knows who is new */
}

static double cpu_of(const char *group) {
  char id[80];
  snprintf(id, sizeof(id), "%s/ps_cputime", group);
  return value(id) + second_value(id);
}

static void short_lives_count_in_their_group(void **state) {
  (void)state;
  start_bpf("Process 'mayfly'");
  double used = let_live("mayfly");
  read_once();
  double counted = cpu_of("mayfly");
  if (counted < used * 0.999) { /* a record may come an interval later */
    settle_down();
    read_once();
    counted = cpu_of("mayfly");
  }
  /* wait4() tells what they had before they were waited for; their very end
   * comes after that. */
  if (counted < used * 0.999 || counted > used * 1.1)
    fail_msg("they used %.0f us, %.0f were counted, %.0f lost", used, counted,
             value("self/operations-dropped_ended"));
  sent("mayfly/ps_count", 0, 0);
  read_once();
  if (cpu_of("mayfly") != counted)
    fail_msg("%.0f us, and later %.0f", counted, cpu_of("mayfly"));
}

/* They descend from us, whom a rule with Children selects; and what they read
 * is added to us when we wait for them: it counts once. */
static void descendants_and_their_reads_count_once(void **state) {
  (void)state;
  char options[120];
  snprintf(options, sizeof(options),
           "<Select 'family'>; Pid %d; Children true; </Select>",
           (int)getpid());
  start_bpf(options);
  double calls = value("family/io_ops"), cpu = cpu_of("family");
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  double used = let_live("anything");
  getrusage(RUSAGE_SELF, &after);
  used += spent_us(&after) - spent_us(&before);
  read_once();
  double counted = cpu_of("family") - cpu;
  double grown = value("family/io_ops") - calls;
  /* Our own reads are those of the plugin, a few hundred. */
  if (grown < LIVES * READS || grown > LIVES * READS + 1500)
    fail_msg("%d reads, %.0f were counted", LIVES * READS, grown);
  /* Our own CPU time is told in whole clock ticks, user and system, and was so
   * before. */
  if (counted < used * 0.999 - 40000 || counted > used * 1.2 + 100000)
    fail_msg("they used %.0f us, %.0f were counted", used, counted);
}

/* Who is in no group counts in `other`, so that sums add up. */
static void strangers_count_in_other(void **state) {
  (void)state;
  start_bpf("Process 'nobody-has-this'");
  double before = cpu_of("other");
  double used = let_live("mayfly");
  read_once();
  assert_true(cpu_of("other") - before >= used * 0.999);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(short_lives_count_in_their_group),
      TEST(descendants_and_their_reads_count_once),
      TEST(strangers_count_in_other),
  };
  return RUN(tests);
}
