/* SPDX-License-Identifier: MIT */
#include "pss.h"

#include "room.h"

#include <stdlib.h>

/* Who comes later waits for the next round: else one might never end. */
static void begin(struct pss *pss, const struct selection *selection) {
  pss->running = true;
  pss->age = 0;
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    member->pss_due = member->group != NULL;
    member->has_pss = false; /* Top may have let it go, and choose it again */
  }
}

/* Read those of this round that wait for it; true when nobody does then. */
static bool read_some(struct pss *pss, struct source *source,
                      struct snapshot *snapshot, struct selection *selection) {
  size_t *due = NULL, capacity = 0, n = 0;
  if (!make_room(due, capacity, pss->budget)) {
    snapshot->losses[LOSS_FAILED]++;
    return false;
  }
  bool all = true;
  for (size_t i = 0; i < selection->watched_count; i++) {
    size_t index = selection->watched[i];
    if (!selection->members[index]->pss_due)
      continue;
    if (n == pss->budget) {
      all = false;
      break;
    }
    due[n++] = index;
  }
  source->detail(source, snapshot, due, n, GROUP_PSS);
  for (size_t i = 0; i < n; i++) {
    struct member *member = selection->members[due[i]];
    const struct task *task = &snapshot->tasks[due[i]];
    member->pss_due = false;
    member->has_pss = task_has(task, FIELD_PSS);
    member->pss = task->value[FIELD_PSS];
    member->uss = task->value[FIELD_USS];
  }
  free(due);
  return all;
}

/* Only a complete round is told, of all its processes. */
static void show(const struct pss *pss, struct snapshot *snapshot,
                 const struct selection *selection) {
  for (size_t i = 0; i < selection->watched_count; i++) {
    const struct member *member = selection->members[selection->watched[i]];
    struct task *task = &snapshot->tasks[selection->watched[i]];
    task->valid &= ~(FIELD_BIT(FIELD_PSS) | FIELD_BIT(FIELD_USS));
    if (pss->complete && member->has_pss) {
      task_set(task, FIELD_PSS, member->pss);
      task_set(task, FIELD_USS, member->uss);
    }
  }
}

void pss_update(struct pss *pss, struct source *source,
                struct snapshot *snapshot, struct selection *selection) {
  if (!pss->running && (pss->age == 0 || pss->age >= pss->intervals))
    begin(pss, selection);
  pss->age++;
  pss->complete = pss->running && read_some(pss, source, snapshot, selection);
  pss->running &= !pss->complete;
  show(pss, snapshot, selection);
}
