/* SPDX-License-Identifier: MIT */
/*
 * Whether what a rule selects is there.
 *
 * A rule is told of by its oldest process: the daemon itself, not the workers
 * that it starts, which come and go.  It counts from when it has been there
 * for some intervals, so that what never lives long is not missed; and it is
 * gone when it has been missing for as many, so that a restart is told as one.
 */
#ifndef PROCTRACE_PRESENCE_H
#define PROCTRACE_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct member;
struct notices;
struct selection;
struct snapshot;

/* Of one group. */
struct presence {
  pid_t pid; /* of the process that counts; 0: none has, so far */
  uint64_t start;
  uint64_t seen_at;     /* clock ticks since boot when it was seen last */
  unsigned missing_for; /* intervals */
  bool gone;            /* and that was told */
  pid_t next_pid;       /* who may take its place; 0: nobody */
  uint64_t next_start;
  unsigned next_for;           /* intervals that it was there */
  const struct member *oldest; /* living member, in this interval */
};

/* One interval, after selection_update(); `intervals` is the patience. */
void presence_update(const struct selection *selection,
                     const struct snapshot *snapshot, unsigned intervals,
                     struct notices *notices);

#endif
