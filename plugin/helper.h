/* SPDX-License-Identifier: MIT */
/*
 * Threads of our own, for what may make collectd's wait.
 */
#ifndef PROCTRACE_HELPER_H
#define PROCTRACE_HELPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Start one, with a stack of so many bytes (0: as usual); collectd's signals
 * are not for it.  0 or an errno. */
int helper_start(pthread_t *thread, const char *name, size_t stack,
                 void *(*run)(void *), void *argument);

/* Whether it sleeps: it neither runs nor waits for a CPU.  True as well where
 * that cannot be read. */
bool helper_sleeps(pid_t tid);

/* How long it has run and waited for a CPU; 0 where the kernel does not say. */
int64_t helper_busy_ns(pid_t tid);

/* A condition that can be waited for until a time of monotonic_ns(). */
void helper_condition_init(pthread_cond_t *condition);
void helper_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock,
                       int64_t ns);

#endif
