/* SPDX-License-Identifier: MIT */
/*
 * What a source of processes is.
 *
 * The plugin calls, once an interval and from one thread: scan, then identify
 * and detail as often as the selection needs.  No function may be NULL.
 */
#ifndef PROCTRACE_SOURCE_H
#define PROCTRACE_SOURCE_H

#include "snapshot.h"

/* Texts about a process that rules match on; which of them are asked for. */
enum fact {
  FACT_CMDLINE = 1 << 0,
  FACT_USER = 1 << 1,
  FACT_CGROUP = 1 << 2,
  FACT_EXECUTABLE = 1 << 3,
  FACT_ALL = 15,
};

struct facts {
  unsigned known;   /* which of the below could be read */
  unsigned failed;  /* which could not, by an error that may pass, see
                       error_may_pass(): it pays to ask again */
  char *cmdline;    /* arguments joined by blanks, at most 4095 bytes; "" for a
                       kernel thread */
  char *cgroups;    /* the lines of /proc/<pid>/cgroup */
  char *executable; /* what the link exe says */
  uid_t user;       /* effective */
};

void facts_free(struct facts *facts);

struct source {
  const char *name; /* as gauge-source_<name> says it */

  /*
   * Add a record for each process that lives, with its identity and every
   * value that comes along without further cost (procfs: those of stat).
   * Returns 0, or a negative errno: then nothing is known of this interval.
   */
  int (*scan)(struct source *source, struct snapshot *snapshot);

  /*
   * Read texts of n processes (tasks: indices into the snapshot) into
   * facts[0..n), which come zeroed; the caller frees each with facts_free.
   */
  void (*identify)(struct source *source, struct snapshot *snapshot,
                   const size_t *tasks, size_t n, unsigned wanted,
                   struct facts *facts);

  /*
   * Add the wanted field groups of n processes.  What can't be read stays
   * invalid and is counted in the snapshot's losses.  GROUP_BASIC says that
   * they are watched: it pays to prepare for the next time.
   */
  void (*detail)(struct source *source, struct snapshot *snapshot,
                 const size_t *tasks, size_t n, unsigned wanted);

  void (*free)(struct source *source);
};

#endif
