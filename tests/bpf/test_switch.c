/* SPDX-License-Identifier: MIT */
/*
 * The source changes while collectd runs: with flaky.c as the module, each
 * third read comes from procfs.  That no counter falls the recording collectd
 * checks by itself, at every read.
 */
#include "../plugin/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static pid_t worker;

/* Threads of it have ended, and end all the time: procfs does not know what
 * these had, the kernel's sums hold it. */
static int begin(void **state) {
  int words[2];
  char said[64];
  if (pipe(words) != 0 || (worker = fork()) < 0)
    return -1;
  if (worker == 0) {
    dup2(words[1], STDOUT_FILENO);
    execl("tests/work/burn", "burn", "600", "2", "3", NULL);
    _exit(127);
  }
  close(words[1]);
  bool ready = read(words[0], said, sizeof(said)) > 0;
  close(words[0]);
  sleep(2);
  return ready ? fixture_setup(state) : -1;
}

static int end(void **state) {
  int status = fixture_end(state);
  kill(worker, SIGKILL);
  waitpid(worker, NULL, 0);
  return status;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *of_worker(const char *what) {
  static char id[80];
  snprintf(id, sizeof(id), "burn-%d/%s", (int)worker, what);
  return id;
}

static void start_flaky(const char *options) {
  char rule[80];
  snprintf(rule, sizeof(rule), "<Select 'burn'>; Pid %d; </Select>",
           (int)worker);
  start_bpf(FLAKY_MODULE, rule, options);
}

static void no_counter_jumps(void **state) {
  (void)state;
  start_flaky("");
  read_once();
  double runtime = value(of_worker("derive-runtime_ns"));
  double wait = value(of_worker("derive-wait_sum_ns"));
  unsigned by_procfs = 0;
  for (int i = 2; i <= 12; i++) {
    double began = seconds();
    usleep(200000);
    read_once();
    by_procfs += series_each("self/gauge-source_procfs", NULL, NULL);
    /* Two CPUs or more; four threads at most.  Dead threads alone have run and
     * waited for a second and more. */
    double most = (seconds() - began + 0.1) * 4e9;
    double grown = value(of_worker("derive-runtime_ns")) - runtime;
    double waited = value(of_worker("derive-wait_sum_ns")) - wait;
    if (grown < 0 || grown > most || waited < 0 || waited > most)
      fail_msg("read %d: it ran %.0f ns and waited %.0f", i, grown, waited);
    runtime += grown;
    wait += waited;
  }
  assert_int_equal(by_procfs, 4);
  said(1, LOG_WARNING, "iterator cannot be read: Input/output error");
}

/* What the iterator does not see comes from procfs in every read. */
static void the_rest_comes_from_procfs(void **state) {
  (void)state;
  start_flaky("CommandLine true; Collect 'state' 'pss' 'wchan'; "
              "PerThread true; PssInterval 10");
  unsigned by_bpf_with_pss = 0;
  for (int i = 1; i <= 8; i++) {
    read_once();
    sent_meta(of_worker("ps_state-running"), "cmd", "burn 600 2 3");
    sent_meta(of_worker("ps_state-running"), "source",
              i % 3 == 0 ? "procfs" : "bpf");
    /* Its memory changes all the time: now and then it makes us wait. */
    by_bpf_with_pss +=
        i % 3 != 0 && series_each(of_worker("bytes-pss"), NULL, NULL) == 1;
    assert_true(series_each(of_worker("*thread-burn-*"), NULL, NULL) > 0);
  }
  assert_true(by_bpf_with_pss > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(no_counter_jumps, begin, end),
      cmocka_unit_test_setup_teardown(the_rest_comes_from_procfs, begin, end),
  };
  return RUN(tests);
}
