/* SPDX-License-Identifier: MIT */
/*
 * Who lives, who is new, who is gone.
 *
 * Snapshot and memory are both sorted by pid, so that one walk along the two
 * finds every process again: no hash table, and member i belongs to task i.
 */
#ifndef PROCTRACE_POPULATION_H
#define PROCTRACE_POPULATION_H

#include "select.h"

/*
 * Make members[i] the memory of tasks[i].  A member of the last interval that
 * has no task any more moves to `gone`, and stays there for two intervals: so
 * late may its last numbers come.  A task for which there is no memory is taken
 * out of the snapshot and counted.  False: no memory at all, nothing has
 * changed.
 */
bool population_update(struct selection *selection, struct snapshot *snapshot);

/* One of those gone: who had this pid, and began at this time or before.  NULL:
 * nobody. */
struct member *population_find_gone(const struct selection *selection,
                                    pid_t pid, uint64_t latest_start);

/* A process that was never seen alive, among those gone.  NULL: no memory. */
struct member *population_add_ended(struct selection *selection,
                                    const struct task *task);

void population_free(struct selection *selection);

#endif
