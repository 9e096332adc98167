/* SPDX-License-Identifier: MIT */
#include "top.h"

#include <stdlib.h>
#include <string.h>

/* The totals of the last interval. */
struct ranking {
  uint64_t last[RANKS];
  unsigned known; /* a bit for each that could be read */
};

unsigned top_groups(const struct top *top) {
  return (top->ranks & 1u << RANK_IO ? GROUP_IO : 0u) |
         (top->ranks & 1u << RANK_WAIT ? GROUP_SCHED : 0u);
}

static uint64_t total_of(const struct task *task, enum rank rank) {
  switch (rank) {
  case RANK_CPU:
    return task->value[FIELD_UTIME] + task->value[FIELD_STIME];
  case RANK_RSS:
    return task->rss_rough;
  case RANK_IO:
    return task->value[FIELD_READ_BYTES] + task->value[FIELD_WRITE_BYTES];
  default:
    return task->value[FIELD_WAIT];
  }
}

static bool is_known(const struct task *task, enum rank rank) {
  switch (rank) {
  case RANK_IO:
    return task_has(task, FIELD_READ_BYTES);
  case RANK_WAIT:
    return task_has(task, FIELD_WAIT);
  default:
    return true;
  }
}

/* How much one process has to be on top; total breaks ties, so that an idle
 * machine shows the same processes each time. */
struct claim {
  uint64_t used, total;
  size_t index;
};

static bool exceeds(const struct claim *a, const struct claim *b) {
  return a->used != b->used ? a->used > b->used : a->total > b->total;
}

static struct claim claim_of(const struct selection *selection,
                             const struct snapshot *snapshot, size_t index,
                             enum rank rank) {
  const struct member *member = selection->members[index];
  struct claim claim = {.index = index};
  if (!is_known(&snapshot->tasks[index], rank))
    return claim;
  claim.total = total_of(&snapshot->tasks[index], rank);
  const struct ranking *ranking = member->ranking;
  bool newborn = member->born && member->sights == 1;
  uint64_t before = newborn || ranking == NULL ? 0 : ranking->last[rank];
  if (rank == RANK_RSS)
    claim.used = claim.total;
  else if (newborn || (ranking != NULL && ranking->known & 1u << rank))
    claim.used = claim.total > before ? claim.total - before : 0;
  return claim;
}

/* Put a claim in its place among the `count` best so far, of at most `most`. */
static size_t insert(struct claim *best, size_t count, size_t most,
                     const struct claim *claim) {
  if (count == most && !exceeds(claim, &best[most - 1]))
    return count;
  size_t at = count < most ? count++ : most - 1;
  for (; at > 0 && exceeds(claim, &best[at - 1]); at--)
    best[at] = best[at - 1];
  best[at] = *claim;
  return count;
}

static void choose_by(enum rank rank, unsigned most, struct group *group,
                      struct selection *selection,
                      const struct snapshot *snapshot, struct claim *best) {
  size_t count = 0;
  for (size_t i = 0; i < selection->count; i++) {
    struct claim claim = claim_of(selection, snapshot, i, rank);
    if (claim.used > 0 || claim.total > 0)
      count = insert(best, count, most, &claim);
  }
  for (size_t i = 0; i < count; i++) {
    struct member *member = selection->members[best[i].index];
    if (member->group == NULL)
      member->group = group;
    member->top_left = STAY_INTERVALS;
  }
}

void top_choose(const struct top *top, struct group *group,
                struct selection *selection, const struct snapshot *snapshot) {
  if (selection->scanned_before == UINT64_MAX) /* nobody has grown yet */
    return;
  struct claim *best = calloc(top->count, sizeof(*best));
  if (best == NULL) { /* who was on top before stays there for now */
    selection->no_memory++;
    return;
  }
  for (enum rank rank = 0; rank < RANKS; rank++)
    if (top->ranks & 1u << rank)
      choose_by(rank, top->count, group, selection, snapshot, best);
  free(best);
}

void top_remember(struct selection *selection,
                  const struct snapshot *snapshot) {
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    if (member->ranking == NULL)
      member->ranking = calloc(1, sizeof(*member->ranking));
    if (member->ranking == NULL) { /* it is not ranked then */
      selection->no_memory++;
      continue;
    }
    member->ranking->known = 0;
    for (enum rank rank = 0; rank < RANKS; rank++) {
      if (!is_known(&snapshot->tasks[i], rank))
        continue;
      member->ranking->last[rank] = total_of(&snapshot->tasks[i], rank);
      member->ranking->known |= 1u << rank;
    }
  }
}
