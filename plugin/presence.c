/* SPDX-License-Identifier: MIT */
#include "presence.h"

#include "notices.h"
#include "select.h"

/* A process that ends again and again is not waited for any longer than so
 * many times the patience. */
#define RESTLESS 3

/* It has ended, and its parent has not looked yet. */
static bool has_ended(const struct task *task) {
  return task->state == 'Z' && task->value[FIELD_THREADS] <= 1;
}

static void find_oldest(const struct selection *selection,
                        const struct snapshot *snapshot) {
  for (size_t i = 0; i < selection->group_count; i++)
    selection->groups[i]->presence.oldest = NULL;
  for (size_t i = 0; i < selection->watched_count; i++) {
    size_t index = selection->watched[i];
    const struct member *member = selection->members[index];
    const struct member **oldest = &member->group->presence.oldest;
    if (!has_ended(&snapshot->tasks[index]) &&
        (*oldest == NULL || member->start < (*oldest)->start))
      *oldest = member;
  }
}

/* The process that counts, if it lives; be it in this group or not. */
static const struct member *find_living(const struct selection *selection,
                                        const struct snapshot *snapshot,
                                        const struct presence *presence) {
  ptrdiff_t place = selection_find(selection, presence->pid);
  if (place < 0 || selection->members[place]->start != presence->start ||
      has_ended(&snapshot->tasks[place]))
    return NULL;
  return selection->members[place];
}

/* Who may take the place is the oldest that is left, or was started since. */
static void follow_next(struct presence *presence) {
  const struct member *oldest = presence->oldest;
  bool same = oldest != NULL && oldest->pid == presence->next_pid &&
              oldest->start == presence->next_start;
  presence->next_for = oldest == NULL ? 0 : same ? presence->next_for + 1 : 1;
  presence->next_pid = oldest == NULL ? 0 : oldest->pid;
  presence->next_start = oldest == NULL ? 0 : oldest->start;
}

static void settle(struct presence *presence, uint64_t now) {
  *presence = (struct presence){
      .pid = presence->next_pid, .start = presence->next_start, .seen_at = now};
}

static struct notice *add(struct notices *notices, enum severity severity,
                          const struct group *group) {
  struct notice *notice =
      notices_add(notices, severity, group->name, "ps_count", "");
  if (notice != NULL)
    notice_say(notice, "%s: ", group->name);
  return notice;
}

static bool tell_gone(const struct group *group, struct notices *notices) {
  const struct presence *presence = &group->presence;
  struct notice *notice = add(notices, SEVERITY_FAILURE, group);
  if (notice == NULL)
    return false;
  notice_say(notice, "process %d is gone", (int)presence->pid);
  if (presence->oldest != NULL)
    notice_say(notice, ", and what starts in its place ends again, %d just now",
               (int)presence->next_pid);
  return true;
}

static bool tell_next(const struct group *group, struct notices *notices) {
  const struct presence *presence = &group->presence;
  int pid = (int)presence->pid, next = (int)presence->next_pid;
  struct notice *notice =
      add(notices, presence->gone ? SEVERITY_OKAY : SEVERITY_WARNING, group);
  if (notice == NULL)
    return false;
  if (presence->gone)
    notice_say(notice, "is back as process %d; it was %d", next, pid);
  else if (presence->next_start >= presence->seen_at)
    notice_say(notice, "process %d is gone, and back as %d", pid, next);
  else
    notice_say(notice, "process %d, the oldest, is gone; %u are left", pid,
               group->processes);
  return true;
}

static void follow_missing(struct group *group, unsigned patience, uint64_t now,
                           struct notices *notices) {
  struct presence *presence = &group->presence;
  presence->missing_for++;
  if (presence->next_for >= patience) {
    if (tell_next(group, notices))
      settle(presence, now);
  } else if (!presence->gone && presence->missing_for >= patience &&
             (presence->oldest == NULL ||
              presence->missing_for >= RESTLESS * patience)) {
    presence->gone = tell_gone(group, notices);
  }
}

static void follow(const struct selection *selection,
                   const struct snapshot *snapshot, struct group *group,
                   unsigned patience, struct notices *notices) {
  struct presence *presence = &group->presence;
  uint64_t now = snapshot->now_ticks;
  const struct member *living =
      presence->pid == 0 ? NULL : find_living(selection, snapshot, presence);
  if (living != NULL && living->group == group && !presence->gone) {
    presence->seen_at = now;
    presence->missing_for = presence->next_for = 0;
    return;
  }
  if (living != NULL && living->group != group) /* no longer what it was */
    *presence = (struct presence){.oldest = presence->oldest};
  follow_next(presence);
  if (presence->pid != 0)
    follow_missing(group, patience, now, notices);
  else if (presence->next_for >= patience)
    settle(presence, now);
}

void presence_update(const struct selection *selection,
                     const struct snapshot *snapshot, unsigned intervals,
                     struct notices *notices) {
  if (!selection->complete) /* who is missing may live */
    return;
  find_oldest(selection, snapshot);
  for (size_t i = 0; i < selection->group_count; i++)
    if (!selection->groups[i]->of_top && !selection->groups[i]->uncertain)
      follow(selection, snapshot, selection->groups[i], intervals, notices);
}
