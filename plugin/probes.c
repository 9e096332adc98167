/* SPDX-License-Identifier: MIT */
#include "probes.h"

#include "log.h"
#include "metrics.h"
#include "probes_rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- books --- */

static void begin_members(struct member *const *members, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (members[i]->probed != NULL)
      book_begin(members[i]->probed);
}

static void begin_books(struct probes *probes,
                        const struct selection *selection) {
  begin_members(selection->members, selection->count);
  begin_members(selection->gone, selection->gone_count);
  for (size_t i = 0; i < selection->group_count; i++)
    if (selection->groups[i]->probed != NULL)
      book_begin(selection->groups[i]->probed);
  book_begin(probes->host);
}

/* Of groups only the sum over their slots is known to be an interval. */
static void end_books(struct probes *probes,
                      const struct selection *selection) {
  for (size_t i = 0; i < selection->group_count; i++)
    if (selection->groups[i]->probed != NULL)
      book_enter_collected(selection->groups[i]->probed, &probes->style,
                           &probes->cells);
}

/* --- reading --- */

static void enter_slot(struct probes *probes, const struct slot *slot,
                       const struct growth *growth) {
  if (slot == &probes->slots[SLOT_HOST])
    book_enter(probes->host, growth, &probes->style, &probes->cells);
  if (slot->member != NULL && slot->member->probed != NULL)
    book_enter(slot->member->probed, growth, &probes->style, &probes->cells);
  if (slot->group != NULL && slot->group->probed != NULL &&
      !book_collect(slot->group->probed, growth))
    probes->not_read++;
}

static int read_chunk(struct probes *probes, unsigned first, unsigned n) {
  int status = results_load(probes->results, first, n);
  if (status == 0)
    status = cells_update(&probes->cells, probes->module, probes->programs);
  for (unsigned i = 0; i < n && status == 0; i++) {
    const struct slot *slot = &probes->slots[first + i];
    struct growth growth;
    if (slot->baseline != NULL &&
        results_growth(probes->results, i, slot->baseline, &growth,
                       &probes->not_read))
      enter_slot(probes, slot, &growth);
  }
  return status;
}

/* What could not be read is part of the growth that the next read sees. */
static int read_slots(struct probes *probes) {
  unsigned at_once = results_at_once(probes->results);
  int status = 0;
  for (unsigned at = 0; at <= probes->highest && status == 0; at += at_once) {
    unsigned left = probes->highest + 1 - at;
    status = read_chunk(probes, at, left < at_once ? left : at_once);
  }
  return status;
}

static void say_unread(struct probes *probes, int status) {
  probes->not_read++;
  if (!probes->said_read)
    log_error("the probes' results cannot be read: %s (said once; "
              "self/operations-dropped_probe_results counts on)",
              strerror(-status));
  probes->said_read = true;
}

bool probes_take_baseline(struct probes *probes, unsigned slot) {
  struct growth ignored;
  uint64_t none = 0;
  void *baseline = calloc(1, results_baseline_size(probes->results));
  int status = -ENOMEM;
  if (baseline != NULL)
    status = results_load(probes->results, slot, 1);
  if (status != 0) {
    free(baseline);
    say_unread(probes, status);
    return false;
  }
  results_growth(probes->results, 0, baseline, &ignored, &none);
  probes->slots[slot].baseline = baseline;
  if (probes->highest < slot)
    probes->highest = slot;
  return true;
}

/* --- what it costs and loses --- */

static void read_costs(struct probes *probes) {
  uint64_t losses[PROBE_LOSSES];
  if (probes->module->read_losses(probes->programs, losses) == 0)
    memcpy(probes->losses, losses, sizeof(losses));
  probes->missed = 0;
  for (enum probe i = 0; i < PROBES; i++) {
    if (!(probes->state->probes & PROBE_BIT(i)))
      continue;
    probes->module->read_cost(probes->programs, i, &probes->cost[i]);
    probes->missed += probes->cost[i].missed;
  }
  probes->module->read_fill(probes->programs, &probes->requests,
                            &probes->connects, &probes->memory);
}

void probes_update(struct probes *probes, struct selection *selection,
                   const struct snapshot *snapshot) {
  probes_find_owners(probes, selection);
  begin_books(probes, selection);
  int status = read_slots(probes);
  probes->told = status == 0;
  if (status != 0)
    say_unread(probes, status);
  end_books(probes, selection);
  probes_watch(probes, selection, snapshot);
  read_costs(probes);
}

/* --- life --- */

static void say_reasons(const struct probe_setup *setup,
                        const struct probe_state *state) {
  for (enum probe i = 0; i < PROBES; i++)
    if (setup->probes & ~state->probes & PROBE_BIT(i))
      log_error("the probe \"%s\" does not run: %s", probe_names[i],
                state->reason[i]);
}

struct probes *probes_new(const struct bpf_module *module,
                          struct bpf_programs *programs,
                          const struct probe_setup *setup,
                          const struct book_style *style) {
  const struct probe_state *state = module->probes(programs);
  say_reasons(setup, state);
  if (state->probes == 0)
    return NULL;
  struct probes *probes = calloc(1, sizeof(*probes));
  if (probes == NULL)
    return NULL;
  probes->module = module;
  probes->programs = programs;
  probes->state = state;
  probes->setup = *setup;
  probes->style = *style;
  cells_init(&probes->cells);
  probes->slots = calloc(setup->slots, sizeof(*probes->slots));
  probes->results = results_new(module, programs, setup->named_count);
  probes->host = book_new(style);
  if (probes->slots == NULL || probes->results == NULL ||
      probes->host == NULL || !probes_take_baseline(probes, SLOT_HOST)) {
    log_error("the probes do not run: no memory, or no results");
    probes_free(probes);
    return NULL;
  }
  return probes;
}

void probes_free(struct probes *probes) {
  if (probes == NULL)
    return;
  for (unsigned i = 0; probes->slots != NULL && i <= probes->highest; i++)
    free(probes->slots[i].baseline);
  free(probes->slots);
  results_free(probes->results);
  book_free(probes->host);
  free(probes);
}
