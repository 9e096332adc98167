/* SPDX-License-Identifier: MIT */
#include "report_probes.h"

#include "probe_names.h"

#include <stdio.h>
#include <string.h>

/* A row of the table, of one book. */
struct telling {
  struct sender *sender;
  const struct probes *probes;
  const struct probe_book *book;
  const struct probe_metric *metric;
};

/* --- rows --- */

static void tell_counter(const struct telling *telling, const char *name,
                         uint64_t value) {
  send_counter(telling->sender, telling->metric->type, name, value);
}

static void tell_failed(const struct telling *telling) {
  for (int i = 0; i < ERRNOS; i++) {
    char buffer[16], name[DATA_MAX_NAME_LEN];
    if (telling->book->failed[i] == 0)
      continue;
    fill_in(name, sizeof(name), telling->metric->type_instance,
            name_errno(i, buffer, sizeof(buffer)));
    tell_counter(telling, name, telling->book->failed[i]);
  }
}

static void tell_call(const struct telling *telling, const char *syscall,
                      struct calls sum) {
  char name[DATA_MAX_NAME_LEN];
  fill_in(name, sizeof(name), telling->metric->type_instance, syscall);
  tell_counter(telling, name,
               telling->metric->row == ROW_CALLS ? sum.calls : sum.ns);
}

/* Calls whose latency is told are told themselves, be there none. */
static void tell_named_calls(const struct telling *telling) {
  const struct probes *probes = telling->probes;
  for (unsigned i = 0; i < probes->setup.named_count; i++) {
    int cell = cells_find(&probes->cells, probes->setup.named[i]);
    struct calls sum = {0};
    if (cell >= 0)
      sum = telling->book->cells[cell];
    tell_call(telling, probes->named[i], sum);
  }
}

static bool is_named(const struct probes *probes, unsigned cell) {
  for (unsigned i = 0; i < probes->setup.named_count; i++)
    if (probes->cells.number[cell] == probes->setup.named[i])
      return true;
  return false;
}

static void tell_calls(const struct telling *telling) {
  const struct cells *cells = &telling->probes->cells;
  tell_named_calls(telling);
  for (unsigned i = 0; i < cells->end; i++)
    if (telling->book->told_for[i] > 0 && !is_named(telling->probes, i))
      tell_call(telling, cells->name[i], telling->book->cells[i]);
}

static void tell_percentiles(const struct telling *telling, const char *name,
                             enum latency latency) {
  const struct latency_summary *summary = &telling->book->latency[latency];
  const struct book_style *style = &telling->probes->style;
  char percentile[16], whole[DATA_MAX_NAME_LEN];
  if (summary->count == 0)
    return;
  for (unsigned i = 0; i < style->percentile_count; i++) {
    name_percentile(percentile, sizeof(percentile), style->percentiles[i]);
    fill_in(whole, sizeof(whole), name, percentile);
    send_gauge(telling->sender, telling->metric->type, whole,
               summary->percentiles[i]);
  }
  fill_in(whole, sizeof(whole), name, "max");
  send_gauge(telling->sender, telling->metric->type, whole, summary->max);
}

static bool is_right(unsigned bound, enum latency latency) {
  return latency != LATENCY_RUNQUEUE ||
         histogram_bound(bound) >= RUNQUEUE_LEAST_NS;
}

/* Cumulative; up to the highest in which there ever was something. */
static void tell_buckets(const struct telling *telling, const char *name,
                         enum latency latency) {
  if (telling->book->bounds == NULL)
    return;
  const uint64_t *count = telling->book->bounds[latency].count;
  char bound[24], whole[DATA_MAX_NAME_LEN];
  uint64_t sum = 0;
  unsigned end = HISTOGRAM_BOUNDS;
  while (end > 0 && count[end - 1] == 0)
    end--;
  for (unsigned i = 0; i < end; i++) {
    sum += count[i];
    if (!is_right(i, latency))
      continue;
    name_bound(bound, sizeof(bound), i);
    fill_in(whole, sizeof(whole), name, bound);
    tell_counter(telling, whole, sum);
  }
  fill_in(whole, sizeof(whole), name, "inf");
  tell_counter(telling, whole, sum + count[HISTOGRAM_BOUNDS]);
}

static void tell_latency(const struct telling *telling, const char *name,
                         enum latency latency) {
  if (telling->metric->row == ROW_PERCENTILES)
    tell_percentiles(telling, name, latency);
  else
    tell_buckets(telling, name, latency);
}

static void tell_latencies(const struct telling *telling) {
  const struct probe_metric *metric = telling->metric;
  const struct probes *probes = telling->probes;
  if (metric->index != LATENCY_NAMED) {
    tell_latency(telling, metric->type_instance, (enum latency)metric->index);
    return;
  }
  for (unsigned i = 0; i < probes->setup.named_count; i++) {
    char name[DATA_MAX_NAME_LEN];
    fill_in(name, sizeof(name), metric->type_instance, probes->named[i]);
    tell_latency(telling, name, (enum latency)(LATENCY_NAMED + i));
  }
}

static void tell(const struct telling *telling) {
  const struct probe_metric *metric = telling->metric;
  switch (metric->row) {
  case ROW_COUNTER:
  case ROW_COUNTER_IF_ANY:
    if (metric->row == ROW_COUNTER || telling->book->counter[metric->index] > 0)
      tell_counter(telling, metric->type_instance,
                   telling->book->counter[metric->index]);
    break;
  case ROW_CALLS:
  case ROW_CALL_TIME:
    tell_calls(telling);
    break;
  case ROW_FAILED:
    tell_failed(telling);
    break;
  case ROW_PERCENTILES:
  case ROW_BUCKETS:
    tell_latencies(telling);
    break;
  }
}

/* What rows may need, and what is there. */
static unsigned available(const struct probes *probes, enum scope scope) {
  unsigned there = probes->state.probes;
  if (scope == SCOPE_HOST)
    there &= probes->setup.host;
  if (probes->setup.syscall_latency)
    there |= NEEDS_LATENCY;
  if (probes->style.histogram)
    there |= NEEDS_HISTOGRAM;
  return there;
}

void send_book(struct sender *sender, enum scope scope,
               const struct probe_book *book) {
  const struct probes *probes = sender->probes;
  if (probes == NULL || book == NULL || !probes->told)
    return;
  unsigned missing = ~available(probes, scope);
  for (size_t i = 0; i < probe_metric_count; i++)
    if ((probe_metrics[i].scopes & scope) &&
        !(probe_metrics[i].needs & missing))
      tell(&(struct telling){sender, probes, book, &probe_metrics[i]});
}

/* --- self --- */

static void send_of_probe(struct sender *sender, const char *type,
                          enum probe probe, const char *ending,
                          uint64_t value) {
  char name[DATA_MAX_NAME_LEN];
  snprintf(name, sizeof(name), "probe_%s%s", probe_names[probe], ending);
  if (strcmp(type, "gauge") == 0)
    send_gauge(sender, type, name, (double)value);
  else
    send_counter(sender, type, name, value);
}

/* The kernel keeps run times where kernel.bpf_stats_enabled is. */
static void send_cost(struct sender *sender, enum probe probe,
                      const struct probe_cost *cost) {
  if (cost->runs == 0)
    return;
  send_of_probe(sender, "derive", probe, "_ns", cost->run_ns);
  send_of_probe(sender, "operations", probe, "_runs", cost->runs);
}

static void send_loss(struct sender *sender, const char *what, uint64_t lost) {
  char name[DATA_MAX_NAME_LEN];
  snprintf(name, sizeof(name), "dropped_probe_%s", what);
  send_counter(sender, "operations", name, lost);
}

static void send_fill(struct sender *sender, const char *what, int fill) {
  if (fill >= 0)
    send_gauge(sender, "count", what, fill);
}

static void send_probe_losses(struct sender *sender,
                              const struct probes *probes) {
  for (int i = 0; i < PROBE_LOSSES; i++)
    if (i != PROBE_LOSS_ZOMBIES) /* the source tells it, without probes too */
      send_loss(sender, probe_loss_names[i],
                probes->losses[i] +
                    (i == PROBE_LOSS_WATCH ? probes->not_watched : 0));
  send_loss(sender, "missed", probes->missed);
  send_loss(sender, "results", probes->not_read);
}

void send_probes_self(struct sender *sender) {
  const struct probes *probes = sender->probes;
  unsigned wanted = sender->report->probes;
  unsigned running = probes == NULL ? 0 : probes->state.probes;
  for (enum probe i = 0; i < PROBES; i++)
    if ((wanted | running) & PROBE_BIT(i))
      send_of_probe(sender, "gauge", i, "", (running & PROBE_BIT(i)) != 0);
  if (probes == NULL)
    return;
  for (enum probe i = 0; i < PROBES; i++)
    if (running & PROBE_BIT(i))
      send_cost(sender, i, &probes->cost[i]);
  if (running & PROBE_BIT(PROBE_BLOCKIO)) {
    send_gauge(sender, "gauge", "blockio_submitter",
               probes->state.exact_submitter);
    send_fill(sender, "probe_requests", probes->requests);
  }
  if (running & PROBE_BIT(PROBE_TCPCONNECT))
    send_fill(sender, "probe_connects", probes->connects);
  if (running != 0) {
    send_gauge(sender, "count", "unprobed", (double)probes->unprobed);
    send_gauge(sender, "memory", "probes", (double)probes->state.memory);
  }
  send_probe_losses(sender, probes);
}
