/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "metrics.h"
#include "monotonic.h"
#include "report_probes.h"
#include "sender.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CMD_META_SIZE 401
/* Longer ones make collectd's JSON writers drop the whole value list: they have
 * room for 509 bytes, and a quote or a backslash takes two. */
#define CMD_META_ESCAPED 500

/* --- rows of the table --- */

static bool has_values(const struct metric *metric, field_set valid) {
  for (int i = 0; i < 2 && metric->fields[i] != FIELD_COUNT; i++)
    if (!(valid & FIELD_BIT(metric->fields[i])))
      return false;
  return true;
}

static void send_metric(struct sender *sender, const struct metric *metric,
                        const char *type_instance, const uint64_t *fields) {
  value_t values[2];
  size_t n = 0;
  for (; n < 2 && metric->fields[n] != FIELD_COUNT; n++) {
    uint64_t value = fields[metric->fields[n]];
    if (field_is_counter(metric->fields[n]))
      values[n] = derive_of(value);
    else
      values[n].gauge = (double)value * metric->scale;
  }
  /* collectd copies meta data with every list that has them. */
  sender->list.meta = metric->fields[0] == FIELD_RUNNING ? sender->meta : NULL;
  bool rare = metric->group == GROUP_PSS;
  if (rare)
    sender->list.interval = DOUBLE_TO_CDTIME_T(sender->report->pss_interval);
  send_list(sender, metric->type, type_instance, values, n);
  if (rare)
    sender->list.interval = 0;
}

static bool is_told(const struct sender *sender, const struct metric *metric,
                    enum scope scope, field_set valid) {
  return (metric->scopes & scope) &&
         (metric->group & sender->report->collect) && has_values(metric, valid);
}

static void send_metrics(struct sender *sender, enum scope scope,
                         field_set valid, const uint64_t *fields) {
  for (size_t i = 0; i < metric_count; i++) {
    if (is_told(sender, &metrics[i], scope, valid))
      send_metric(sender, &metrics[i], metrics[i].type_instance, fields);
  }
}

static void send_channels(struct sender *sender,
                          const struct channels *channels) {
  for (size_t i = 0; i < channels->count; i++) {
    /* Whether nobody sleeps there is not known. */
    if (channels->missing && channels->list[i].threads == 0)
      continue;
    char type_instance[DATA_MAX_NAME_LEN];
    snprintf(type_instance, sizeof(type_instance), "wchan-%s",
             channels->list[i].name);
    send_gauge(sender, "threads", type_instance, channels->list[i].threads);
  }
}

/* --- processes --- */

/* Meta data reaches JSON and terminals: printable ASCII only. */
static void copy_printable(char *out, size_t size, const char *text) {
  size_t n = 0;
  for (; n < size - 1 && text[n] != '\0'; n++)
    out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
  out[n] = '\0';
}

static const char *busiest_wchan(const struct snapshot *snapshot,
                                 const struct task *task) {
  const struct wchan *busiest = NULL;
  for (size_t i = 0; i < task->wchans; i++) {
    const struct wchan *wchan = &snapshot->wchans[task->first_wchan + i];
    if (busiest == NULL || wchan->threads > busiest->threads)
      busiest = wchan;
  }
  return busiest == NULL ? NULL : busiest->symbol;
}

/* Cut it to what fits when it is escaped. */
static void fit_json(char *text) {
  size_t room = CMD_META_ESCAPED;
  for (; *text != '\0' && room > 1; text++)
    room -= *text == '"' || *text == '\\' ? 2 : 1;
  *text = '\0';
}

static meta_data_t *describe(const struct snapshot *snapshot,
                             const struct member *member,
                             const struct task *task, const char *source) {
  meta_data_t *meta = meta_data_create();
  if (meta == NULL)
    return NULL;
  char cmd[CMD_META_SIZE];
  copy_printable(cmd, sizeof(cmd),
                 member->cmdline != NULL && member->cmdline[0] != '\0'
                     ? member->cmdline
                     : task->comm);
  fit_json(cmd);
  const char *wchan = busiest_wchan(snapshot, task);
  meta_data_add_unsigned_int(meta, "proctrace:pid", (uint64_t)task->pid);
  if (snapshot->host.boot_time >= 0)
    meta_data_add_unsigned_int(meta, "proctrace:start_time",
                               (uint64_t)snapshot->host.boot_time +
                                   task->start / (uint64_t)snapshot->ticks);
  meta_data_add_string(meta, "proctrace:state", (char[]){task->state, '\0'});
  if (wchan != NULL)
    meta_data_add_string(meta, "proctrace:wchan", wchan);
  meta_data_add_string(meta, "proctrace:source", source);
  meta_data_add_string(meta, "proctrace:cmd", cmd);
  return meta;
}

static void send_threads(struct sender *sender, const struct snapshot *snapshot,
                         const struct task *task) {
  for (size_t i = 0; i < task->threads; i++) {
    const struct task *thread = &snapshot->threads[task->first_thread + i];
    char comm[NAME_SIZE], type_instance[DATA_MAX_NAME_LEN];
    if (thread->state == '\0') /* who it is could not be read */
      continue;
    name_clean(comm, thread->comm);
    for (size_t m = 0; m < metric_count; m++) {
      const struct metric *metric = &metrics[m];
      if (!is_told(sender, metric, SCOPE_THREAD, thread->valid))
        continue;
      snprintf(type_instance, sizeof(type_instance), "thread-%s-%d%s%s", comm,
               (int)thread->pid, metric->type_instance[0] == '\0' ? "" : "-",
               metric->type_instance);
      send_metric(sender, metric, type_instance, thread->value);
    }
  }
}

static void send_process(struct sender *sender, const struct snapshot *snapshot,
                         size_t index, const struct member *member,
                         const char *source) {
  const struct task *task = &snapshot->tasks[index];
  char instance[INSTANCE_SIZE];
  struct tally totals;
  name_process(instance, member_name(member), task->pid);
  name_instance(sender, instance);
  account_totals(member->account, task, &totals);
  sender->meta = describe(snapshot, member, task, source);
  send_metrics(sender, SCOPE_PROCESS, totals.valid, totals.value);
  meta_data_destroy(sender->meta);
  sender->meta = sender->list.meta = NULL;
  if (!task->wchan_missing)
    send_channels(sender, &member->account->channels);
  /* Who has lost its slot is not counted any more. */
  send_book(sender, SCOPE_PROCESS, member->slot != 0 ? member->probed : NULL);
}

static void send_processes(struct sender *sender,
                           const struct snapshot *snapshot,
                           const struct selection *selection,
                           const char *source) {
  for (size_t i = 0; i < selection->watched_count; i++) {
    size_t index = selection->watched[i];
    const struct member *member = selection->members[index];
    if (!member->reported || member->account == NULL)
      continue;
    send_process(sender, snapshot, index, member, source);
    send_threads(sender, snapshot, &snapshot->tasks[index]);
  }
}

/* --- groups --- */

/* That there is nobody is a fact as well. */
#define COUNT_FIELDS (FIELD_BIT(FIELD_PROCESSES) | FIELD_BIT(FIELD_THREADS))
#define ALL_COUNTERS (FIELD_BIT(COUNTER_COUNT) - 1)

/*
 * A rule that matches nothing says so with 0 processes, and its counters stand
 * still; there is nothing else to say of it.
 */
static void send_group(struct sender *sender, const struct group *group) {
  field_set valid = group->tally.valid | COUNT_FIELDS;
  if (!sender->report->per_group)
    valid = group->processes == 0 ? COUNT_FIELDS : 0;
  if (group->uncertain)
    valid &= ALL_COUNTERS;
  name_instance(sender, group->name);
  send_metrics(sender, SCOPE_GROUP, valid, group->tally.value);
  if (!sender->report->per_group)
    return;
  if (!group->of_top)
    send_counter(sender, "total_events", "restarts", group->restarts);
  if (!group->uncertain)
    send_channels(sender, &group->tally.channels);
  send_book(sender, SCOPE_GROUP, group->probed);
}

static void send_other(struct sender *sender,
                       const struct selection *selection) {
  const struct tally *other = &selection->other;
  field_set valid = other->valid | COUNT_FIELDS;
  name_instance(sender, "other");
  send_metrics(sender, SCOPE_OTHER,
               selection->complete ? valid : valid & ALL_COUNTERS,
               other->value);
}

static void send_groups(struct sender *sender,
                        const struct selection *selection) {
  for (size_t i = 0; i < selection->group_count; i++) {
    const struct group *group = selection->groups[i];
    /* That nobody is on top is no news. */
    if (group->processes > 0 || !group->of_top)
      send_group(sender, group);
  }
}

/* --- host and self --- */

static void send_known(struct sender *sender, const char *type,
                       const char *type_instance, double value) {
  if (value >= 0)
    send_gauge(sender, type, type_instance, value);
}

static void send_pressure(struct sender *sender, const char *resource,
                          const char *kind, const struct pressure *pressure) {
  if (!pressure->valid)
    return;
  char type_instance[DATA_MAX_NAME_LEN];
  snprintf(type_instance, sizeof(type_instance), "pressure_%s_%s", resource,
           kind);
  send_gauge(sender, "percent", type_instance, pressure->avg10);
  snprintf(type_instance, sizeof(type_instance), "pressure_%s_%s_us", resource,
           kind);
  send_counter(sender, "derive", type_instance, pressure->total_us);
}

static void send_host(struct sender *sender, const struct host *host) {
  static const char *const resources[PRESSURE_RESOURCES] = {
      [PRESSURE_CPU] = "cpu",
      [PRESSURE_IO] = "io",
      [PRESSURE_MEMORY] = "memory",
  };
  name_instance(sender, "host");
  if (host->load[0] >= 0)
    send_list(sender, "load", "",
              (value_t[]){{.gauge = host->load[0]},
                          {.gauge = host->load[1]},
                          {.gauge = host->load[2]}},
              3);
  send_known(sender, "memory", "total", host->memory_total);
  send_known(sender, "memory", "available", host->memory_available);
  send_known(sender, "swap", "used", host->swap_used);
  send_known(sender, "count", "cpus", host->cpus);
  send_known(sender, "timestamp", "boot", host->boot_time);
  for (int i = 0; i < PRESSURE_RESOURCES; i++) {
    send_pressure(sender, resources[i], "some", &host->some[i]);
    send_pressure(sender, resources[i], "full", &host->full[i]);
  }
  if (sender->probes != NULL)
    send_book(sender, SCOPE_HOST, sender->probes->host);
}

static double seconds_since(int64_t began) {
  return (double)(monotonic_ns() - began) / 1e9;
}

static void send_losses(struct sender *sender,
                        const struct snapshot *snapshot) {
  const struct report *report = sender->report;
  for (int i = 0; i < LOSS_COUNT; i++) {
    const struct loss_text *text = &loss_texts[i];
    if (strcmp(text->type, "count") == 0)
      send_gauge(sender, text->type, text->type_instance,
                 (double)snapshot->losses[i]);
    else
      send_counter(sender, text->type, text->type_instance, report->losses[i]);
  }
  send_counter(sender, "operations", "dropped_dispatch",
               report->not_dispatched);
}

static void send_self(struct sender *sender, const struct snapshot *snapshot,
                      const struct selection *selection,
                      const char *source_name, int64_t began) {
  char type_instance[DATA_MAX_NAME_LEN];
  size_t series = sender->sent; /* without those of self */
  name_instance(sender, "self");
  send_gauge(sender, "count", "tasks", (double)snapshot->count);
  send_gauge(sender, "count", "watched", (double)selection->watched_count);
  send_gauge(sender, "count", "series", (double)series);
  snprintf(type_instance, sizeof(type_instance), "source_%s", source_name);
  send_gauge(sender, "gauge", type_instance, 1);
  send_losses(sender, snapshot);
  send_probes_self(sender);
  send_gauge(sender, "duration", "read", seconds_since(began));
}

void report_send(struct report *report, const struct snapshot *snapshot,
                 const struct selection *selection, const struct probes *probes,
                 const char *source_name, int64_t began) {
  struct sender sender = {.report = report,
                          .probes = probes,
                          .list = {.plugin = "proctrace", .time = cdtime()}};
  send_processes(&sender, snapshot, selection, source_name);
  send_groups(&sender, selection);
  if (report->other)
    send_other(&sender, selection);
  send_host(&sender, &snapshot->host);
  send_self(&sender, snapshot, selection, source_name, began);
}
