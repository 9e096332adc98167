/* SPDX-License-Identifier: MIT */
/*
 * Whatever happens to processes: no counter falls, and nothing is counted
 * twice or lost.  The same seeds each time.
 */
#include "world.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_PID 10
#define PIDS 40
#define STEPS 1500
#define SEEDS 5

static uint64_t seed;

/* Below n; xorshift64*. */
static unsigned chance(unsigned n) {
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (unsigned)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static bool lives[FIRST_PID + PIDS];
/* The interval of its end: a pid does not come again in the same. */
static int ended[FIRST_PID + PIDS], now;

static pid_t any_pid(void) { return FIRST_PID + (pid_t)chance(PIDS); }

static const char *any_comm(void) {
  static const char *const comms[] = {"a", "b", "c", "d"};
  return comms[chance(COUNT_OF(comms))];
}

static void given_groups(void) {
  rule("a", .command = TEXT("a"));
  rule("b", .command = TEXT("b"));
  rule("bc", .command = TEXT("c"), .children = true);
  top("busy", .count = 2, .ranks = 1u << RANK_CPU | 1u << RANK_IO);
  memset(lives, 0, sizeof(lives));
  begin();
}

/* --- no counter falls --- */

/* What was told last, of groups by place (they are permanent) and of
 * processes by pid. */
static struct {
  uint64_t start;
  field_set valid;
  uint64_t value[COUNTER_COUNT];
} last_group[8], last_process[FIRST_PID + PIDS];

/* What all processes together did that could be seen, by our own account. */
static uint64_t seen[COUNTER_COUNT];
static struct {
  uint64_t start, value[COUNTER_COUNT];
} seen_last[FIRST_PID + PIDS];

static void see(bool first) {
  for (size_t i = 0; i < snapshot.count; i++) {
    const struct task *task = &snapshot.tasks[i];
    bool is_new = seen_last[task->pid].start != task->start;
    if (is_new)
      memset(&seen_last[task->pid], 0, sizeof(seen_last[0]));
    seen_last[task->pid].start = task->start;
    for (enum field f = 0; f < STAT_COUNTER_COUNT; f++) {
      uint64_t *last = &seen_last[task->pid].value[f];
      if (!task_has(task, f))
        continue;
      bool grown = task->value[f] > *last;
      if (!(first && is_new) && grown)
        seen[f] += task->value[f] - *last;
      /* A part of CPU time that is in the other one now: until it is exceeded.
       */
      if (grown || (f != FIELD_UTIME && f != FIELD_STIME))
        *last = task->value[f];
    }
  }
}

static void check_tally(size_t place, const struct tally *tally) {
  field_set counters = FIELD_BIT(COUNTER_COUNT) - 1;
  assert_true((last_group[place].valid & ~tally->valid & counters) == 0);
  for (enum field f = 0; f < COUNTER_COUNT; f++)
    assert_true(tally->value[f] >= last_group[place].value[f]);
  last_group[place].valid = tally->valid;
  memcpy(last_group[place].value, tally->value, sizeof(last_group[0].value));
}

/* Be it that it is let go and watched again. */
static void check_process(size_t index) {
  const struct member *m = selection->members[index];
  if (m->group == NULL)
    return;
  bool goes_on = last_process[m->pid].start == m->start;
  for (enum field f = 0; f < COUNTER_COUNT; f++) {
    uint64_t now = told(m->pid, f);
    assert_true(!goes_on || now >= last_process[m->pid].value[f]);
    last_process[m->pid].value[f] = now;
  }
  last_process[m->pid].start = m->start;
}

static void check(void) {
  uint64_t sum[COUNTER_COUNT] = {0};
  check_tally(0, &selection->other);
  for (size_t i = 0; i < selection->group_count; i++)
    check_tally(i + 1, &selection->groups[i]->tally);
  for (size_t i = 0; i < selection->count; i++)
    check_process(i);
  for (enum field f = 0; f < STAT_COUNTER_COUNT; f++) {
    sum[f] = selection->other.value[f];
    for (size_t i = 0; i < selection->group_count; i++)
      sum[f] += selection->groups[i]->tally.value[f];
    assert_true(sum[f] == seen[f]);
  }
}

static void something_happens(void) {
  pid_t pid = any_pid();
  if (!lives[pid]) {
    born(pid, any_comm(), .ppid = any_pid());
    lives[pid] = true;
    return;
  }
  struct being *b = being(pid);
  enum field field = chance(COUNTER_COUNT);
  switch (chance(8)) {
  case 0:
    vanish(pid);
    lives[pid] = false;
    break;
  case 1: /* at once another one has its pid */
    vanish(pid);
    born(pid, any_comm(), .ppid = any_pid());
    break;
  case 2:
    b->value[field] /= 1 + chance(3);
    break;
  case 3: /* what stat shows is always there */
    b->unreadable ^= FIELD_BIT(STAT_COUNTER_COUNT +
                               chance(COUNTER_COUNT - STAT_COUNTER_COUNT));
    break;
  case 4:
    b->comm = any_comm();
    break;
  case 5:
    b->reaped_minflt += chance(100);
    break;
  default:
    b->value[field] += chance(1000);
  }
}

static void no_counter_ever_falls(void **state) {
  seed = 1;
  for (int round = 0; round < SEEDS; round++) {
    world_setup(state);
    memset(last_group, 0, sizeof(last_group));
    memset(last_process, 0, sizeof(last_process));
    memset(seen_last, 0, sizeof(seen_last));
    memset(seen, 0, sizeof(seen));
    given_groups();
    for (int step = 0; step < STEPS; step++) {
      for (unsigned n = chance(12); n > 0; n--)
        something_happens();
      interval();
      see(step == 0);
      check();
    }
    world_teardown(state);
  }
}

/* --- no byte is counted twice --- */

/* The pid of a process without children, or 0: only these end here. */
static pid_t any_leaf(void) {
  pid_t pid = any_pid();
  if (!lives[pid] || pid == FIRST_PID)
    return 0;
  for (pid_t child = FIRST_PID; child < FIRST_PID + PIDS; child++)
    if (lives[child] && being(child)->ppid == pid)
      return 0;
  return pid;
}

static uint64_t bytes; /* that were read, by anybody */

static void somebody_reads_is_born_or_ends(void) {
  pid_t pid = any_pid(), parent = any_pid();
  if (lives[pid]) {
    unsigned more = chance(100);
    being(pid)->value[FIELD_RCHAR] += more;
    being(pid)->value[FIELD_MINFLT] += chance(10);
    bytes += more;
  } else if (lives[parent] && ended[pid] != now) {
    born(pid, "a", .ppid = parent, .cmdline = "a");
    being(pid)->value[FIELD_MINFLT] = 1; /* nobody lives without */
    lives[pid] = true;
  }
  pid_t leaf = any_leaf();
  if (leaf != 0 && chance(2) == 0) {
    reap(leaf);
    lives[leaf] = false;
    ended[leaf] = now;
  }
}

/* All of them are watched, from birth, and everybody waits for its children:
 * then the group has counted exactly what was read. */
static void every_byte_counts_once(void **state) {
  seed = 2;
  for (int round = 0; round < SEEDS; round++) {
    world_setup(state);
    match("a", ".*");
    begin();
    memset(lives, 0, sizeof(lives));
    bytes = 0;
    born(FIRST_PID, "a", .cmdline = "a");
    lives[FIRST_PID] = true;
    interval();
    for (now = 1; now <= STEPS; now++) {
      for (unsigned n = chance(12); n > 0; n--)
        somebody_reads_is_born_or_ends();
      interval();
      assert_int_equal(told_of("a", FIELD_RCHAR), bytes);
    }
    world_teardown(state);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_counter_ever_falls),
      cmocka_unit_test(every_byte_counts_once),
  };
  return RUN(tests);
}
