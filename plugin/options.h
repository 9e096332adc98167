/* SPDX-License-Identifier: MIT */
/*
 * The configuration.
 *
 * Every complaint is one line that names option, value and what would be
 * right; what is wrong is left out and the rest holds.  Nothing that stands in
 * the configuration may keep collectd from starting.
 */
#ifndef PROCTRACE_OPTIONS_H
#define PROCTRACE_OPTIONS_H

#include "probes_plan.h"

enum source_choice { SOURCE_AUTO, SOURCE_BPF, SOURCE_PROCFS };

/* How many intervals something has to last until it is notified; 0: never. */
struct notify_options {
  unsigned gone, blocked;
};

struct options {
  struct rule *rules;
  size_t rule_count;
  struct top *tops;
  size_t top_count;
  unsigned max_processes, max_threads;
  bool per_process, per_group, other, command_line;
  unsigned collect;   /* enum field_group, COLLECT_HISTOGRAM */
  bool collect_given; /* the default holds no more */
  bool rule_given;    /* be it a broken one: no default of ours then */
  enum source_choice source;
  char *bpf_module; /* NULL: where it was installed */
  char *pin_path;   /* NULL: BPF programs are loaded by ourselves */
  char *proc_root;
  unsigned max_descriptors; /* UINT_MAX: find out */
  unsigned pss_interval;    /* seconds */
  unsigned pss_budget;      /* processes in an interval */
  struct probe_options probes;
  struct notify_options notify;
};

void options_init(struct options *options);

/* Enter one <Plugin> block; several add up. */
struct oconfig_item_s;
void options_read(struct options *options, const struct oconfig_item_s *block);

/* After the last block: where there is no rule at all, Top 20 by cpu. */
void options_complete(struct options *options);

void options_free(struct options *options);

#endif
