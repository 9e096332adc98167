/* SPDX-License-Identifier: MIT */
/*
 * A machine of a few processes, as a source of the plugin, by statements:
 *
 *   rule("db", .command = TEXT("redis"));
 *   begin();
 *   born(7, "redis", .ppid = 3)->value[FIELD_UTIME] = 5;
 *   interval();
 *   assert_int_equal(group("db")->processes, 1);
 */
#ifndef PROCTRACE_TESTS_WORLD_H
#define PROCTRACE_TESTS_WORLD_H

#include "unit.h"

#include "select.h"

/* A string that a rule holds; good until the end of the block. */
#define TEXT(text) ((char[]){text})

/* A process.  What is not said is 0 or unknown. */
struct being {
  pid_t pid, ppid;
  const char *comm;
  uint64_t start; /* 0: later than everyone before */
  uint64_t value[FIELD_COUNT];
  uint64_t rss, reaped_minflt;
  field_set unreadable;
  const char *wchan;   /* where it sleeps */
  bool hidden;         /* this scan misses it and says that it is incomplete */
  bool stuck;          /* this scan knows that it is there, and no more */
  const char *cmdline; /* NULL: can't be read */
  const char *cgroups, *executable;
  uid_t user;
  unsigned looks; /* how often its texts were asked for */
};

/* --- the configuration, before begin() --- */

#define rule(name_, ...)                                                       \
  add_rule((struct rule){.name = TEXT(name_), __VA_ARGS__})
void add_rule(struct rule rule);
/* On the command line. */
void match(const char *name, const char *pattern);
#define top(name_, ...) add_top((struct top){.name = TEXT(name_), __VA_ARGS__})
void add_top(struct top top);
extern unsigned max_processes;

void begin(void);

/* --- what happens --- */

#define born(pid_, comm_, ...)                                                 \
  add_being((struct being){.pid = pid_, .comm = comm_, __VA_ARGS__})
struct being *add_being(struct being being);
struct being *being(pid_t pid);

/* It ends, and nobody waits for it. */
void vanish(pid_t pid);
/* It ends and its parent waits for it: the kernel adds its io and faults. */
void reap(pid_t pid);

/* From now on who ends leaves a record (struct ended) for the next interval, or
 * where it is said for the one after that. */
extern bool ends_are_recorded, records_are_late;

void interval(void);
/* In this one these counters come from somewhere else. */
void interval_of_another_source(field_set counters);
void intervals(unsigned n);

/* --- what the plugin makes of it --- */

extern struct selection *selection;
extern struct snapshot snapshot;
extern unsigned warnings; /* log lines so far */

/* NULL where there is none. */
struct group *group(const char *name);
/* The living process's own, which must be there. */
struct member *member(pid_t pid);
/* Name of the group that it is in, "" for none. */
const char *group_of(pid_t pid);
/* A counter of a process with an account, and of a group. */
uint64_t told(pid_t pid, enum field field);
uint64_t told_of(const char *group, enum field field);

/* Around each test. */
int world_setup(void **state);
int world_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
