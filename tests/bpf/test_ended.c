/* SPDX-License-Identifier: MIT */
/*
 * Processes that live for some milliseconds, all between two reads: what they
 * used counts in their group, as much as the kernel tells their parent.
 */
#include "../plugin/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

/* From the third read on it knows who is new. */
static void begin(const char *options) {
  start_bpf(BPF_MODULE, options, "");
  read_times(3);
}

/* 0 for a group that has had nobody yet. */
static double cpu_of(const char *group) {
  char id[80];
  snprintf(id, sizeof(id), "%s/ps_cputime", group);
  return series_find(id) == NULL ? 0 : value(id) + second_value(id);
}

/*
 * One round of lives.  wait4() tells what they had before they were waited for;
 * their very end comes after that.  Our own CPU time, if we are in the group,
 * is told in whole clock ticks, user and system, and was so before.
 *
 * Where a virtual machine's own program is interrupted by the end of a grace
 * period no BPF program may run, and the record is missing: so one round of
 * several has to be whole, and none may have too much.
 */
static bool is_whole_round(const char *group) {
  double before = cpu_of(group);
  struct rusage begin, end;
  getrusage(RUSAGE_SELF, &begin);
  double used = let_live("mayfly");
  read_once();
  settle_down();
  read_once(); /* a record may come an interval later */
  getrusage(RUSAGE_SELF, &end);
  double own = spent_us(&end) - spent_us(&begin);
  double counted = cpu_of(group) - before;
  if (counted < used * 0.8 || counted > used * 1.1 + own + 100000)
    fail_msg("they used %.0f us, %.0f were counted", used, counted);
  return counted >= used * 0.999;
}

static void one_round_is_whole(const char *group) {
  for (int i = 0; i < 8; i++)
    if (is_whole_round(group))
      return;
  fail_msg("of %d lives some are missing each time", LIVES);
}

static void short_lives_count_in_their_group(void **state) {
  (void)state;
  begin("Process 'mayfly'");
  one_round_is_whole("mayfly");
  sent("mayfly/ps_count", 0, 0);
  double counted = cpu_of("mayfly");
  read_once();
  assert_true(cpu_of("mayfly") == counted);
}

/* They descend from us, whom a rule with Children selects; and what they read
 * is added to us when we wait for them: it counts once. */
static void descendants_and_their_reads_count_once(void **state) {
  (void)state;
  char options[120];
  snprintf(options, sizeof(options),
           "<Select 'family'>; Pid %d; Children true; </Select>",
           (int)getpid());
  begin(options);
  one_round_is_whole("family");
  double calls = value("family/io_ops");
  let_live("anything");
  read_once();
  double grown = value("family/io_ops") - calls;
  /* Our own reads are those of the plugin, a few hundred. */
  if (grown < LIVES * READS || grown > LIVES * READS + 1500)
    fail_msg("%d reads, %.0f were counted", LIVES * READS, grown);
}

/* Who is in no group counts in `other`, so that sums add up. */
static void strangers_count_in_other(void **state) {
  (void)state;
  begin("Process 'nobody-has-this'");
  double before = cpu_of("other");
  double used = let_live("mayfly");
  read_once();
  assert_true(cpu_of("other") - before >= used * 0.8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(short_lives_count_in_their_group),
      TEST(descendants_and_their_reads_count_once),
      TEST(strangers_count_in_other),
  };
  return RUN(tests);
}
