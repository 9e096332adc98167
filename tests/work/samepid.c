/* SPDX-License-Identifier: MIT
 *
 * samepid SECONDS PID COMMAND [ARGUMENT...]
 * Runs COMMAND with the process id PID, which must be free: a reused PID on
 * demand. Ends COMMAND at SIGTERM, and ends when it ends.
 */
#include "work.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t child;

static void end_child(int signal) { kill(child, signal); }

int main(int argc, char **argv) {
  if (argc < 4)
    return 2;
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGTERM);
  pid_t wanted = (pid_t)work_number(argv[2], 2, 1L << 22), parent = getpid();
  struct clone_args args = {.exit_signal = SIGCHLD,
                            .set_tid = (uint64_t)(uintptr_t)&wanted,
                            .set_tid_size = 1};
  child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
  if (child < 0)
    work_skip("clone3 with set_tid");
  if (child == 0) {
    work_follow(parent);
    execv(argv[3], argv + 3);
    work_fail(argv[3]);
  }
  struct sigaction action = {.sa_handler = end_child, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
  waitpid(child, NULL, 0);
  return 0;
}
