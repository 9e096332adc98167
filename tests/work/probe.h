/* SPDX-License-Identifier: MIT */
/*
 * The rooms of the workload `probe`: each file gives commands.
 */
#ifndef PROCTRACE_TESTS_PROBE_H
#define PROCTRACE_TESTS_PROBE_H

#include <stddef.h>
#include <stdint.h>

struct command {
  const char *name;
  int least_arguments;
  void (*prepare)(char **arguments); /* a NULL follows the last */
  void (*round)(void);
};

extern const struct command command_calls, command_children, command_exec,
    command_exec_by_thread, command_mmaps, command_rename, command_threads;
extern const struct command command_loops, command_pingpong, command_sleeps,
    command_waits;
extern const struct command command_dio;
extern const struct command command_connects;
extern const struct command command_traced;

/* Call it in prepare(): the text stands behind "ready <pid>".  And in a round:
 * that ends with it, and it is the one write(2) for it. */
__attribute__((format(printf, 1, 2))) void say_ready(const char *format, ...);
__attribute__((format(printf, 1, 2))) void say_done(const char *format, ...);

/* The call that stands for all: it does nothing, and no library makes it. */
void call_often(long times);

/* An eventfd with EFD_SEMAPHORE: each tell() is one write, each await() one
 * read. */
void tell(int fd);
void await(int fd);

/* --- samples (probe_samples.c) --- */

/* Times that were taken around something: what it took is in between. */
struct samples {
  uint64_t *longest, *shortest;
  size_t count, capacity;
};

uint64_t now_ns(void);
void samples_prepare(struct samples *samples, size_t capacity);
void samples_reset(struct samples *samples);
void samples_add(struct samples *samples, uint64_t ns, uint64_t maybe_less);
/* In between is nothing but what is to be measured. */
uint64_t sample_begin(void);
void sample_end(struct samples *samples, uint64_t began);

/*
 * Two numbers each, of the shortest and of the longest: the sum, the nearest
 * rank of p50, p90, p99, and the maximum; all in ns.
 */
void samples_say(struct samples *samples);

/* Evenly spread on a logarithmic scale, the i-th of n, in a mixed order. */
uint64_t spread(size_t i, size_t n, uint64_t least, uint64_t most);

#endif
