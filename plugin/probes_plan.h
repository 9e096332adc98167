/* SPDX-License-Identifier: MIT */
/*
 * From what the operator wants of the probes to what is asked of the module:
 * for collectd and for proctrace-bpf.
 */
#ifndef PROCTRACE_PROBES_PLAN_H
#define PROCTRACE_PROBES_PLAN_H

#include "books.h"
#include "bpf_module.h"

/* What the operator wants. */
struct probe_options {
  unsigned wanted, host; /* PROBE_BIT() */
  bool syscall_latency;
  char *latency_of[LATENCY_NAMES];
  unsigned latency_of_count;
  unsigned names, percentiles[PERCENTILES_MOST], percentile_count;
  unsigned memory_mib;
};

/*
 * What to ask of the module for so many processes and groups with heirs: names
 * to numbers, and as many shards or else slots as ProbeMemory allows.
 */
void probes_plan(const struct probe_options *options,
                 const struct bpf_module *module, unsigned processes,
                 unsigned heirs, struct probe_setup *out);

#endif
