/* SPDX-License-Identifier: MIT */
#include "blocked.h"

#include "room.h"

#include <stdlib.h>
#include <string.h>

static int compare_sleepers(const void *left, const void *right) {
  const struct sleeper *a = left, *b = right;
  if (a->pid != b->pid)
    return a->pid < b->pid ? -1 : 1;
  return a->tid < b->tid ? -1 : a->tid > b->tid;
}

/* NULL: it has ended, or cannot be seen. */
static const struct member *find_process(const struct selection *selection,
                                         pid_t pid) {
  ptrdiff_t place = selection_find(selection, pid);
  return place < 0 ? NULL : selection->members[place];
}

/* --- which sleeps last --- */

static struct sleep begin_sleep(const struct sleeper *sleeper, uint64_t start,
                                uint64_t now) {
  return (struct sleep){
      .sleeper = *sleeper, .start = start, .since = now, .looks = 0};
}

static bool is_same_sleep(const struct sleep *old, const struct sleep *new) {
  return old->start == new->start &&
         old->sleeper.switches == new->sleeper.switches;
}

/* A look that failed wakes nobody: who was missed once is kept, and as long as
 * not all are looked at, or the process itself cannot be. */
static bool is_kept(const struct sleep *old, const struct selection *selection,
                    const struct snapshot *snapshot) {
  const struct member *member = find_process(selection, old->sleeper.pid);
  if (member == NULL)
    return snapshot_may_live(snapshot, old->sleeper.pid);
  return (snapshot->sleepers_cut || old->seen + 1 >= selection->interval) &&
         member->start == old->start;
}

/* Both lists are sorted: one walk joins them. */
static size_t join(const struct blocked *old, const struct selection *selection,
                   const struct snapshot *snapshot, struct sleep *joined) {
  size_t n = 0, o = 0;
  for (size_t i = 0; i < snapshot->sleeper_count; i++) {
    const struct sleeper *sleeper = &snapshot->sleepers[i];
    const struct member *member = find_process(selection, sleeper->pid);
    if (member == NULL)
      continue;
    struct sleep new = begin_sleep(sleeper, member->start, snapshot->now_ticks);
    for (; o < old->sleep_count; o++) {
      const struct sleep *before = &old->sleeps[o];
      int order = compare_sleepers(&before->sleeper, sleeper);
      if (order > 0)
        break;
      if (order < 0 && is_kept(before, selection, snapshot))
        joined[n++] = *before;
      if (order == 0 && is_same_sleep(before, &new)) {
        new.since = before->since;
        new.looks = before->looks;
      }
    }
    new.looks++;
    new.seen = selection->interval;
    joined[n++] = new;
  }
  for (; o < old->sleep_count; o++)
    if (is_kept(&old->sleeps[o], selection, snapshot))
      joined[n++] = old->sleeps[o];
  return n;
}

/* False: no memory, and nothing has changed. */
static bool remember(struct blocked *blocked, const struct selection *selection,
                     struct snapshot *snapshot) {
  size_t most = blocked->sleep_count + snapshot->sleeper_count;
  struct sleep *joined = calloc(most + 1, sizeof(*joined)); /* never of 0 */
  if (joined == NULL)
    return false;
  if (snapshot->sleeper_count > 0)
    qsort(snapshot->sleepers, snapshot->sleeper_count,
          sizeof(*snapshot->sleepers), compare_sleepers);
  size_t n = join(blocked, selection, snapshot, joined);
  free(blocked->sleeps);
  blocked->sleeps = joined;
  blocked->sleep_count = n;
  return true;
}

/* --- telling --- */

static struct told *find_told(const struct blocked *blocked,
                              const struct sleep *sleep) {
  for (size_t i = 0; i < blocked->told_count; i++)
    if (blocked->told[i].pid == sleep->sleeper.pid &&
        blocked->told[i].start == sleep->start)
      return &blocked->told[i];
  return NULL;
}

static struct told *reserve_told(struct blocked *blocked) {
  return make_room(blocked->told, blocked->told_capacity,
                   blocked->told_count + 1)
             ? &blocked->told[blocked->told_count]
             : NULL;
}

/* Of the series that has it: the process's own, or its group's. */
static void name_told(char instance[INSTANCE_SIZE],
                      const struct member *member) {
  if (member->reported)
    name_process(instance, member_name(member), member->pid);
  else
    strcpy(instance, member->group->name);
}

static struct notice *add(struct notices *notices, enum severity severity,
                          const struct told *told) {
  struct notice *notice =
      notices_add(notices, severity, told->instance, "ps_state", "blocked");
  if (notice != NULL)
    notice_say(notice, "%s: ", told->instance);
  return notice;
}

static void tell(struct blocked *blocked, const struct snapshot *snapshot,
                 const struct member *member, const struct sleep *longest,
                 unsigned others, struct notices *notices) {
  struct told *told = reserve_told(blocked);
  if (told == NULL)
    return;
  *told =
      (struct told){.pid = member->pid, .start = member->start, .holds = true};
  name_told(told->instance, member);
  struct notice *notice = add(notices, SEVERITY_WARNING, told);
  if (notice == NULL)
    return;
  blocked->told_count++;
  char comm[NAME_SIZE], wchan[NAME_SIZE];
  name_clean(comm, longest->sleeper.comm);
  name_clean(wchan, longest->sleeper.wchan);
  uint64_t ticks = snapshot->now_ticks - longest->since;
  notice_say(notice, "thread %d (%s) has been blocked for %u s",
             (int)longest->sleeper.tid, comm,
             (unsigned)((ticks + snapshot->ticks / 2) / snapshot->ticks));
  if (longest->sleeper.wchan[0] != '\0')
    notice_say(notice, " in %s", wchan);
  if (others > 0)
    notice_say(notice, ", %u more of its threads too", others);
}

/* The threads of one process, which stand together; returns their number. */
static size_t tell_process(struct blocked *blocked,
                           const struct selection *selection,
                           const struct snapshot *snapshot, size_t first,
                           unsigned intervals, struct notices *notices) {
  const struct sleep *longest = NULL;
  unsigned lasting = 0;
  size_t i = first;
  pid_t pid = blocked->sleeps[first].sleeper.pid;
  for (; i < blocked->sleep_count && blocked->sleeps[i].sleeper.pid == pid;
       i++) {
    const struct sleep *sleep = &blocked->sleeps[i];
    if (sleep->looks <= intervals)
      continue;
    lasting++;
    if (longest == NULL || sleep->since < longest->since)
      longest = sleep;
  }
  const struct member *member = find_process(selection, pid);
  if (longest == NULL || member == NULL || member->group == NULL)
    return i - first;
  struct told *told = find_told(blocked, longest);
  if (told != NULL)
    told->holds = true;
  else
    tell(blocked, snapshot, member, longest, lasting - 1, notices);
  return i - first;
}

static void tell_ends(struct blocked *blocked,
                      const struct selection *selection,
                      const struct snapshot *snapshot,
                      struct notices *notices) {
  size_t kept = 0;
  for (size_t i = 0; i < blocked->told_count; i++) {
    struct told *told = &blocked->told[i];
    const struct member *member = find_process(selection, told->pid);
    bool lives = member != NULL && member->start == told->start;
    bool holds = told->holds ||
                 (member == NULL && snapshot_may_live(snapshot, told->pid));
    struct notice *notice = holds ? NULL : add(notices, SEVERITY_OKAY, told);
    if (notice == NULL)
      blocked->told[kept++] = *told;
    else
      notice_say(notice, lives && member->group == NULL
                             ? "is not watched any more"
                         : lives ? "no thread is blocked any more"
                                 : "has ended, and was blocked until then");
  }
  blocked->told_count = kept;
}

void blocked_update(struct blocked *blocked, const struct selection *selection,
                    struct snapshot *snapshot, unsigned intervals,
                    struct notices *notices) {
  if (!remember(blocked, selection, snapshot))
    return;
  for (size_t i = 0; i < blocked->told_count; i++)
    blocked->told[i].holds = false;
  for (size_t i = 0; i < blocked->sleep_count;)
    i += tell_process(blocked, selection, snapshot, i, intervals, notices);
  tell_ends(blocked, selection, snapshot, notices);
}

void blocked_free(struct blocked *blocked) {
  free(blocked->sleeps);
  free(blocked->told);
  *blocked = (struct blocked){0};
}
