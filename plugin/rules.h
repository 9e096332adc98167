/* SPDX-License-Identifier: MIT */
/*
 * What a rule of the configuration says of one process.
 *
 * Process, ProcessMatch and Select all become a struct rule: conditions of
 * which every one must hold, and a name.
 */
#ifndef PROCTRACE_RULES_H
#define PROCTRACE_RULES_H

#include "source.h"

#include <regex.h>

/* The whole match and \1 to \9. */
#define RULE_MATCHES 10

struct rule {
  char *name;       /* may hold \1 to \9 where there is a pattern */
  char *command;    /* exact, at most what the kernel keeps; NULL: any */
  char *pid_file;   /* NULL: none */
  char *cgroup;     /* this one or any below; NULL: any */
  char *executable; /* absolute path; NULL: any */
  char *text;       /* of the pattern, to compile it anew */
  regex_t pattern;  /* on the command line */
  bool has_pattern;
  bool spoilt;  /* the pattern ran out of memory: it is not compiled any more */
  bool has_pid; /* by Pid, or by a pid_file that can be read just now */
  bool has_user;
  bool children; /* and all that descend from what matches */
  pid_t pid;
  uid_t user;
};

/* Does its name depend on the process? */
bool rule_is_dynamic(const struct rule *rule);

/* What must be known to decide it, beyond the task's own record. */
unsigned rule_facts(const struct rule *rule);

/* False where the task's record alone already says no. */
bool rule_may_match(const struct rule *rule, const struct task *task);

enum verdict {
  RULE_FAILS,
  RULE_HOLDS,
  RULE_OPEN, /* what it takes to know failed, and may not the next time */
};

/*
 * The whole question.  Where it holds, `name` is the rule's name with \1 to \9
 * replaced; it is as hostile as the command line it may come from.
 */
enum verdict rule_judge(struct rule *rule, const struct task *task,
                        const struct facts *facts, char *name, size_t size);

/* Read the PID file anew; true when the PID became another.  Who cannot open it
 * for an error that may pass believes what it said before. */
bool rule_refresh(struct rule *rule);

void rule_free(struct rule *rule);

#endif
