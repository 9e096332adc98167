/* SPDX-License-Identifier: MIT */
/*
 * Whom the probes watch: everyone who is in a group, as long as there are
 * slots.
 */
#include "log.h"
#include "probes.h"
#include "probes_rooms.h"

#include <errno.h>
#include <stdlib.h>

/* Intervals that a slot rests: all that was under way is in the baseline then.
 * A child that was born into the heirs' is seen one interval later. */
#define REST 1
#define HEIRS_REST 2

/* --- owners --- */

static void set_owner(struct probes *probes, struct member *member,
                      bool lives) {
  if (member->slot == 0)
    return;
  struct slot *slot = &probes->slots[member->slot];
  slot->member = member;
  slot->group = member->group;
  slot->lives = lives;
}

/* Members and groups come and go; what is kept of them is found anew. */
void probes_find_owners(struct probes *probes, struct selection *selection) {
  for (unsigned i = 1; i <= probes->highest; i++) {
    probes->slots[i].member = NULL;
    probes->slots[i].group = NULL;
    probes->slots[i].lives = probes->slots[i].wanted = false;
  }
  for (size_t i = 0; i < selection->gone_count; i++)
    set_owner(probes, selection->gone[i], false);
  for (size_t i = 0; i < selection->count; i++)
    set_owner(probes, selection->members[i], true);
  for (size_t i = 0; i < selection->group_count; i++)
    if (selection->groups[i]->heirs_slot != 0)
      probes->slots[selection->groups[i]->heirs_slot].group =
          selection->groups[i];
  for (size_t i = 0; i < selection->watched_count; i++) {
    const struct member *member = selection->members[selection->watched[i]];
    const struct group *heirs = selection_heirs(selection, member);
    if (heirs != NULL && heirs->heirs_slot != 0)
      probes->slots[heirs->heirs_slot].wanted = true;
  }
}

/* --- the kernel's map --- */

/* What fails is tried again in the next interval. */
static bool watch(struct probes *probes, uint32_t pid,
                  const struct watched *entry) {
  int status = probes->module->watch(probes->programs, pid, entry);
  if (status != 0)
    probes->not_watched++;
  else
    probes->uncommitted = true;
  return status == 0;
}

/* Who has ended is not there any more. */
static bool unwatch(struct probes *probes, uint32_t pid) {
  int status = probes->module->unwatch(probes->programs, pid);
  if (status == 0)
    probes->uncommitted = true;
  else if (status != -ENOENT)
    probes->not_watched++;
  return status == 0 || status == -ENOENT;
}

static void commit(struct probes *probes) {
  if (!probes->uncommitted)
    return;
  if (probes->module->commit(probes->programs) == 0)
    probes->uncommitted = false;
  else
    probes->not_watched++;
}

/* --- slots that are left --- */

static void rest(struct probes *probes, struct slot *slot, unsigned intervals) {
  slot->use = SLOT_RESTING;
  slot->free_from = probes->interval + intervals;
}

static bool keeps_slot(const struct slot *slot,
                       const struct snapshot *snapshot) {
  if (slot->member == NULL)
    return false;
  return slot->lives ? slot->group != NULL
                     : snapshot_may_live(snapshot, slot->member->pid);
}

/* Before slots are given: the pid may be somebody else's now. */
static void leave_process(struct probes *probes, struct slot *slot,
                          const struct snapshot *snapshot) {
  if (keeps_slot(slot, snapshot) || !unwatch(probes, slot->pid))
    return;
  if (slot->member != NULL)
    slot->member->slot = 0;
  rest(probes, slot, REST);
}

static void leave_heirs(struct probes *probes, struct slot *slot,
                        const struct snapshot *snapshot) {
  if (slot->group != NULL &&
      (slot->wanted || !snapshot->complete || slot->group->uncertain))
    return;
  if (slot->group != NULL)
    slot->group->heirs_slot = 0;
  rest(probes, slot, HEIRS_REST);
}

static void leave_slots(struct probes *probes,
                        const struct snapshot *snapshot) {
  for (unsigned i = 1; i <= probes->highest; i++) {
    struct slot *slot = &probes->slots[i];
    if (slot->use == SLOT_OF_PROCESS)
      leave_process(probes, slot, snapshot);
    else if (slot->use == SLOT_OF_HEIRS)
      leave_heirs(probes, slot, snapshot);
    else if (slot->use == SLOT_RESTING && probes->interval >= slot->free_from)
      slot->use = SLOT_FREE;
  }
}

/* --- slots that are given --- */

/* Its number, or 0: there is none, or it could not be read.  *from: all below
 * are in use. */
static unsigned find_free(struct probes *probes, unsigned *from) {
  while (*from < probes->setup.slots && probes->slots[*from].use != SLOT_FREE)
    ++*from;
  if (*from == probes->setup.slots || (probes->slots[*from].baseline == NULL &&
                                       !probes_take_baseline(probes, *from)))
    return 0;
  return *from;
}

static void give_heirs_slots(struct probes *probes,
                             const struct selection *selection,
                             unsigned *from) {
  for (size_t i = 0; i < selection->watched_count; i++) {
    struct group *heirs =
        selection_heirs(selection, selection->members[selection->watched[i]]);
    if (heirs == NULL || heirs->heirs_slot != 0)
      continue;
    heirs->heirs_slot = find_free(probes, from);
    if (heirs->heirs_slot == 0)
      return;
    probes->slots[heirs->heirs_slot].use = SLOT_OF_HEIRS;
    probes->slots[heirs->heirs_slot].group = heirs;
  }
}

/* In whose slot the children of a member shall count. */
static uint32_t heirs_of(const struct selection *selection,
                         const struct member *member) {
  const struct group *heirs = selection_heirs(selection, member);
  return heirs == NULL || heirs->heirs_slot == 0 ? SLOT_NONE
                                                 : heirs->heirs_slot;
}

static void renew_entry(struct probes *probes,
                        const struct selection *selection,
                        const struct member *member) {
  struct slot *slot = &probes->slots[member->slot];
  struct watched entry = slot->entry;
  entry.heirs = heirs_of(selection, member);
  if (entry.heirs != slot->entry.heirs && watch(probes, slot->pid, &entry))
    slot->entry = entry;
}

static uint64_t start_of(const struct snapshot *snapshot,
                         const struct task *task) {
  uint64_t tick = 1000000000 / snapshot->ticks;
  return task->start * tick - (uint64_t)snapshot->boottime_offset;
}

/* False: there is none. */
static bool give_slot(struct probes *probes, const struct selection *selection,
                      struct member *member, const struct task *task,
                      uint64_t start, unsigned *from) {
  unsigned number = find_free(probes, from);
  if (number == 0)
    return false;
  struct slot *slot = &probes->slots[number];
  slot->entry = (struct watched){
      .start = start, .slot = number, .heirs = heirs_of(selection, member)};
  if (watch(probes, task->kernel_pid, &slot->entry)) {
    slot->use = SLOT_OF_PROCESS;
    slot->pid = task->kernel_pid;
    member->slot = number;
  }
  return true;
}

/* To those with series of their own, or to the others.  Returns whether there
 * were enough. */
static bool give_slots(struct probes *probes, const struct selection *selection,
                       const struct snapshot *snapshot, bool reported,
                       unsigned *from) {
  bool enough = true;
  for (size_t i = 0; i < selection->watched_count; i++) {
    struct member *member = selection->members[selection->watched[i]];
    const struct task *task = &snapshot->tasks[selection->watched[i]];
    if (member->reported != reported)
      continue;
    if (member->slot != 0)
      renew_entry(probes, selection, member);
    else if (task->kernel_pid != 0 && enough)
      enough = give_slot(probes, selection, member, task,
                         start_of(snapshot, task), from);
  }
  return enough;
}

/*
 * Who was born into the slot of heirs, and has none of its own now that it is
 * seen: it counts nowhere.
 */
static void claim_newborns(struct probes *probes,
                           const struct selection *selection,
                           const struct snapshot *snapshot) {
  bool may_be_heirs = probes->interval <= probes->heirs_until;
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    uint32_t pid = snapshot->tasks[i].kernel_pid;
    if (member->claimed || pid == 0)
      continue;
    member->claimed = true;
    if (may_be_heirs && member->slot == 0)
      unwatch(probes, pid);
  }
  for (unsigned i = 1; i <= probes->highest; i++)
    if (probes->slots[i].use == SLOT_OF_HEIRS)
      probes->heirs_until = probes->interval + HEIRS_REST;
}

/* --- books --- */

static void open_book(struct probes *probes, struct selection *selection,
                      struct probe_book **book) {
  if (*book == NULL)
    *book = book_new(&probes->style);
  selection->no_memory += *book == NULL;
}

static void open_books(struct probes *probes, struct selection *selection) {
  probes->unprobed = 0;
  for (size_t i = 0; i < selection->watched_count; i++) {
    struct member *member = selection->members[selection->watched[i]];
    if (member->slot == 0) {
      probes->unprobed++;
      continue;
    }
    if (member->reported)
      open_book(probes, selection, &member->probed);
    open_book(probes, selection, &member->group->probed);
  }
}

static void say_short(struct probes *probes) {
  if (!probes->said_short)
    log_warning("%zu processes are not probed: there is room for %u; "
                "MaxProcesses and ProbeMemory bound it, with PinPath those of "
                "`proctrace-bpf load` (said once; self/count-unprobed shows "
                "how many)",
                probes->unprobed, probes->setup.slots - 1);
  probes->said_short = true;
}

/* Not so in an interval that was read from procfs. */
static bool knows_kernel_pids(const struct snapshot *snapshot) {
  for (size_t i = 0; i < snapshot->count; i++)
    if (snapshot->tasks[i].kernel_pid != 0)
      return true;
  return false;
}

void probes_watch(struct probes *probes, struct selection *selection,
                  const struct snapshot *snapshot) {
  unsigned from = 1;
  bool enough = true;
  if (knows_kernel_pids(snapshot)) {
    probes->interval++;
    leave_slots(probes, snapshot);
    give_heirs_slots(probes, selection, &from);
    enough = give_slots(probes, selection, snapshot, true, &from);
    enough &= give_slots(probes, selection, snapshot, false, &from);
    claim_newborns(probes, selection, snapshot);
    commit(probes);
  }
  open_books(probes, selection);
  /* Or one could not be read, which is said elsewhere. */
  if (!enough && from == probes->setup.slots)
    say_short(probes);
}
