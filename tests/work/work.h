/* SPDX-License-Identifier: MIT
 *
 * What all workloads share. A workload prints "ready <pid> ..." once it is in
 * the state that its name promises, or "skip <reason>" and ends with 77. It
 * ends with its parent and, whatever happens, after the seconds that are its
 * first argument: a broken test leaves nothing behind.
 */
#ifndef PROCTRACE_TESTS_WORK_H
#define PROCTRACE_TESTS_WORK_H

#include <signal.h>
#include <sys/types.h>

/* None lasts longer. */
#define WORK_SECONDS_MOST 86400

/* Text to a number within [least, most]; anything else ends the program. */
long work_number(const char *text, long least, long most);

/* This process gets `signal` when its parent ends or the time is over. */
void work_bound(long seconds, int signal);

/* For a forked child: it is killed with its parent `parent`. */
void work_follow(pid_t parent);

/* Keeps the CPU busy for that long. */
void work_spin(long milliseconds);

/*
 * For those that go on until they are told: at SIGUSR1 or SIGTERM it is enough;
 * work_end() then prints "<word> <number>", what they did, and comes back at
 * SIGTERM, with the exit status.
 */
extern volatile sig_atomic_t work_enough;
void work_until_told(void);
int work_end(const char *word, long number);

_Noreturn void work_skip(const char *what);
_Noreturn void work_fail(const char *what);

#endif
