/* SPDX-License-Identifier: MIT */
#include "helper.h"

#include "proctext.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

int helper_start(pthread_t *thread, const char *name, size_t stack,
                 void *(*run)(void *), void *argument) {
  pthread_attr_t attr;
  sigset_t all, before;
  int error = pthread_attr_init(&attr);
  if (error != 0)
    return error;
  if (stack != 0)
    pthread_attr_setstacksize(&attr, stack);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, &attr, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  if (error == 0)
    pthread_setname_np(*thread, name);
  return error;
}

static size_t read_own(pid_t tid, const char *name, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)tid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, size);
  if (fd >= 0)
    close(fd);
  return n < 0 ? 0 : (size_t)n;
}

bool helper_sleeps(pid_t tid) {
  char text[512];
  struct stat_text stat;
  size_t n = read_own(tid, "stat", text, sizeof(text));
  return !parse_stat(text, n, &stat) || stat.state != 'R';
}

int64_t helper_busy_ns(pid_t tid) {
  char text[128];
  uint64_t run, wait;
  size_t n = read_own(tid, "schedstat", text, sizeof(text));
  return parse_schedstat(text, n, &run, &wait) ? (int64_t)(run + wait) : 0;
}

void helper_condition_init(pthread_cond_t *condition) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

void helper_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock,
                       int64_t ns) {
  struct timespec at = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
  pthread_cond_timedwait(condition, lock, &at);
}
