/* SPDX-License-Identifier: MIT */

#include "scenarios.h"

#include "../plugin/fakeproc.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- a fake /proc --- */

static struct fake_process *redis, *worker, *other, *late;
static struct fake_thread *thread;

static void begin_fake(void) {
  fakeproc_create();
  redis = fake_process(7, "redis", .rss_kib = 100, .vm_kib = 900, .rchar = 10,
                       .utime = 5, .fds = 3, .fd_limit = 10, .pss_kib = 70,
                       .runtime = 300, .voluntary = 9, .wchan = "ep_poll");
  thread = fake_thread(redis, 8, "io", .runtime = 40, .voluntary = 3,
                       .state = 'D', .wchan = "io_schedule");
  worker = fake_process(20, "python3", .cmdline = "python3 worker --mail",
                        .rss_kib = 50, .utime = 9, .uid = 7, .fds = 2,
                        .pss_kib = 20, .cgroup = "/box/1", .wchan = "do_wait");
  other = fake_process(30, "bash", .rss_kib = 10, .utime = 1, .fds = 1,
                       .wchan = "n_tty_read");
  fake_process(31, "kworker", .kernel_thread = true, .state = 'I');
}

static void grow(struct fake_process *process) {
  process->utime += 10;
  process->rchar += 1000;
  process->voluntary += 2;
  process->runtime += 500;
  process->wait += 5;
  fake_update(process);
}

/* Of who is not chosen nobody knows what its threads had. */
static void change_top(unsigned read) {
  if (read == 3)
    fake_end(other);
  if (read == 4)
    other = fake_process(30, "python3", .rss_kib = 60, .utime = 3,
                         .starttime = 1020000);
  if (read > 1) {
    grow(redis);
    grow(worker);
  }
}

static void change_rules(unsigned read) {
  if (read == 2)
    late =
        fake_process(40, "redis", .rss_kib = 200, .utime = 2, .fds = 4,
                     .pss_kib = 30, .wchan = "ep_poll", .starttime = 1009000);
  if (read == 3) {
    fake_thread_end(thread);
    fake_end(other);
    other = fake_process(30, "python3", .cmdline = "python3 worker --print",
                         .rss_kib = 60, .utime = 3, .fds = 2, .pss_kib = 40,
                         .cgroup = "/box/2", .wchan = "do_wait",
                         .starttime = 1015000);
  }
  if (read == 4) {
    fake_end(late);
    late = NULL;
  }
  if (read > 1) {
    grow(redis);
    grow(worker);
    grow(other);
  }
}

/* --- a real process, and BPF --- */

static pid_t caller;
static int orders[2], answers[2];

/* It makes a hundred calls whenever it is told to. */
static void call(void) {
  char order;
  while (read(orders[0], &order, 1) == 1) {
    for (int i = 0; i < 100; i++)
      syscall(SYS_getppid);
    if (write(answers[1], &order, 1) != 1)
      break;
  }
  _exit(0);
}

static void prepare_real(void) {
  if (pipe(orders) != 0 || pipe(answers) != 0 || (caller = fork()) < 0)
    abort();
  if (caller == 0)
    call();
}

static void change_real(unsigned read_number) {
  char order = 'x';
  (void)read_number;
  if (write(orders[1], &order, 1) != 1 || read(answers[0], &order, 1) != 1)
    abort();
}

static void finish_real(void) {
  kill(caller, SIGKILL);
  waitpid(caller, NULL, 0);
  for (int i = 0; i < 2; i++) {
    close(orders[i]);
    close(answers[i]);
  }
}

/* --- all --- */

static void nothing(void) {}

const struct scenario scenarios[] = {
    {"rules",
     "Process 'redis'; ProcessMatch 'worker-\\\\1' 'worker --([a-z]+)';"
     "<Select 'box'>; Cgroup '/box'; User 7; </Select>;"
     "<Select 'shell'>; Executable '/usr/bin/bash'; Children true; </Select>;"
     "Collect 'state' 'memory' 'cpu' 'contextswitch' 'io' 'files' 'sched'"
     " 'wchan' 'pss'; PssInterval 60; PerThread true; CommandLine true;"
     "Notify 'gone'; Notify 'blocked'",
     8, 4, false, NULL, nothing, begin_fake, change_rules, fakeproc_remove,
     nothing},
    {"top", "<Top 'busy'>; Count 3; By 'cpu' 'rss' 'io' 'wait'; </Top>", 8, 4,
     false, NULL, nothing, begin_fake, change_top, fakeproc_remove, nothing},
    {"bpf",
     "Probe 'runqueue'; Probe 'blockio'; Probe 'tcpconnect'; Probe 'mmap';"
     "<Probe 'syscall'>; LatencyOf 'getppid'; </Probe>; Other false;"
     "MaxProcesses 4",
     6, 2, true, "caller*/operations-syscall_getppid", prepare_real, nothing,
     change_real, nothing, finish_real},
};
const unsigned scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

const char *scenario_source(const struct scenario *scenario) {
  static char text[PATH_MAX + 200];
  char path[PATH_MAX];
  if (!scenario->real)
    snprintf(text, sizeof(text), "Source 'procfs'; ProcRoot '%s'",
             fakeproc_root());
  else if (realpath(".libs/proctrace_bpf.so", path) != NULL)
    snprintf(text, sizeof(text),
             "Source 'bpf'; BpfModule '%s';"
             "<Select 'caller'>; Pid %d; </Select>",
             path, (int)caller);
  return text;
}
