/* SPDX-License-Identifier: MIT */
/*
 * The table of metrics: everything that is said of processes.
 *
 * A metric is one row.  Report, man page and tests all read it here.
 */
#ifndef PROCTRACE_METRICS_H
#define PROCTRACE_METRICS_H

#include "snapshot.h"

/* Of what a metric is told. */
enum scope {
  SCOPE_PROCESS = 1 << 0,
  SCOPE_GROUP = 1 << 1,
  SCOPE_THREAD = 1 << 2,
  SCOPE_OTHER = 1 << 3, /* the processes that are in no group */
};

struct metric {
  const char *type;          /* of collectd's types.db */
  const char *type_instance; /* "" for none */
  enum field fields[2];      /* a value each; FIELD_COUNT: no second one */
  double scale;              /* gauges: what a unit of the field is worth */
  unsigned group;            /* the enum field_group that Collect names */
  unsigned scopes;
  const char *unit;
  const char *help;
};

extern const struct metric metrics[];
extern const size_t metric_count;

/* The field groups that the option Collect knows, by name. */
struct collect_name {
  const char *name;
  enum field_group group;
  bool by_default;
};
extern const struct collect_name collect_names[];
extern const size_t collect_name_count;

/* Why values were lost, as self and the log say it. */
struct loss_text {
  const char *type, *type_instance; /* in self */
  const char *message;              /* one line at the first time */
};
extern const struct loss_text loss_texts[LOSS_COUNT];

#endif
