/* SPDX-License-Identifier: MIT */
/*
 * Between probes.c, which reads slots, and probes_watch.c, which gives them.
 */
#ifndef PROCTRACE_PROBES_ROOMS_H
#define PROCTRACE_PROBES_ROOMS_H

#include "probes.h"

/* From here on a slot is read in each interval.  False: it could not be. */
bool probes_take_baseline(struct probes *probes, unsigned slot);

/* Whose slots these are, as of this interval. */
void probes_find_owners(struct probes *probes, struct selection *selection);

/* Who is watched from now on. */
void probes_watch(struct probes *probes, struct selection *selection,
                  const struct snapshot *snapshot);

#endif
