/* SPDX-License-Identifier: MIT */
#include "probes.h"

#include "log.h"
#include "metrics.h"
#include "probes_rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- books --- */

static void each_member(struct member *const *members, size_t n,
                        void (*does)(struct probe_book *book, unsigned latency),
                        unsigned latency) {
  for (size_t i = 0; i < n; i++)
    if (members[i]->probed != NULL)
      does(members[i]->probed, latency);
}

static void each_book(struct probes *probes, const struct selection *selection,
                      void (*does)(struct probe_book *book, unsigned latency),
                      unsigned latency) {
  each_member(selection->members, selection->count, does, latency);
  each_member(selection->gone, selection->gone_count, does, latency);
  for (size_t i = 0; i < selection->group_count; i++)
    if (selection->groups[i]->probed != NULL)
      does(selection->groups[i]->probed, latency);
  does(probes->host, latency);
}

static void begin_book(struct probe_book *book, unsigned unused) {
  (void)unused;
  book_begin(book);
}

static void begin_books(struct probes *probes,
                        const struct selection *selection) {
  each_book(probes, selection, begin_book, 0);
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
                       &probes->not_read)) {
      cells_translate(&probes->cells, growth.cells);
      enter_slot(probes, slot, &growth);
    }
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

/*
 * Where a program interrupts itself the kernel leaves the second run out, which
 * is rare.  But since Linux 7.0 a thread can lose its CPU in the middle of one,
 * and as long as it waits all others on that CPU go uncounted.
 */
#define MISSED_MANY 1000

static void say_missed(struct probes *probes) {
  if (probes->missed < MISSED_MANY || probes->said_missed)
    return;
  log_warning("the kernel has left out %llu runs of BPF programs: what the "
              "probes count is too low by up to as much (said once; "
              "self/operations-dropped_probe_missed counts on)",
              (unsigned long long)probes->missed);
  probes->said_missed = true;
}

static void read_costs(struct probes *probes) {
  uint64_t losses[PROBE_LOSSES];
  if (probes->module->read_losses(probes->programs, losses) == 0)
    for (int i = 0; i < PROBE_LOSSES; i++)
      probes->losses[i] = probes->earlier_losses[i] + losses[i];
  probes->missed = probes->earlier_missed;
  for (enum probe i = 0; i < PROBES; i++) {
    if (!(probes->loaded & PROBE_BIT(i)))
      continue;
    struct probe_cost *cost = &probes->cost[i];
    probes->module->read_cost(probes->programs, i, cost);
    probes->missed += cost->missed;
    cost->run_ns += probes->earlier_cost[i].run_ns;
    cost->runs += probes->earlier_cost[i].runs;
  }
  say_missed(probes);
  probes->module->read_fill(probes->programs, &probes->requests,
                            &probes->connects);
}

void probes_update(struct probes *probes, struct selection *selection,
                   const struct snapshot *snapshot) {
  if (probes->programs == NULL) {
    begin_books(probes, selection);
    probes->told = false;
    return;
  }
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

static void say_reasons(const struct probes *probes, unsigned wanted) {
  for (enum probe i = 0; i < PROBES; i++)
    if (wanted & ~probes->state.probes & PROBE_BIT(i))
      log_error("the probe \"%s\" does not run: %s", probe_names[i],
                probes->state.reason[i][0] != '\0'
                    ? probes->state.reason[i]
                    : "`proctrace-bpf load` has not loaded it");
}

/* Slots are those of programs; who had one has none. */
static void forget_slots(struct probes *probes, struct selection *selection) {
  for (unsigned i = 0; probes->slots != NULL && i <= probes->highest; i++)
    free(probes->slots[i].baseline);
  free(probes->slots);
  probes->slots = NULL;
  probes->highest = 0;
  results_free(probes->results);
  probes->results = NULL;
  if (selection == NULL)
    return;
  for (size_t i = 0; i < selection->count; i++)
    selection->members[i]->slot = 0;
  for (size_t i = 0; i < selection->gone_count; i++)
    selection->gone[i]->slot = 0;
  for (size_t i = 0; i < selection->group_count; i++)
    selection->groups[i]->heirs_slot = 0;
}

static void detach(struct probes *probes, struct selection *selection) {
  forget_slots(probes, selection);
  probes->programs = NULL;
  probes->state.probes = probes->loaded = 0;
}

/* What programs say from now on is added to what there was; what they have said
 * before is not ours, or has been told.  Differences go round rightly. */
static void begin_costs(struct probes *probes) {
  uint64_t losses[PROBE_LOSSES] = {0};
  if (probes->module->read_losses(probes->programs, losses) != 0)
    memset(losses, 0, sizeof(losses));
  for (int i = 0; i < PROBE_LOSSES; i++)
    probes->earlier_losses[i] = probes->losses[i] - losses[i];
  probes->earlier_missed = probes->missed;
  for (enum probe i = 0; i < PROBES; i++) {
    struct probe_cost cost = {0};
    if (probes->loaded & PROBE_BIT(i))
      probes->module->read_cost(probes->programs, i, &cost);
    probes->earlier_missed -= cost.missed;
    probes->earlier_cost[i].run_ns = probes->cost[i].run_ns - cost.run_ns;
    probes->earlier_cost[i].runs = probes->cost[i].runs - cost.runs;
  }
}

/* The system calls that have a latency of their own.  False: no memory. */
static bool name_calls(struct probes *probes, struct selection *selection) {
  bool named = true;
  for (unsigned i = 0; i < LATENCY_NAMES; i++) {
    char name[SYSCALL_NAME_SIZE] = "";
    if (i < probes->setup.named_count)
      named &= probes->module->syscall_name(probes->setup.named[i], name,
                                            sizeof(name));
    if (strcmp(name, probes->named[i]) != 0) /* it was another call's place */
      each_book(probes, selection, book_forget_bounds, LATENCY_NAMED + i);
    memcpy(probes->named[i], name, sizeof(name));
  }
  return named;
}

struct probes *probes_new(const struct bpf_module *module,
                          const struct book_style *style) {
  struct probes *probes = calloc(1, sizeof(*probes));
  if (probes == NULL)
    return NULL;
  probes->module = module;
  probes->style = *style;
  cells_init(&probes->cells);
  probes->host = book_new(style);
  if (probes->host == NULL) {
    free(probes);
    return NULL;
  }
  return probes;
}

bool probes_attach(struct probes *probes, struct selection *selection,
                   struct bpf_programs *programs, unsigned wanted) {
  detach(probes, selection);
  if (programs == NULL)
    return true;
  probes->state = *probes->module->probes(programs);
  probes->loaded = probes->state.probes;
  if (wanted != 0)
    probes->state.probes &= wanted;
  probes->setup = *probes->module->setup(programs);
  bool named = name_calls(probes, selection);
  probes->style.by_time = probes->setup.syscall_latency;
  probes->programs = programs;
  probes->slots = calloc(probes->setup.slots, sizeof(*probes->slots));
  probes->results =
      results_new(probes->module, programs, probes->setup.named_count);
  if (probes->state.probes == 0) {
    say_reasons(probes, wanted);
    detach(probes, selection);
    return true;
  }
  if (!named || probes->slots == NULL || probes->results == NULL ||
      !probes_take_baseline(probes, SLOT_HOST)) {
    if (!probes->said_memory)
      log_error("no probe runs: no memory, or no results; it is tried again in "
                "each interval (said once)");
    probes->said_memory = true;
    detach(probes, selection);
    return false;
  }
  begin_costs(probes);
  say_reasons(probes, wanted);
  return true;
}

void probes_free(struct probes *probes) {
  if (probes == NULL)
    return;
  forget_slots(probes, NULL);
  book_free(probes->host);
  free(probes);
}
