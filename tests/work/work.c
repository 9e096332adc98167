/* SPDX-License-Identifier: MIT
 *
 * What all workloads share; see work.h.
 */
#include "work.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

long work_number(const char *text, long least, long most) {
  char *end = NULL;
  errno = 0;
  long number = text != NULL ? strtol(text, &end, 10) : 0;
  if (text == NULL || errno != 0 || end == text || *end != '\0' ||
      number < least || number > most) {
    fprintf(stderr, "%s: want a number from %ld to %ld, not \"%s\"\n",
            program_invocation_short_name, least, most, text ? text : "");
    exit(2);
  }
  return number;
}

/* A timer and not alarm(): that could only send SIGALRM. */
void work_bound(long seconds, int signal) {
  pid_t parent = getppid();
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
  struct itimerspec when = {.it_value.tv_sec = seconds};
  timer_t timer;
  if (prctl(PR_SET_PDEATHSIG, signal) != 0 ||
      timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
      timer_settime(timer, 0, &when, NULL) != 0)
    work_fail("bound");
  if (getppid() != parent)
    raise(signal);
}

void work_follow(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
    _exit(1);
}

void work_spin(long milliseconds) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long long end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + milliseconds;
  do
    clock_gettime(CLOCK_MONOTONIC, &now);
  while (now.tv_sec * 1000LL + now.tv_nsec / 1000000 < end);
}

volatile sig_atomic_t work_enough;
static volatile sig_atomic_t over;

static void stop(int signal) {
  work_enough = 1;
  over |= signal == SIGTERM;
}

void work_until_told(void) {
  struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
}

int work_end(const char *word, long number) {
  printf("%s %ld\n", word, number);
  fflush(stdout);
  while (!over)
    usleep(5000);
  return 0;
}

void work_skip(const char *what) {
  printf("skip %s: %s\n", what, strerror(errno));
  exit(77);
}

void work_fail(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
          strerror(errno));
  exit(1);
}
