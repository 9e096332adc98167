/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include "population.h"
#include "select.h"

#include <stdlib.h>
#include <string.h>

#define IO_FIRST FIELD_RCHAR
#define IO_LAST FIELD_WRITE_BYTES
#define IO_COUNT (IO_LAST - IO_FIRST + 1)
#define WITHOUT_IO (FIELD_BIT(IO_FIRST) - 1)
_Static_assert(IO_LAST == COUNTER_COUNT - 1, "the io counters are the last");

/* --- one process --- */

static bool counts_everywhere(enum field field) {
  return field < STAT_COUNTER_COUNT;
}

static uint64_t *old_of(struct member *member, enum field field) {
  return counts_everywhere(field)
             ? &member->old[field]
             : &member->account->old[field - STAT_COUNTER_COUNT];
}

/* Was this counter known before, so that its growth can be told? */
static bool has_old(const struct member *member, enum field field) {
  if (counts_everywhere(field))
    return member->sights > 1 || member->born;
  return member->from_birth || (member->account->seen & FIELD_BIT(field));
}

/*
 * The kernel remembers how it has divided CPU time for whoever asked last: if
 * that were others, one part may be some clock ticks less than we were told,
 * and the other one more (cputime.h).  What was told of the first then stands
 * until it is exceeded, so that it counts once.
 */
#define CHANGES_SIDES_US 50000

static bool changed_sides(enum field field, uint64_t before, uint64_t now) {
  return (field == FIELD_UTIME || field == FIELD_STIME) && now < before &&
         before - now <= CHANGES_SIDES_US;
}

/* How much a counter grew since the last interval; remembers its value. */
static uint64_t growth(struct member *member, const struct task *task,
                       enum field field, bool rebase) {
  uint64_t *old = old_of(member, field);
  uint64_t now = task->value[field], before = *old;
  bool known = has_old(member, field) && !(rebase && member->sights > 1);
  if (!known || !changed_sides(field, before, now))
    *old = now;
  return known && now > before ? now - before : 0;
}

/* Its account, if it is watched now. */
static struct account *open_account(const struct member *member) {
  return member->group == NULL ? NULL : member->account;
}

static bool is_to_count(const struct member *member, const struct task *task,
                        enum field field) {
  return task_has(task, field) &&
         (counts_everywhere(field) || open_account(member) != NULL);
}

/* At its first sight, or the first since it is watched again, a counter is
 * what the kernel says, but never less than it was. */
static void enter_counter(struct account *account, enum field field,
                          uint64_t now, uint64_t grown) {
  if (account->seen & FIELD_BIT(field))
    account->sum[field] += grown;
  else if (account->sum[field] < now)
    account->sum[field] = now;
  account->seen |= FIELD_BIT(field);
}

static void enter_channels(struct account *account, struct task *task,
                           struct snapshot *snapshot, struct tally *tally) {
  channels_begin(&account->channels);
  for (size_t i = 0; i < task->wchans; i++) {
    const struct wchan *wchan = &snapshot->wchans[task->first_wchan + i];
    if (!channels_add(&account->channels, wchan)) {
      task->wchan_missing = true;
      snapshot->losses[LOSS_FAILED]++;
    }
    if (!channels_add(&tally->channels, wchan))
      snapshot->losses[LOSS_FAILED]++;
  }
  account->channels.missing = task->wchan_missing;
  tally->channels.missing |= task->wchan_missing;
}

/* How much of its growth was counted before, in a child; see below. */
static uint64_t pay(struct member *member, enum field field, uint64_t grown) {
  if (member->owed == NULL || field < IO_FIRST)
    return 0;
  uint64_t *owed = &member->owed[field - IO_FIRST];
  uint64_t paid = *owed < grown ? *owed : grown;
  *owed -= paid;
  return paid;
}

/* Where counting only begins, what came from children is no growth. */
static void forgive(struct member *member, enum field field) {
  if (member->owed != NULL && field >= IO_FIRST)
    member->owed[field - IO_FIRST] = 0;
}

static void enter_process(struct member *member, const struct task *task,
                          field_set rebase, struct tally *tally) {
  struct account *account = open_account(member);
  for (enum field f = 0; f < COUNTER_COUNT; f++) {
    if (!is_to_count(member, task, f))
      continue;
    if (!has_old(member, f))
      forgive(member, f);
    uint64_t grown = growth(member, task, f, rebase & FIELD_BIT(f));
    if (account != NULL)
      enter_counter(account, f, task->value[f], grown);
    tally->value[f] += grown - pay(member, f, grown);
    tally->valid |= FIELD_BIT(f);
  }
  for (enum field f = COUNTER_COUNT; f < FIELD_COUNT; f++) {
    if (!task_has(task, f))
      continue;
    uint64_t *total = &tally->value[f];
    if (f != FIELD_FD_USED_PPM)
      *total += task->value[f];
    else if (*total < task->value[f]) /* of a group: the worst of it */
      *total = task->value[f];
    tally->valid |= FIELD_BIT(f);
  }
}

/*
 * A process has an account from the time when it was first watched.  One that
 * Top lets go keeps it, closed, in case it comes back.
 */
static void open_or_close_account(struct selection *selection,
                                  struct member *member) {
  struct account *account = member->account;
  if (member->group == NULL && account != NULL) {
    member->from_birth = false;
    account->seen = 0;
    channels_free(&account->channels);
  } else if (member->group != NULL && account == NULL) {
    member->account = calloc(1, sizeof(*member->account));
    selection->no_memory += member->account == NULL;
    member->from_birth = member->born && member->sights == 1;
  }
}

void account_free(struct account *account) {
  if (account != NULL)
    channels_free(&account->channels);
  free(account);
}

void account_totals(const struct account *account, const struct task *task,
                    struct tally *out) {
  memset(out, 0, sizeof(*out));
  memcpy(out->value, task->value, sizeof(out->value));
  memcpy(out->value, account->sum, sizeof(account->sum));
  out->valid = task->valid;
}

/* --- reaped children ---
 *
 * When a process waits for a child that ended, the kernel adds the child's io
 * counters to its own (kernel/exit.c wait_task_zombie()).  What a group has
 * counted of the child while that lived would count once more in its parent:
 * so the parent owes it, and pays from its growth to come.  One that is not
 * watched passes on what it owes to whoever waits for it.
 *
 * To a parent that ignores SIGCHLD nothing is added.  The two are told apart by
 * the page faults of reaped children, which the kernel adds in the same place
 * and shows in stat: they grow by all that the child had.
 */

static void note_reaping(struct member *member, const struct task *task) {
  uint64_t grown = 0;
  if ((member->sights > 1 || member->born) &&
      task->reaped_minflt > member->reaped_minflt)
    grown = task->reaped_minflt - member->reaped_minflt;
  member->reaped_before = member->reaped_fresh;
  member->reaped_fresh = grown < UINT32_MAX ? (uint32_t)grown : UINT32_MAX;
  member->reaped_minflt = task->reaped_minflt;
  member->tree_minflt = task->tree_minflt;
}

/* Whoever waits for a child takes its faults over, once. */
static bool has_reaped(struct member *parent, uint64_t minflt) {
  if ((uint64_t)parent->reaped_before + parent->reaped_fresh < minflt)
    return false;
  uint32_t first =
      minflt < parent->reaped_before ? (uint32_t)minflt : parent->reaped_before;
  parent->reaped_before -= first;
  parent->reaped_fresh -= (uint32_t)(minflt - first);
  return true;
}

/* The nearest ancestor that lives: where parent and child both ended, the
 * child's numbers went to it by way of the parent. */
static struct member *living_ancestor(const struct selection *selection,
                                      const struct member *gone) {
  for (int depth = 0; depth < 16 && gone != NULL; depth++) {
    ptrdiff_t place = selection_find(selection, gone->ppid);
    if (place >= 0 && selection->members[place]->start <= gone->start)
      return selection->members[place];
    gone = population_find_gone(selection, gone->ppid, gone->start);
  }
  return NULL;
}

/* What was counted of it: all that it had if it was watched, and what it owed
 * still. */
static uint64_t counted_of(const struct member *gone, enum field field) {
  const struct account *account = open_account(gone);
  uint64_t own = account == NULL ? 0 : account->old[field - STAT_COUNTER_COUNT];
  return own + (gone->owed == NULL ? 0 : gone->owed[field - IO_FIRST]);
}

static void settle(struct selection *selection, struct member *gone) {
  struct member *parent = living_ancestor(selection, gone);
  if (parent == NULL || (open_account(gone) == NULL && gone->owed == NULL)) {
    gone->settled = true; /* nothing was counted, or nobody inherits */
    return;
  }
  if (parent->owed == NULL)
    parent->owed = calloc(IO_COUNT, sizeof(*parent->owed));
  selection->no_memory += parent->owed == NULL;
  if (parent->owed == NULL || !has_reaped(parent, gone->tree_minflt))
    return; /* not yet; it waits for one more interval */
  gone->settled = true;
  for (enum field f = IO_FIRST; f <= IO_LAST; f++)
    parent->owed[f - IO_FIRST] += counted_of(gone, f);
}

/* --- processes that ended --- */

static struct member *find_ended(const struct selection *selection,
                                 const struct task *task, bool *lives) {
  ptrdiff_t place = selection_find(selection, task->pid);
  *lives = place >= 0 && selection->members[place]->start == task->start;
  if (*lives)
    return selection->members[place];
  struct member *gone = population_find_gone(selection, task->pid, task->start);
  return gone != NULL && gone->start == task->start ? gone : NULL;
}

static struct tally *tally_of(struct selection *selection,
                              const struct member *member) {
  return member->group == NULL ? &selection->other : &member->group->tally;
}

/* The kernel may take its time to let go of a process that was waited for: its
 * record comes when the last interval has counted its io in its parent's. */
static bool is_counted_in_parent(struct selection *selection,
                                 const struct member *member) {
  struct member *parent = living_ancestor(selection, member);
  if (parent == NULL || open_account(parent) == NULL ||
      parent->group != member->group || member->tree_minflt == 0 ||
      parent->reaped_before < member->tree_minflt)
    return false;
  return has_reaped(parent, member->tree_minflt);
}

/* A life between two looks: all of it counts. */
static void enter_unseen(struct selection *selection,
                         const struct ended *ended) {
  struct member *member = population_add_ended(selection, &ended->task);
  if (member == NULL) {
    selection->no_memory++;
    return;
  }
  struct task task = ended->task;
  selection_place_ended(selection, member, &task, ended->user);
  open_or_close_account(selection, member);
  member->settled = is_counted_in_parent(selection, member);
  if (member->settled)
    task.valid &= WITHOUT_IO;
  enter_process(member, &task, 0, tally_of(selection, member));
}

/* What a process that vanished did after the last look.  Where its parent has
 * paid for it already, its io is in the parent's. */
static void enter_last_part(struct selection *selection, struct member *member,
                            const struct task *last) {
  struct task task = *last;
  if (member->settled)
    task.valid &= WITHOUT_IO;
  enter_process(member, &task, 0, tally_of(selection, member));
  member->tree_minflt = task.tree_minflt;
}

static int compare_starts(const void *left, const void *right) {
  const struct task *a = &((const struct ended *)left)->task;
  const struct task *b = &((const struct ended *)right)->task;
  if (a->start != b->start)
    return a->start < b->start ? -1 : 1;
  return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* Before the debts are settled: those that are gone.  After the living were
 * entered: those that ended just then. */
static void enter_ended(struct selection *selection,
                        const struct snapshot *snapshot, bool living) {
  for (size_t i = 0; i < snapshot->ended_count; i++) {
    const struct ended *ended = &snapshot->ended[i];
    bool lives;
    struct member *member = find_ended(selection, &ended->task, &lives);
    if (lives != living)
      continue;
    if (member != NULL)
      enter_last_part(selection, member, &ended->task);
    else if (ended->task.start >= selection->unseen_since)
      enter_unseen(selection, ended);
  }
}

/* --- groups --- */

static void tally_begin(struct tally *tally) {
  tally->valid &= FIELD_BIT(COUNTER_COUNT) - 1;
  channels_begin(&tally->channels);
  memset(&tally->value[COUNTER_COUNT], 0,
         sizeof(tally->value) - COUNTER_COUNT * sizeof(tally->value[0]));
}

void tally_free(struct tally *tally) { channels_free(&tally->channels); }

void ledger_update(struct selection *selection, struct snapshot *snapshot) {
  tally_begin(&selection->other);
  for (size_t i = 0; i < selection->group_count; i++)
    tally_begin(&selection->groups[i]->tally);
  for (size_t i = 0; i < selection->count; i++) {
    open_or_close_account(selection, selection->members[i]);
    note_reaping(selection->members[i], &snapshot->tasks[i]);
  }
  /* Parents come before their children: descent may decide on these. */
  if (snapshot->ended_count > 0)
    qsort(snapshot->ended, snapshot->ended_count, sizeof(*snapshot->ended),
          compare_starts);
  enter_ended(selection, snapshot, false);
  for (size_t i = 0; i < selection->gone_count; i++)
    if (!selection->gone[i]->settled && !selection->gone[i]->may_live)
      settle(selection, selection->gone[i]);
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    struct tally *tally = tally_of(selection, member);
    enter_process(member, &snapshot->tasks[i], snapshot->rebase, tally);
    if (open_account(member) != NULL)
      enter_channels(member->account, &snapshot->tasks[i], snapshot, tally);
  }
  enter_ended(selection, snapshot, true);
}
