/* SPDX-License-Identifier: MIT
 *
 * retitle SECONDS TITLE
 * Its command line changes while pid, start time and comm stay: SIGUSR1 writes
 * "second" over TITLE as setproctitle does, SIGUSR2 executes the same program
 * again with the title "third-title". TITLE must be at least six characters
 * long, to leave room.
 */
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 3 || strlen(argv[2]) < strlen("second"))
    return 2;
  sigset_t steps;
  sigemptyset(&steps);
  sigaddset(&steps, SIGUSR1);
  sigaddset(&steps, SIGUSR2);
  sigprocmask(SIG_BLOCK, &steps, NULL);
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGKILL);
  printf("ready %d\n", getpid());
  fflush(stdout);
  for (;;) {
    if (sigwaitinfo(&steps, NULL) == SIGUSR2) {
      execl(argv[0], argv[0], argv[1], "third-title", (char *)NULL);
      work_fail("exec");
    }
    memset(argv[2], 0, strlen(argv[2]));
    memcpy(argv[2], "second", strlen("second"));
  }
}
