/* SPDX-License-Identifier: MIT */
/*
 * Names of what the probes tell.
 *
 * A decimal point would part names in Graphite: it is a '_' here.
 */
#ifndef PROCTRACE_PROBE_NAMES_H
#define PROCTRACE_PROBE_NAMES_H

#include <stddef.h>

/* The first <...> of a name of the table (metrics.h) replaced by `text`. */
void fill_in(char *out, size_t size, const char *name, const char *text);

/* In PERCENT: 99.9 is p99_9. */
void name_percentile(char *out, size_t size, unsigned percent);

/* Of histogram_bound(), in µs: 1024 ns are 1_024. */
void name_bound(char *out, size_t size, unsigned bound);

/* As strerrorname_np(3), which not every libc has, of what connect(2) says; the
 * buffer is for others. */
const char *name_errno(int error, char *buffer, size_t size);

#endif
