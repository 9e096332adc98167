/* SPDX-License-Identifier: MIT
 *
 * A command of `probe`.
 *
 * traced COMMAND [ARGUMENT...]
 *   A round runs COMMAND to its end, in a process whose id ready says and which
 *   waits for that, and counts the system calls that it and all that come from
 *   it begin: by ptrace, as strace does.
 */
#include "probe.h"

#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stop for a system call is told from one for a SIGTRAP by this bit. */
#define SYSCALL_STOP (SIGTRAP | 0x80)

static pid_t child;
static int go[2];

static _Noreturn void be_traced(char **arguments) {
  char byte;
  close(go[1]);
  if (read(go[0], &byte, 1) != 1)
    _exit(1);
  int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  execvp(arguments[0], arguments);
  _exit(127);
}

static void prepare_traced(char **arguments) {
  pid_t self = getpid();
  if (pipe(go) != 0 || (child = fork()) < 0)
    work_fail("set-up");
  if (child == 0) {
    work_follow(self);
    be_traced(arguments);
  }
  say_ready("%d", (int)child);
}

static const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                            PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

static bool at_entry(pid_t task) {
  struct __ptrace_syscall_info info;
  if (ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof(info), &info) <= 0)
    work_fail("PTRACE_GET_SYSCALL_INFO");
  return info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

/* Let it go on from a stop; what stopped it may be a signal of its own. */
static void resume(pid_t task, int status) {
  int signal = WSTOPSIG(status);
  bool ours = signal == SYSCALL_STOP || signal == SIGTRAP || signal == SIGSTOP;
  if (ptrace(PTRACE_SYSCALL, task, 0, ours ? 0 : signal) != 0 && errno != ESRCH)
    work_fail("PTRACE_SYSCALL");
}

/* To be stopped ends the read in which it waits; it begins anew, and counts. */
static void round_of_traced(void) {
  long calls = 0;
  int status, result = -1;
  if (ptrace(PTRACE_SEIZE, child, 0, options) != 0 ||
      ptrace(PTRACE_INTERRUPT, child, 0, 0) != 0)
    work_skip("ptrace");
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
    work_fail("interrupt");
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  if (write(go[1], "", 1) != 1)
    work_fail("go");
  for (pid_t task; (task = waitpid(-1, &status, __WALL)) > 0;) {
    if (task == child && WIFEXITED(status))
      result = WEXITSTATUS(status);
    if (!WIFSTOPPED(status))
      continue;
    calls += WSTOPSIG(status) == SYSCALL_STOP && at_entry(task);
    resume(task, status);
  }
  if (result != 0)
    work_fail("the command");
  say_done("%ld", calls);
}

const struct command command_traced = {"traced", 1, prepare_traced,
                                       round_of_traced};
