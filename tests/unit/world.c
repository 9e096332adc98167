/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "log.h"

#include <stdlib.h>
#include <string.h>

#define MOST 256

unsigned max_processes, warnings;
struct selection *selection;
struct snapshot snapshot;

static struct rule rules[16];
static struct top tops[4];
static size_t rule_count, top_count, being_count;
static struct being beings[MOST]; /* sorted by pid */
static uint64_t last_start;

bool ends_are_recorded, records_are_late;
static struct ended records[MOST];
static size_t record_count;

void log_line(enum log_level level, const char *format, ...) {
  (void)level;
  (void)format;
  warnings++;
}

/* --- the source --- */

/* Which group of fields a reader must ask for to see this one. */
static unsigned group_of_field(enum field field) {
  if (field < STAT_COUNTER_COUNT || field == FIELD_PROCESSES ||
      field == FIELD_THREADS || field == FIELD_VM)
    return 0;
  if (field >= FIELD_RCHAR && field <= FIELD_WRITE_BYTES)
    return GROUP_IO;
  if (field == FIELD_RUNTIME || field == FIELD_WAIT)
    return GROUP_SCHED;
  return GROUP_STATE;
}

static void show(const struct being *being, struct task *task,
                 unsigned groups) {
  for (enum field f = 0; f < FIELD_COUNT; f++)
    if (group_of_field(f) == groups && !(being->unreadable & FIELD_BIT(f)))
      task_set(task, f, being->value[f]);
}

static int scan(struct source *source, struct snapshot *into) {
  (void)source;
  into->complete = true;
  into->now_ticks = last_start;
  for (size_t i = 0; i < being_count; i++) {
    const struct being *b = &beings[i];
    into->complete &= !b->hidden;
    if (b->stuck)
      assert_true(snapshot_add_missed(into, b->pid));
    if (b->hidden || b->stuck)
      continue;
    struct task *task = snapshot_add_task(into);
    assert_non_null(task);
    task->pid = b->pid;
    task->ppid = b->ppid;
    task->start = b->start;
    strncpy(task->comm, b->comm, COMM_SIZE - 1);
    task->state = 'S';
    task->rss_rough = b->rss;
    task->reaped_minflt = b->reaped_minflt;
    task->tree_minflt = b->value[FIELD_MINFLT] + b->reaped_minflt;
    show(b, task, 0);
  }
  return 0;
}

static char *copy(const char *text, unsigned fact, struct facts *facts) {
  if (text == NULL)
    return NULL;
  facts->known |= fact;
  return strdup(text);
}

static void identify(struct source *source, struct snapshot *of,
                     const size_t *tasks, size_t n, unsigned wanted,
                     struct facts *facts) {
  (void)source;
  for (size_t i = 0; i < n; i++) {
    struct being *b = being(of->tasks[tasks[i]].pid);
    b->looks++;
    if (wanted & FACT_CMDLINE)
      facts[i].cmdline = copy(b->cmdline, FACT_CMDLINE, &facts[i]);
    if (wanted & FACT_CGROUP)
      facts[i].cgroups = copy(b->cgroups, FACT_CGROUP, &facts[i]);
    if (wanted & FACT_EXECUTABLE)
      facts[i].executable = copy(b->executable, FACT_EXECUTABLE, &facts[i]);
    if (wanted & FACT_USER) {
      facts[i].user = b->user;
      facts[i].known |= FACT_USER;
    }
  }
}

static void show_wchan(const struct being *being, struct task *task,
                       struct snapshot *of) {
  if (being->wchan == NULL)
    return;
  task->first_wchan = of->wchan_count;
  task->wchans = 1;
  struct wchan *wchan = snapshot_add_wchan(of);
  assert_non_null(wchan);
  strncpy(wchan->symbol, being->wchan, SYMBOL_SIZE - 1);
  wchan->threads = 1;
}

static void detail(struct source *source, struct snapshot *of,
                   const size_t *tasks, size_t n, unsigned wanted) {
  (void)source;
  for (size_t i = 0; i < n; i++) {
    struct task *task = &of->tasks[tasks[i]];
    for (unsigned bit = 1; bit <= wanted; bit <<= 1)
      if (bit & wanted)
        show(being(task->pid), task, bit);
    if (wanted & GROUP_WCHAN)
      show_wchan(being(task->pid), task, of);
  }
}

static void nothing_to_free(struct source *source) { (void)source; }

static struct source source = {"world", scan, identify, detail,
                               nothing_to_free};

/* --- what happens --- */

void add_rule(struct rule rule) {
  assert_true(rule_count < COUNT_OF(rules));
  /* The texts are the test's own, and may be gone before the rule is. */
  char **texts[] = {&rule.name, &rule.command, &rule.pid_file, &rule.cgroup,
                    &rule.executable};
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    if (*texts[i] != NULL)
      *texts[i] = strdup(*texts[i]);
  rules[rule_count++] = rule;
}

void match(const char *name, const char *pattern) {
  char text[64];
  strcpy(text, name);
  struct rule rule = {.name = text, .has_pattern = true};
  assert_int_equal(regcomp(&rule.pattern, pattern, REG_EXTENDED), 0);
  add_rule(rule);
}

void add_top(struct top top) {
  assert_true(top_count < COUNT_OF(tops));
  top.name = strdup(top.name);
  tops[top_count++] = top;
}

void begin(void) {
  selection =
      selection_new(&(struct selection_options){.rules = rules,
                                                .rule_count = rule_count,
                                                .tops = tops,
                                                .top_count = top_count,
                                                .max_processes = max_processes,
                                                .per_process = true,
                                                .look_ms = 10000});
  assert_non_null(selection);
}

struct being *being(pid_t pid) {
  for (size_t i = 0; i < being_count; i++)
    if (beings[i].pid == pid)
      return &beings[i];
  fail_msg("no process %d", (int)pid);
  return NULL;
}

struct being *add_being(struct being being) {
  size_t place = being_count;
  assert_true(being_count < MOST);
  while (place > 0 && beings[place - 1].pid > being.pid)
    place--;
  assert_true(place == 0 || beings[place - 1].pid < being.pid);
  memmove(&beings[place + 1], &beings[place],
          (being_count++ - place) * sizeof(being));
  last_start += 100;
  if (being.start == 0)
    being.start = last_start;
  being.value[FIELD_PROCESSES] = 1;
  beings[place] = being;
  return &beings[place];
}

static void record_end(const struct being *being) {
  struct ended *ended = &records[record_count];
  assert_true(record_count++ < MOST);
  *ended = (struct ended){
      .task = {.pid = being->pid,
               .ppid = being->ppid,
               .start = being->start,
               .tree_minflt = being->value[FIELD_MINFLT] + being->reaped_minflt,
               .valid = FIELD_BIT(COUNTER_COUNT) - 1},
      .user = being->user,
  };
  strncpy(ended->task.comm, being->comm, COMM_SIZE - 1);
  memcpy(ended->task.value, being->value, sizeof(being->value));
}

static void tell_ends(void) {
  for (size_t i = 0; i < record_count; i++) {
    struct ended *ended = snapshot_add_ended(&snapshot);
    assert_non_null(ended);
    *ended = records[i];
  }
  record_count = 0;
}

void vanish(pid_t pid) {
  struct being *b = being(pid);
  if (ends_are_recorded)
    record_end(b);
  memmove(b, b + 1, (size_t)(&beings[--being_count] - b) * sizeof(*b));
}

void reap(pid_t pid) {
  const struct being *child = being(pid);
  struct being *parent = being(child->ppid);
  for (enum field f = FIELD_RCHAR; f <= FIELD_WRITE_BYTES; f++)
    parent->value[f] += child->value[f];
  parent->reaped_minflt += child->value[FIELD_MINFLT] + child->reaped_minflt;
  vanish(pid);
}

void interval(void) { interval_of_another_source(0); }

void interval_of_another_source(field_set counters) {
  snapshot_reset(&snapshot);
  assert_int_equal(source.scan(&source, &snapshot), 0);
  snapshot.rebase = counters;
  if (!records_are_late)
    tell_ends();
  records_are_late = false;
  assert_int_equal(selection_update(selection, &source, &snapshot), 0);
  source.detail(&source, &snapshot, selection->watched,
                selection->watched_count,
                GROUP_STATE | GROUP_IO | GROUP_SCHED | GROUP_WCHAN);
  ledger_update(selection, &snapshot);
}

void intervals(unsigned n) {
  while (n-- > 0)
    interval();
}

/* --- what the plugin makes of it --- */

struct group *group(const char *name) {
  for (size_t i = 0; i < selection->group_count; i++)
    if (strcmp(selection->groups[i]->name, name) == 0)
      return selection->groups[i];
  return NULL;
}

struct member *member(pid_t pid) {
  ptrdiff_t place = selection_find(selection, pid);
  assert_true(place >= 0);
  return selection->members[place];
}

const char *group_of(pid_t pid) {
  const struct group *group = member(pid)->group;
  return group == NULL ? "" : group->name;
}

uint64_t told(pid_t pid, enum field field) {
  struct tally totals;
  const struct member *of = member(pid);
  assert_non_null(of->account);
  account_totals(of->account, &snapshot.tasks[selection_find(selection, pid)],
                 &totals);
  return totals.value[field];
}

uint64_t told_of(const char *name, enum field field) {
  const struct group *of = group(name);
  assert_non_null(of);
  return of->tally.value[field];
}

/* --- around each test --- */

int world_setup(void **state) {
  (void)state;
  rule_count = top_count = being_count = 0;
  last_start = 0;
  warnings = 0;
  ends_are_recorded = records_are_late = false;
  record_count = 0;
  max_processes = 1000;
  selection = NULL;
  snapshot = (struct snapshot){0};
  return 0;
}

int world_teardown(void **state) {
  (void)state;
  selection_free(selection);
  snapshot_free(&snapshot);
  for (size_t i = 0; i < rule_count; i++)
    rule_free(&rules[i]);
  for (size_t i = 0; i < top_count; i++)
    free(tops[i].name);
  return 0;
}
