/* SPDX-License-Identifier: MIT */
/*
 * The tables of metrics: everything that is said of processes.
 *
 * A metric is one row.  Report, man page and tests all read it here.  There are
 * two tables, since a source's value is a field of a record, and a probe's is
 * found in a book.
 */
#ifndef PROCTRACE_METRICS_H
#define PROCTRACE_METRICS_H

#include "growth.h"
#include "snapshot.h"

/* Of what a metric is told. */
enum scope {
  SCOPE_PROCESS = 1 << 0,
  SCOPE_GROUP = 1 << 1,
  SCOPE_THREAD = 1 << 2,
  SCOPE_OTHER = 1 << 3, /* the processes that are in no group */
  SCOPE_HOST = 1 << 4,  /* all of them */
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

/* As in the option Probe. */
extern const char *const probe_names[PROBES];

/* What programs lose, in self behind "dropped_probe_". */
extern const char *const probe_loss_names[PROBE_LOSSES];

/* How a row of a probe finds its values in a book. */
enum probe_row {
  ROW_COUNTER,
  ROW_COUNTER_IF_ANY, /* told only once it is not 0 */
  ROW_CALLS,          /* of a system call */
  ROW_CALL_TIME,      /* likewise */
  ROW_FAILED,         /* of an errno, once it is not 0 */
  ROW_PERCENTILES,    /* of a latency, and its maximum */
  ROW_BUCKETS         /* of a latency */
};

/* What has to be there besides the row's probe. */
#define NEEDS_LATENCY (1u << PROBES)         /* times of system calls */
#define NEEDS_HISTOGRAM (1u << (PROBES + 1)) /* COLLECT_HISTOGRAM */

struct probe_metric {
  const char *type;
  const char *type_instance; /* <...> stands for what there are several of */
  enum probe_row row;
  unsigned index; /* enum probe_counter or enum latency */
  unsigned needs; /* PROBE_BIT(), and the above */
  unsigned scopes;
  const char *unit;
  const char *help;
};

extern const struct probe_metric probe_metrics[];
extern const size_t probe_metric_count;

/* Asks the probes, and no source. */
#define COLLECT_HISTOGRAM (GROUP_BLOCKED << 1)

/* What the option Collect knows, by name: field groups, and the above. */
struct collect_name {
  const char *name;
  unsigned group;
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
