/* SPDX-License-Identifier: MIT */
/*
 * The books: counters that never fall.
 *
 * Every counter that is sent is an accumulator of ours that grows by
 * max(0, new - old).  When the source or the process changes only `old` is set
 * anew, so that nothing that the kernel forgets can make a counter fall.
 *
 * A process's counters start at the kernel's own number.  A group's start at 0
 * and grow by what its members do: all of it for a member that was born while
 * we were looking, what follows its first sight for any other.
 */
#ifndef PROCTRACE_LEDGER_H
#define PROCTRACE_LEDGER_H

#include "channels.h"
#include "snapshot.h"

/* The books of one process that is watched, or was. */
struct account {
  field_set seen; /* counters that were valid once */
  uint64_t old[COUNTER_COUNT - STAT_COUNTER_COUNT]; /* of the others, see
                                                       struct member */
  uint64_t sum[COUNTER_COUNT];
  struct channels channels;
};

/* The books of a group, or of all that is in none. */
struct tally {
  field_set valid; /* counters: once valid, always; gauges: now */
  uint64_t value[FIELD_COUNT];
  struct channels channels;
};

struct selection;

void account_free(struct account *account);
void tally_free(struct tally *tally);

/* Enter one interval: everything that is in the snapshot, whose ended processes
 * it sorts. */
void ledger_update(struct selection *selection, struct snapshot *snapshot);

/*
 * What to report of a process: the counters of its account, and the gauges of
 * its record.
 */
void account_totals(const struct account *account, const struct task *task,
                    struct tally *out);

#endif
