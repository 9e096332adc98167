/* SPDX-License-Identifier: MIT */
/*
 * PSS and USS, in rounds.
 *
 * Reading smaps_rollup walks the page tables of the target and holds its
 * mmap_lock meanwhile (seconds, for 200 GB): so a few processes an interval,
 * and all of them told when the round is complete.
 */
#ifndef PROCTRACE_PSS_H
#define PROCTRACE_PSS_H

#include "select.h"

struct pss {
  unsigned budget;    /* processes read in an interval */
  unsigned intervals; /* from the start of a round to the next, at least */
  unsigned age;       /* intervals since the last round began; 0: none has */
  bool running;
  bool complete; /* this interval's records carry the round's values */
};

/* Read the next few of the watched processes. */
void pss_update(struct pss *pss, struct source *source,
                struct snapshot *snapshot, struct selection *selection);

#endif
