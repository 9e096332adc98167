/* SPDX-License-Identifier: MIT */
#include "select.h"

#include "books.h"
#include "log.h"
#include "monotonic.h"
#include "population.h"
#include "room.h"
#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Every process is looked at once in so many intervals. */
#define LOOK_INTERVALS 30
/* Texts of so many processes are held at once. */
#define LOOK_CHUNK 128

/* --- groups --- */

static size_t group_place(const struct selection *selection, const char *name) {
  size_t low = 0, high = selection->group_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(selection->groups[middle]->name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_group_at(const struct selection *selection, size_t place,
                        const char *name) {
  return place < selection->group_count &&
         strcmp(selection->groups[place]->name, name) == 0;
}

/* The group of this cleaned name, new or not.  NULL: no memory. */
static struct group *group_get(struct selection *selection,
                               const char name[NAME_SIZE]) {
  size_t place = group_place(selection, name);
  if (is_group_at(selection, place, name))
    return selection->groups[place];
  if (!make_room(selection->groups, selection->group_capacity,
                 selection->group_count + 1))
    return NULL;
  struct group *group = calloc(1, sizeof(*group));
  if (group == NULL)
    return NULL;
  strcpy(group->name, name);
  memmove(&selection->groups[place + 1], &selection->groups[place],
          (selection->group_count - place) * sizeof(struct group *));
  selection->groups[place] = group;
  selection->group_count++;
  return group;
}

/*
 * A name with \1 comes from a command line: whoever may start processes could
 * make any number of groups.  NULL: no memory, or one too many (*refused).
 */
static struct group *group_of_match(struct selection *selection,
                                    const struct rule *rule, const char *text,
                                    bool *refused) {
  char name[NAME_SIZE];
  name_clean_group(name, text);
  if (rule_is_dynamic(rule) &&
      selection->group_count >= selection->options.max_processes &&
      !is_group_at(selection, group_place(selection, name), name)) {
    selection->no_group++;
    *refused = true;
    return NULL;
  }
  struct group *group = group_get(selection, name);
  selection->no_memory += group == NULL;
  return group;
}

static void group_free(struct group *group) {
  tally_free(&group->tally);
  book_free(group->probed);
  free(group);
}

/* Groups whose last member ended a while ago, and that no rule names. */
static void expire_groups(struct selection *selection) {
  size_t kept = 0;
  for (size_t i = 0; i < selection->group_count; i++) {
    struct group *group = selection->groups[i];
    group->empty_for = group->processes > 0 ? 0 : group->empty_for + 1;
    if (group->permanent || group->in_use || group->empty_for <= STAY_INTERVALS)
      selection->groups[kept++] = group;
    else
      group_free(group);
  }
  selection->group_count = kept;
}

static bool add_permanent_group(struct selection *selection, const char *text,
                                bool of_top) {
  char name[NAME_SIZE];
  name_clean_group(name, text);
  struct group *group = group_get(selection, name);
  if (group == NULL)
    return false;
  if (group->permanent)
    log_warning("several rules are named \"%s\": they are one group",
                group->name);
  group->of_top = of_top && (group->of_top || !group->permanent);
  group->permanent = true;
  return true;
}

/* --- looking at processes --- */

/* Texts that are needed until the first rule that surely holds. */
static unsigned facts_needed(const struct selection *selection,
                             const struct task *task) {
  unsigned needed = 0;
  for (size_t i = 0; i < selection->options.rule_count; i++) {
    const struct rule *rule = &selection->options.rules[i];
    if (!rule_may_match(rule, task))
      continue;
    needed |= rule_facts(rule);
    if (rule_facts(rule) == 0)
      break;
  }
  return needed;
}

/* Whether its present rule is believed to hold still: the texts that it needs
 * could not be read (stuck, no right), and a lock that is held for long must
 * not throw a process out of its group. */
static bool is_believed(const struct selection *selection, size_t rule,
                        const struct task *task, const struct facts *facts,
                        const struct member *member) {
  const struct rule *of = &selection->options.rules[rule];
  return (int)rule == member->rule && rule_may_match(of, task) &&
         (rule_facts(of) & ~facts->known) != 0;
}

/*
 * The first rule that holds.  False: what one needs that comes before could not
 * be had, and may be the next time; all is as it was.
 */
static bool decide(struct selection *selection, const struct task *task,
                   const struct facts *facts, struct member *member) {
  char name[NAME_SIZE];
  for (size_t i = 0; i < selection->options.rule_count; i++) {
    struct rule *rule = &selection->options.rules[i];
    if (is_believed(selection, i, task, facts, member))
      return true;
    enum verdict verdict = rule_judge(rule, task, facts, name, sizeof(name));
    if (verdict == RULE_OPEN) {
      /* What the source could not read is counted there. */
      selection->no_memory += (facts->failed & rule_facts(rule)) == 0;
      return false;
    }
    if (verdict == RULE_FAILS)
      continue;
    bool refused = false;
    struct group *group = group_of_match(selection, rule, name, &refused);
    if (group == NULL && !refused)
      return false;
    member->own = group;
    member->rule = group == NULL ? -1 : (int)i;
    return true;
  }
  member->own = NULL;
  member->rule = -1;
  return true;
}

/* Processes to look at that need the same texts, until when. */
struct looks {
  size_t chunk[LOOK_CHUNK], count;
  unsigned wanted; /* enum fact */
  int64_t deadline;
};

/* A command line can be made such that a harmless pattern takes 100 ms with
 * it: who is not looked at in time is looked at in the next interval. */
static void decide_chunk(struct selection *selection, struct source *source,
                         struct snapshot *snapshot, struct looks *looks) {
  struct facts facts[LOOK_CHUNK] = {0};
  if (looks->count == 0 || monotonic_ns() > looks->deadline)
    return;
  if (looks->wanted != 0)
    source->identify(source, snapshot, looks->chunk, looks->count,
                     looks->wanted, facts);
  for (size_t i = 0; i < looks->count; i++) {
    size_t index = looks->chunk[i];
    struct member *member = selection->members[index];
    if (monotonic_ns() <= looks->deadline) {
      member->look =
          !decide(selection, &snapshot->tasks[index], &facts[i], member);
    }
    facts_free(&facts[i]);
  }
}

/* Processes that need the same texts are asked for together. */
static void decide_all(struct selection *selection, struct source *source,
                       struct snapshot *snapshot) {
  struct looks looks[FACT_ALL + 1];
  int64_t deadline =
      monotonic_ns() + INT64_C(1000000) * selection->options.look_ms;
  for (unsigned wanted = 0; wanted <= FACT_ALL; wanted++) {
    looks[wanted].count = 0;
    looks[wanted].wanted = wanted;
    looks[wanted].deadline = deadline;
  }
  size_t first = selection->first_look++;
  for (size_t n = 0; n < selection->count; n++) {
    size_t i = (first + n) % selection->count;
    if (!selection->members[i]->look)
      continue;
    unsigned wanted = facts_needed(selection, &snapshot->tasks[i]);
    struct looks *some = &looks[wanted];
    some->chunk[some->count++] = i;
    if (some->count == LOOK_CHUNK) {
      decide_chunk(selection, source, snapshot, some);
      some->count = 0;
    }
  }
  for (unsigned wanted = 0; wanted <= FACT_ALL; wanted++)
    decide_chunk(selection, source, snapshot, &looks[wanted]);
}

/* PIDs that a PID file named until now, or names from now on. */
static void refresh_pid_files(struct selection *selection) {
  for (size_t i = 0; i < selection->options.rule_count; i++) {
    struct rule *rule = &selection->options.rules[i];
    pid_t before = rule->has_pid ? rule->pid : 0;
    if (!rule_refresh(rule))
      continue;
    pid_t pids[] = {before, rule->has_pid ? rule->pid : 0};
    for (int j = 0; j < 2; j++) {
      ptrdiff_t place = selection_find(selection, pids[j]);
      if (place >= 0)
        selection->members[place]->look = true;
    }
  }
}

/* Once in LOOK_INTERVALS, spread over all processes. */
static bool is_turn(const struct selection *selection, pid_t pid) {
  return (selection->interval + (unsigned)pid) % LOOK_INTERVALS == 0;
}

static bool wants_a_look(const struct selection *selection,
                         const struct member *member, const struct task *task) {
  return member->sights <= 2 || strcmp(member->comm, task->comm) != 0 ||
         is_turn(selection, task->pid);
}

static void look_at_processes(struct selection *selection,
                              struct source *source,
                              struct snapshot *snapshot) {
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    const struct task *task = &snapshot->tasks[i];
    member->sights++;
    if (wants_a_look(selection, member, task)) {
      member->look = true;
      free(member->cmdline); /* to be learnt anew */
      member->cmdline = NULL;
    }
    memcpy(member->comm, task->comm, COMM_SIZE);
  }
  if (selection->options.rule_count > 0)
    decide_all(selection, source, snapshot);
}

/* --- descent --- */

ptrdiff_t selection_find(const struct selection *selection, pid_t pid) {
  size_t low = 0, high = selection->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (selection->members[middle]->pid < pid)
      low = middle + 1;
    else
      high = middle;
  }
  return low < selection->count && selection->members[low]->pid == pid
             ? (ptrdiff_t)low
             : -1;
}

static bool by_birth(const struct member *member) {
  return member->birth_rule >= 0 &&
         (member->rule < 0 || member->birth_rule < member->rule);
}

static int rule_in_force(const struct member *member) {
  return by_birth(member) ? member->birth_rule : member->rule;
}

struct group *selection_heirs(const struct selection *selection,
                              const struct member *member) {
  int rule = rule_in_force(member);
  if (rule < 0 || !selection->options.rules[rule].children)
    return NULL;
  return by_birth(member) ? member->birth_group : member->own;
}

/* Take over the rule of a parent, if it has Children and comes first. */
static bool inherit(const struct selection *selection, struct member *member,
                    const struct member *parent) {
  struct group *group = selection_heirs(selection, parent);
  int rule = rule_in_force(parent);
  if (group == NULL || parent->start > member->start ||
      (member->birth_rule >= 0 && member->birth_rule <= rule))
    return false;
  member->birth_rule = rule;
  member->birth_group = group;
  return true;
}

void selection_place_ended(struct selection *selection, struct member *member,
                           const struct task *task, uid_t user) {
  struct facts facts = {.known = FACT_USER, .user = user};
  ptrdiff_t place = selection_find(selection, member->ppid);
  const struct member *parent =
      place >= 0 ? selection->members[place]
                 : population_find_gone(selection, member->ppid, member->start);
  decide(selection, task, &facts, member);
  if (parent != NULL && parent != member)
    inherit(selection, member, parent);
  member->group = by_birth(member) ? member->birth_group : member->own;
}

/*
 * Descent is a fact of birth: it stays when the parent ends and init adopts
 * the child.  Parents mostly have the lower pid, so that one pass is enough;
 * it is repeated until nobody inherits any more.
 */
static void find_descendants(struct selection *selection) {
  bool any = false;
  for (size_t i = 0; i < selection->options.rule_count; i++)
    any |= selection->options.rules[i].children;
  while (any) {
    any = false;
    for (size_t i = 0; i < selection->count; i++) {
      struct member *member = selection->members[i];
      ptrdiff_t parent = selection_find(selection, member->ppid);
      if (parent >= 0)
        any |= inherit(selection, member, selection->members[parent]);
    }
  }
}

/* --- the choice --- */

static void apply_rules(struct selection *selection) {
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    struct group *chosen = by_birth(member) ? member->birth_group : member->own;
    struct group *before = member->group;
    if (member->top_left > 0)
      member->top_left--;
    /* Top's choice stays for a while. */
    if (chosen == NULL && member->top_left > 0 && before != NULL &&
        before->of_top)
      chosen = before;
    member->group = chosen;
  }
}

static void apply_tops(struct selection *selection, struct source *source,
                       struct snapshot *snapshot) {
  unsigned needed = 0;
  for (size_t i = 0; i < selection->options.top_count; i++)
    needed |= top_groups(&selection->options.tops[i]);
  if (needed != 0) {
    size_t *all = NULL, capacity = 0;
    if (!make_room(all, capacity, selection->count)) {
      selection->no_memory++;
      return;
    }
    for (size_t i = 0; i < selection->count; i++)
      all[i] = i;
    source->detail(source, snapshot, all, selection->count, needed);
    free(all);
  }
  for (size_t i = 0; i < selection->options.top_count; i++) {
    const struct top *top = &selection->options.tops[i];
    char name[NAME_SIZE];
    name_clean_group(name, top->name);
    struct group *group = group_get(selection, name);
    selection->no_memory += group == NULL;
    if (group != NULL)
      top_choose(top, group, selection, snapshot);
  }
  if (selection->options.top_count > 0)
    top_remember(selection, snapshot);
}

static void note_restart(struct group *group, const struct member *member) {
  if (group->processes > 1) {
    group->only_pid = 0;
    return;
  }
  if (group->only_pid != 0 &&
      (group->only_pid != member->pid || group->only_start != member->start))
    group->restarts++;
  group->only_pid = member->pid;
  group->only_start = member->start;
}

/* Groups of which a scan lacks members, or may lack all that it ever had: that
 * a service is gone is not for a failed read to say. */
static void find_uncertain(struct selection *selection) {
  for (size_t i = 0; i < selection->group_count; i++) {
    struct group *group = selection->groups[i];
    bool never_seen = group->tally.valid == 0 && selection->missed > 0;
    group->uncertain =
        group->processes == 0 && (!selection->complete || never_seen);
  }
  for (size_t i = 0; i < selection->gone_count; i++)
    if (selection->gone[i]->may_live && selection->gone[i]->group != NULL)
      selection->gone[i]->group->uncertain = true;
}

static void mark_used(const struct member *member) {
  struct group *used[] = {member->own, member->birth_group, member->group};
  for (int i = 0; i < 3; i++)
    if (used[i] != NULL)
      used[i]->in_use = true;
}

static void count_members(struct selection *selection) {
  for (size_t i = 0; i < selection->group_count; i++) {
    selection->groups[i]->processes = 0;
    selection->groups[i]->in_use = false;
  }
  selection->watched_count = 0;
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    mark_used(member);
    if (member->group == NULL)
      continue;
    member->group->processes++;
    selection->watched[selection->watched_count++] = i;
  }
  /* Who is gone may have been missed, and come back. */
  for (size_t i = 0; i < selection->gone_count; i++)
    mark_used(selection->gone[i]);
  find_uncertain(selection);
  for (size_t i = 0; i < selection->watched_count; i++) {
    struct member *member = selection->members[selection->watched[i]];
    if (!member->group->uncertain)
      note_restart(member->group, member);
  }
}

/*
 * A process that Top chose is named by its command, and keeps the name for a
 * while: one that changes it each time would make new series each time.
 */
static void choose_name(const struct selection *selection,
                        struct member *member) {
  unsigned age = selection->interval - member->shown_since;
  if (!member->group->of_top) {
    member->shown_since = 0; /* it is named by its rule, for now */
  } else if (member->shown_since == 0 || age >= STAY_INTERVALS) {
    memcpy(member->shown, member->comm, COMM_SIZE);
    member->shown_since = selection->interval;
  }
}

/* Who has series keeps them; then the others, while there is room. */
static void choose_reported(struct selection *selection) {
  selection->reported = selection->not_reported = 0;
  if (!selection->options.per_process)
    return;
  for (size_t i = 0; i < selection->count; i++) {
    struct member *member = selection->members[i];
    member->reported &= member->group != NULL;
    selection->reported += member->reported;
  }
  for (size_t i = 0; i < selection->watched_count; i++) {
    struct member *member = selection->members[selection->watched[i]];
    choose_name(selection, member);
    if (member->reported)
      continue;
    member->reported = selection->reported < selection->options.max_processes;
    selection->reported += member->reported;
    selection->not_reported += !member->reported;
  }
}

/* Command lines to tell, of those whose is not known. */
static void learn_command_lines(struct selection *selection,
                                struct source *source,
                                struct snapshot *snapshot) {
  for (size_t at = 0; at < selection->watched_count;) {
    size_t chunk[LOOK_CHUNK], n = 0;
    struct facts facts[LOOK_CHUNK] = {0};
    for (; at < selection->watched_count && n < LOOK_CHUNK; at++) {
      const struct member *member = selection->members[selection->watched[at]];
      if (member->reported && member->cmdline == NULL)
        chunk[n++] = selection->watched[at];
    }
    source->identify(source, snapshot, chunk, n, FACT_CMDLINE, facts);
    for (size_t i = 0; i < n; i++) {
      selection->members[chunk[i]]->cmdline = facts[i].cmdline;
      facts[i].cmdline = NULL;
      facts_free(&facts[i]);
    }
  }
}

int selection_update(struct selection *selection, struct source *source,
                     struct snapshot *snapshot) {
  selection->interval++;
  selection->no_memory = selection->no_group = 0;
  if (!make_room(selection->watched, selection->watched_capacity,
                 snapshot->count) ||
      !population_update(selection, snapshot))
    return -ENOMEM;
  selection->complete = snapshot->complete && selection->no_memory == 0;
  selection->missed = snapshot->missed_count;
  refresh_pid_files(selection);
  look_at_processes(selection, source, snapshot);
  find_descendants(selection);
  apply_rules(selection);
  apply_tops(selection, source, snapshot);
  count_members(selection);
  choose_reported(selection);
  if (selection->options.command_lines)
    learn_command_lines(selection, source, snapshot);
  expire_groups(selection);
  return 0;
}

/* --- life --- */

static bool add_permanent_groups(struct selection *selection) {
  const struct selection_options *options = &selection->options;
  for (size_t i = 0; i < options->rule_count; i++)
    if (!rule_is_dynamic(&options->rules[i]) &&
        !add_permanent_group(selection, options->rules[i].name, false))
      return false;
  for (size_t i = 0; i < options->top_count; i++)
    if (!add_permanent_group(selection, options->tops[i].name, true))
      return false;
  return true;
}

struct selection *selection_new(const struct selection_options *options) {
  struct selection *selection = calloc(1, sizeof(*selection));
  if (selection == NULL)
    return NULL;
  selection->options = *options;
  selection->scanned_at = selection->scanned_before = UINT64_MAX;
  if (!add_permanent_groups(selection)) {
    selection_free(selection);
    return NULL;
  }
  return selection;
}

void selection_free(struct selection *selection) {
  if (selection == NULL)
    return;
  population_free(selection);
  tally_free(&selection->other);
  for (size_t i = 0; i < selection->group_count; i++)
    group_free(selection->groups[i]);
  free(selection->groups);
  free(selection->watched);
  free(selection);
}
