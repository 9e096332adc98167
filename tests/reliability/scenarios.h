/* SPDX-License-Identifier: MIT */
/*
 * Lives of the plugin in which something may fail.
 */
#ifndef PROCTRACE_TESTS_SCENARIOS_H
#define PROCTRACE_TESTS_SCENARIOS_H

#include <stdbool.h>

/* Seconds; long, so that a busy machine is not late. */
#define LIFE_INTERVAL 60

struct scenario {
  const char *name;
  const char *options; /* as fixture.h has them */
  unsigned reads;
  unsigned last_change;  /* after that read nothing changes but numbers */
  bool real;             /* the real /proc, and BPF */
  const char *probed;    /* what the probes tell, a pattern of identifiers */
  void (*prepare)(void); /* once, for all lives */
  void (*begin)(void);   /* a life */
  void (*change)(unsigned read); /* before that read, from 1 on */
  void (*end)(void);
  void (*finish)(void);
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

/* ProcRoot or BpfModule. */
const char *scenario_source(const struct scenario *scenario);

/* When a life begins, in seconds since boot. */
#define UPTIME 10000

#endif
