/* SPDX-License-Identifier: MIT
 *
 * What the kernel says of the run time of BPF programs, whoever loaded them.
 *
 * A run is timed by two clock readings, which are in what the kernel says. A
 * program of our own that does nothing, at the same tracepoint and during the
 * same load, tells how much that is.
 */
#ifndef PROCTRACE_TESTS_BENCH_RUNTIME_H
#define PROCTRACE_TESTS_BENCH_RUNTIME_H

#include <stdbool.h>
#include <stdio.h>

/* A program that does nothing, at this tracepoint. False, with errno set, where
 * the kernel or our rights do not allow it. */
bool runtime_attach_empty(const char *tracepoint);
void runtime_detach_empty(void); /* all of them */

/* From now on. False likewise. */
bool runtime_begin(const char *tracepoint);

/*
 * Until now: " <name>=<ns>" for each program that ran at least once for every
 * second event, with the mean of a run less that of the empty program.
 */
void runtime_end(long events, FILE *out);

#endif
