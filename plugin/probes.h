/* SPDX-License-Identifier: MIT */
/*
 * What only the kernel knows, for each watched process, its group and the host.
 *
 * BPF programs count in slots (bpf/proctrace.h).  Here it is decided who has
 * one; once an interval all slots are read, and what they grew by is entered
 * in the books of their owners.
 */
#ifndef PROCTRACE_PROBES_H
#define PROCTRACE_PROBES_H

#include "books.h"
#include "select.h"

/*
 * Children that a process will have count in a slot of their group, the heirs',
 * until they are seen themselves.  A slot that was left rests: who counted
 * there may be at it still.
 */
enum slot_use { SLOT_FREE, SLOT_OF_PROCESS, SLOT_OF_HEIRS, SLOT_RESTING };

struct slot {
  enum slot_use use;
  unsigned free_from;   /* resting: until this interval */
  uint32_t pid;         /* kernel_pid of its process */
  struct watched entry; /* as the kernel knows it */
  void *baseline;       /* NULL: it was never in use */
  /* Found anew in each interval. */
  struct member *member; /* of a process; NULL: it is forgotten */
  struct group *group;   /* in which it counts */
  bool lives;            /* that process */
  bool wanted;           /* heirs are to come */
};

struct probes {
  const struct bpf_module *module;
  struct bpf_programs *programs; /* NULL: nothing runs */
  struct probe_state state;
  unsigned loaded; /* of its probes, told or not */
  struct probe_setup setup;
  char named[LATENCY_NAMES][SYSCALL_NAME_SIZE]; /* of setup.named */
  struct book_style style;
  struct results *results;
  struct cells cells;
  struct slot *slots;   /* setup.slots of them */
  unsigned highest;     /* the last that was ever in use */
  unsigned interval;    /* counts those in which processes can be watched */
  unsigned heirs_until; /* until this interval heirs may be unseen */
  bool uncommitted;     /* the kernel has yet to look */
  struct probe_book *host;
  bool told; /* the slots of this interval could be read */

  /* What it costs and loses, told as self. */
  uint64_t losses[PROBE_LOSSES], not_watched, not_read, missed;
  /* Of other programs, before these. */
  uint64_t earlier_losses[PROBE_LOSSES], earlier_missed;
  struct probe_cost earlier_cost[PROBES];
  size_t unprobed;        /* processes without a slot, in this interval */
  int requests, connects; /* in flight; -1: not known */
  struct probe_cost cost[PROBES];
  bool said_short, said_read, said_memory, said_missed;
};

/* Books without programs, until these are attached.  NULL: no memory. */
struct probes *probes_new(const struct bpf_module *module,
                          const struct book_style *style);

/*
 * Take the results of these programs from now on, of those probes of `wanted`
 * (0: all) that run; why others do not is said in the log.  NULL: there are
 * none, for a while.  The books go on.  Programs stay the caller's, and are
 * closed after this.  False: there is no memory for it now, which is said once.
 */
bool probes_attach(struct probes *probes, struct selection *selection,
                   struct bpf_programs *programs, unsigned wanted);

/* After selection and detail, before the report. */
void probes_update(struct probes *probes, struct selection *selection,
                   const struct snapshot *snapshot);

void probes_free(struct probes *probes);

#endif
