/* SPDX-License-Identifier: MIT */
/*
 * What a life of the plugin in which something failed is held against: one in
 * which nothing did.
 *
 * All of it lies in memory that processes share: each life is one of its own.
 */
#ifndef PROCTRACE_TESTS_JUDGE_H
#define PROCTRACE_TESTS_JUDGE_H

#include "fault.h"
#include "scenarios.h"

/* What is there at the end of a life. */
struct remains {
  size_t blocks;
  unsigned descriptors, threads;
};

/* Of the life without a fault. */
struct reference {
  unsigned calls[FAULTS], calls_before_reads[FAULTS];
  /* Calls from places in the program that had not called before. */
  unsigned *first_calls[FAULTS], first_call_count[FAULTS];
  struct remains remains;
  bool spared; /* the last life that was judged: its fault did not come */
};
extern struct reference *reference;

void judge_init(void);

/* A new life, or (kind FAULT_NONE) the one without a fault. */
void judge_begin(const struct scenario *scenario, enum fault kind, int error);

/* The values of the read that has just been are the right ones: keep them. */
void judge_keep(unsigned read);

/* Whether values were kept whose identifiers fit. */
bool judge_has(unsigned read, const char *pattern);

/*
 * Hold them against those: `whole` where the configuration is what it should
 * be; `over` where the fault is so long ago that nothing may be missing.
 * Returns whether anything is.
 */
bool judge_read(unsigned read, bool whole, bool over);

/* It had fewer calls. */
void judge_no_fault(void);

void judge_remains(const struct remains *remains);

/* A sentence about what is wrong; "": nothing is. */
void blame(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *verdict(void);

#endif
