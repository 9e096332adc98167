/* SPDX-License-Identifier: MIT */
/*
 * Which processes are watched, and under which name.
 *
 * The selection remembers every process of the machine by its identity, so
 * that a rule looks at a process only when it is new, at its second sight
 * (what was just forked has not called exec yet), when its command changes,
 * and once in 30 intervals: a cgroup move, setproctitle() and an exec with the
 * same command change neither pid nor start time.
 */
#ifndef PROCTRACE_SELECT_H
#define PROCTRACE_SELECT_H

#include "ledger.h"
#include "naming.h"
#include "presence.h"
#include "rules.h"

/* A series that was chosen stays for this many intervals. */
#define STAY_INTERVALS 10

enum rank { RANK_CPU, RANK_RSS, RANK_IO, RANK_WAIT, RANKS };

struct top {
  char *name;
  unsigned count;
  unsigned ranks; /* bits of enum rank */
};

struct probe_book;

/* Processes of one name. */
struct group {
  char name[NAME_SIZE];
  bool permanent; /* named by the configuration: told even when empty */
  bool of_top;
  bool in_use;        /* some member points here */
  bool uncertain;     /* there may be members that the scan has missed */
  unsigned processes; /* members now */
  unsigned empty_for; /* intervals */
  /* Its only process, to see a restart; only_pid 0: it has not had one. */
  pid_t only_pid;
  uint64_t only_start, restarts;
  struct presence presence;
  struct tally tally;
  struct probe_book *probed; /* what probes saw; NULL: nothing yet */
  unsigned heirs_slot;       /* of children not yet seen; 0: none */
};

/* One process of the machine, watched or not. */
struct member {
  pid_t pid, ppid;
  uint64_t start;
  char comm[COMM_SIZE];
  bool born;        /* started while we were looking */
  bool settled;     /* gone, and what it leaves behind is entered */
  bool may_live;    /* gone from the snapshot, which could not have it */
  uint8_t gone_for; /* intervals */
  bool look;        /* its rule is to be decided */
  bool reported;    /* has series of its own */
  bool from_birth;  /* its account was opened at its birth */
  int rule;         /* the first that holds of it; -1: none */
  int birth_rule;   /* one with Children from whose process it descends; -1 */
  unsigned sights;
  unsigned top_left;         /* intervals that it stays chosen */
  char shown[COMM_SIZE];     /* the command that names its series, for Top */
  unsigned shown_since;      /* interval; 0: there is none */
  struct group *own;         /* of the rule that holds of itself */
  struct group *birth_group; /* of birth_rule */
  struct group *group;       /* in which it counts; NULL: other */
  struct account *account;   /* once it had a group */
  char *cmdline;             /* where it is told; NULL: not known */
  uint64_t old[STAT_COUNTER_COUNT]; /* the last values of these counters */
  struct ranking *ranking;          /* of top.c; NULL where there is no Top */
  /* Page faults: own and reaped children's; of reaped children alone, and how
   * much these grew of late: the sign that children were waited for. */
  uint64_t *owed; /* see ledger.c; mostly NULL */
  uint64_t tree_minflt, reaped_minflt;
  uint32_t reaped_fresh, reaped_before;
  uint64_t pss, uss; /* if has_pss, of the last round; see pss.h */
  bool pss_due, has_pss;
  struct probe_book *probed; /* what probes saw; NULL: it is not told */
  unsigned slot;             /* in which they count it; 0: in none of its own */
  bool claimed;              /* they know that it is here; see probes_watch.c */
};

/* The name of its series: its rule's, or for Top its command. */
static inline const char *member_name(const struct member *member) {
  return member->group->of_top ? member->shown : member->group->name;
}

struct selection_options {
  struct rule *rules;
  size_t rule_count;
  const struct top *tops;
  size_t top_count;
  unsigned max_processes;
  bool per_process;
  bool command_lines; /* keep those of the reported */
  unsigned look_ms;   /* time to match rules in, of one interval */
};

struct selection {
  struct selection_options options;
  /* One for each of the snapshot's tasks, in the same place. */
  struct member **members;
  size_t count;
  /* Those that vanished in this interval or the two before, and those that may
   * live: see population.h. */
  struct member **gone;
  size_t gone_count, gone_capacity;
  size_t gone_sorted; /* so many of them, by pid and start; then those that
                         were never seen alive */
  size_t *watched;    /* indices of those with a group, ascending */
  size_t watched_count, watched_capacity;
  struct group **groups; /* sorted by name */
  size_t group_count, group_capacity;
  struct tally other;
  unsigned interval;     /* counts them */
  size_t reported;       /* processes with series of their own */
  uint64_t not_reported; /* in this interval, for want of MaxProcesses */
  uint64_t no_memory;    /* what was left out for want of it */
  uint64_t no_group;     /* for want of MaxProcesses, which bounds groups too */
  bool complete;         /* the last scan listed every process */
  size_t missed;         /* of which it could not have so many */
  /* When it began, and the one before it, of those that were not in vain: clock
   * ticks since boot.  UINT64_MAX: there was none. */
  uint64_t scanned_at, scanned_before;
  uint64_t unseen_since; /* who started then or later, and is not remembered,
                            was never seen */
  size_t first_look;     /* whose turn it is when time does not suffice */
};

/* The options' arrays stay the caller's and must outlive it.  NULL: no memory.
 */
struct selection *selection_new(const struct selection_options *options);

/* Decide on what the source has just scanned.  0 or a negative errno. */
int selection_update(struct selection *selection, struct source *source,
                     struct snapshot *snapshot);

/* The place of a living process, or -1. */
ptrdiff_t selection_find(const struct selection *selection, pid_t pid);

/*
 * Decide on a process that was never seen alive, from its command, its user and
 * its descent: its command line and the like are gone with it.
 */
void selection_place_ended(struct selection *selection, struct member *member,
                           const struct task *task, uid_t user);

/* The group that a process's children will be in by birth, or NULL. */
struct group *selection_heirs(const struct selection *selection,
                              const struct member *member);

void selection_free(struct selection *selection);

#endif
