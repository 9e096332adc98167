/* SPDX-License-Identifier: MIT */
/*
 * The processes that use most.
 */
#ifndef PROCTRACE_TOP_H
#define PROCTRACE_TOP_H

#include "select.h"

/* The field groups that a ranking needs of every process. */
unsigned top_groups(const struct top *top);

/*
 * Rank all processes by what they used since the last interval (RSS: have
 * now), and give those that come out on top, and have no group, to `group` for
 * the next STAY_INTERVALS.  In the first interval nobody is ranked.
 */
void top_choose(const struct top *top, struct group *group,
                struct selection *selection, const struct snapshot *snapshot);

/* Remember this interval's totals for the next ranking; after all tops. */
void top_remember(struct selection *selection, const struct snapshot *snapshot);

#endif
