/* SPDX-License-Identifier: MIT */
/*
 * Wait channels of a process or a group, over time.
 *
 * A channel that was told once is told for STAY_INTERVALS more, as 0 when
 * nobody sleeps there, so that its series does not come and go.
 */
#ifndef PROCTRACE_CHANNELS_H
#define PROCTRACE_CHANNELS_H

#include "naming.h"
#include "snapshot.h"

/* More of them than these, and the rest is told as "more". */
#define CHANNELS_MAX 32

struct channel {
  char name[NAME_SIZE]; /* of the symbol, cleaned */
  unsigned threads;
  unsigned left; /* intervals that it stays */
};

struct channels {
  struct channel *list;
  size_t count;
  bool missing; /* in this interval some could not be read */
};

/* A new interval: nobody sleeps anywhere yet. */
void channels_begin(struct channels *channels);

/* False: no memory. */
bool channels_add(struct channels *channels, const struct wchan *wchan);

void channels_free(struct channels *channels);

#endif
