/* SPDX-License-Identifier: MIT
 *
 * vforked SECONDS
 * A process in uninterruptible sleep (D): it waits for the child that it made
 * by vfork() to end, or to call execve(), and the child does neither.
 */
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGTERM);
  pid_t self = getpid();
  pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) {
    work_follow(self);
    dprintf(STDOUT_FILENO, "ready %d\n", self);
    for (;;)
      pause();
  }
  work_fail("vfork");
}
