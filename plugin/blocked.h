/* SPDX-License-Identifier: MIT */
/*
 * Threads that stay in uninterruptible sleep.
 *
 * One that was seen so in each of several intervals, and has not been switched
 * in between, is in the same sleep still; one that does short I/O all the time
 * is not.  A process is told once, with the first of its threads, and once more
 * when none is left.
 */
#ifndef PROCTRACE_BLOCKED_H
#define PROCTRACE_BLOCKED_H

#include "notices.h"
#include "select.h"

/* A sleep that was seen. */
struct sleep {
  struct sleeper sleeper; /* as in the last look */
  uint64_t start;         /* of its process */
  uint64_t since;         /* clock ticks since boot at the first look */
  unsigned looks;
  unsigned seen; /* interval of the last look */
};

/* A process that was told of. */
struct told {
  pid_t pid;
  uint64_t start;
  char instance[INSTANCE_SIZE];
  bool holds; /* in this interval */
};

struct blocked {
  struct sleep *sleeps; /* by pid and tid */
  size_t sleep_count;
  struct told *told;
  size_t told_count, told_capacity;
};

/* One interval, of which the snapshot has the sleepers; a thread is told of
 * that has slept for so many intervals. */
void blocked_update(struct blocked *blocked, const struct selection *selection,
                    struct snapshot *snapshot, unsigned intervals,
                    struct notices *notices);

void blocked_free(struct blocked *blocked);

#endif
