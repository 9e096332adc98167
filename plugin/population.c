/* SPDX-License-Identifier: MIT */
#include "population.h"

#include "books.h"
#include "room.h"

#include <stdlib.h>
#include <string.h>

/* So long the missing may come back while scans don't list everyone. */
#define INCOMPLETE_SCANS 10

static void member_free(struct member *member) {
  account_free(member->account);
  book_free(member->probed);
  free(member->cmdline);
  free(member->owed);
  free(member->ranking);
  free(member);
}

/*
 * A scan that missed a process has it among those gone: it is the same still.
 */
static struct member *revive(struct selection *selection,
                             const struct task *task) {
  for (size_t i = 0; i < selection->gone_count; i++) {
    struct member *member = selection->gone[i];
    if (member->pid != task->pid || member->start != task->start)
      continue;
    selection->gone[i] = selection->gone[--selection->gone_count];
    member->gone_for = 0;
    member->pss_due = member->has_pss = false; /* a round may have begun */
    return member;
  }
  return NULL;
}

static struct member *member_new(const struct task *task, bool born) {
  struct member *member = calloc(1, sizeof(*member));
  if (member == NULL)
    return NULL;
  member->pid = task->pid;
  member->start = task->start;
  member->born = born;
  member->rule = member->birth_rule = -1;
  return member;
}

static int compare_members(const void *left, const void *right) {
  const struct member *a = *(struct member *const *)left;
  const struct member *b = *(struct member *const *)right;
  if (a->pid != b->pid)
    return a->pid < b->pid ? -1 : 1;
  return a->start < b->start ? -1 : a->start > b->start;
}

/* Who has waited long enough is forgotten; the others are sorted. */
static void forget_gone(struct selection *selection,
                        const struct snapshot *snapshot) {
  size_t kept = 0;
  unsigned most = snapshot->complete ? 2 : INCOMPLETE_SCANS;
  for (size_t i = 0; i < selection->gone_count; i++) {
    struct member *member = selection->gone[i];
    member->may_live = snapshot_may_live(snapshot, member->pid);
    if (snapshot_has_missed(snapshot, member->pid) || member->gone_for++ < most)
      selection->gone[kept++] = member;
    else
      member_free(member);
  }
  selection->gone_count = selection->gone_sorted = kept;
  if (kept > 0)
    qsort(selection->gone, kept, sizeof(struct member *), compare_members);
}

struct member *population_find_gone(const struct selection *selection,
                                    pid_t pid, uint64_t latest_start) {
  /* Those that were never seen are the last, and not sorted: a parent is
   * mostly near the end. */
  for (size_t i = selection->gone_count; i > selection->gone_sorted; i--) {
    struct member *member = selection->gone[i - 1];
    if (member->pid == pid && member->start <= latest_start)
      return member;
  }
  size_t low = 0, high = selection->gone_sorted;
  while (low < high) { /* the first that is later */
    size_t middle = low + (high - low) / 2;
    const struct member *member = selection->gone[middle];
    if (member->pid < pid ||
        (member->pid == pid && member->start <= latest_start))
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && selection->gone[low - 1]->pid == pid
             ? selection->gone[low - 1]
             : NULL;
}

struct member *population_add_ended(struct selection *selection,
                                    const struct task *task) {
  if (!make_room(selection->gone, selection->gone_capacity,
                 selection->gone_count + 1))
    return NULL;
  struct member *member = member_new(task, true);
  if (member == NULL)
    return NULL;
  member->ppid = task->ppid;
  member->sights = 1;
  member->gone_for = 1;
  member->tree_minflt = task->tree_minflt;
  selection->gone[selection->gone_count++] = member;
  return member;
}

bool population_update(struct selection *selection, struct snapshot *snapshot) {
  size_t old_count = selection->count, kept = 0, o = 0;
  struct member **members = NULL;
  size_t capacity = 0;
  if (!make_room(members, capacity, snapshot->count) ||
      !make_room(selection->gone, selection->gone_capacity,
                 selection->gone_count + old_count)) {
    free(members);
    return false;
  }
  bool saw_all = selection->complete && selection->missed == 0;
  for (size_t i = 0; i < snapshot->count; i++) {
    const struct task *task = &snapshot->tasks[i];
    struct member *member = NULL;
    for (; o < old_count && selection->members[o]->pid <= task->pid; o++) {
      struct member *old = selection->members[o];
      if (old->pid == task->pid && old->start == task->start)
        member = old;
      else
        selection->gone[selection->gone_count++] = old;
    }
    if (member == NULL && !saw_all)
      member = revive(selection, task);
    /* Who started before the last scan was hidden from it, by hidepid say. */
    bool born = task->start + 1 >= selection->scanned_at;
    if (member == NULL && (member = member_new(task, born)) == NULL) {
      selection->no_memory++;
      continue;
    }
    member->ppid = task->ppid;
    if (kept != i)
      snapshot->tasks[kept] = *task;
    members[kept++] = member;
  }
  for (; o < old_count; o++)
    selection->gone[selection->gone_count++] = selection->members[o];
  free(selection->members);
  selection->members = members;
  selection->count = snapshot->count = kept;
  selection->unseen_since = selection->scanned_before;
  selection->scanned_before = selection->scanned_at;
  selection->scanned_at = snapshot->now_ticks;
  forget_gone(selection, snapshot);
  return true;
}

void population_free(struct selection *selection) {
  for (size_t i = 0; i < selection->count; i++)
    member_free(selection->members[i]);
  for (size_t i = 0; i < selection->gone_count; i++)
    member_free(selection->gone[i]);
  free(selection->members);
  free(selection->gone);
}
