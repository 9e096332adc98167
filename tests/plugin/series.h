/* SPDX-License-Identifier: MIT */
/*
 * What the plugin dispatched: the latest value list of every identifier.
 *
 * Each value list is held against what collectd, types.db and the design ask
 * of it the moment it arrives; what it breaks is kept as text, since a test
 * must not fail (jump) while the plugin's frames are on the stack.
 */
#ifndef PROCTRACE_TESTS_SERIES_H
#define PROCTRACE_TESTS_SERIES_H

#include <stdbool.h>

#include <collectd/core/daemon/plugin.h>

#include "types_db.h"

struct series {
  char id[3 * DATA_MAX_NAME_LEN]; /* plugin_instance/type[-type_instance] */
  const struct data_type *type;   /* NULL: not in types.db */
  value_t values[DATA_SOURCES_MAX];
  size_t values_len;
  cdtime_t time, interval;
  meta_data_t *meta; /* our copy, or NULL */
  unsigned read;     /* number of the read that sent it last */
};

/* Another read begins: all that arrives from now on belongs to it. */
void series_next_read(void);

/* Keep a copy of the list; complaints are added to series_complaints(). */
void series_record(const value_list_t *list);

/* What was broken since the last call of series_next_read; "" when nothing. */
const char *series_complaints(void);

/* A series of this identifier in the last read; NULL when it was not sent. */
const struct series *series_find(const char *id);

/* Call f for each series of the last read whose identifier fits the pattern
 * of fnmatch(3); returns how many there were.  f may be NULL. */
unsigned series_each(const char *pattern,
                     void (*f)(const struct series *, void *), void *data);

double series_value(const struct series *series, size_t source);

/* The value of a meta data entry as text; NULL when there is none. */
const char *series_meta(const struct series *series, const char *key);

/*
 * DERIVE series that fit may start anew: a new process has the name and the
 * PID of one that has ended.  NULL: none may (the beginning).
 */
void series_may_fall(const char *pattern);

void series_forget_all(void);

#endif
