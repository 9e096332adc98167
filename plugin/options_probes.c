/* SPDX-License-Identifier: MIT */
#include "options_probes.h"

#include "metrics.h"
#include "option_values.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/liboconfig/oconfig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEMORY_MIB_MOST 65536

void probe_options_init(struct probe_options *options) {
  *options = (struct probe_options){
      .syscall_latency = true,
      .names = 10,
      .percentiles = {50 * PERCENT, 90 * PERCENT, 99 * PERCENT},
      .percentile_count = 3,
      .memory_mib = 32,
  };
}

static void forget_latency_of(struct probe_options *options) {
  for (unsigned i = 0; i < options->latency_of_count; i++)
    free(options->latency_of[i]);
  options->latency_of_count = 0;
}

void probe_options_free(struct probe_options *options) {
  forget_latency_of(options);
}

/* --- lines of a probe --- */

static void set_latency(struct probe_options *options, enum probe probe,
                        const oconfig_item_t *item) {
  (void)probe;
  get_boolean(item, &options->syscall_latency);
}

static void set_names(struct probe_options *options, enum probe probe,
                      const oconfig_item_t *item) {
  (void)probe;
  get_whole(item, 0, SYSCALL_NAMES_MOST, &options->names);
}

static void set_latency_of(struct probe_options *options, enum probe probe,
                           const oconfig_item_t *item) {
  (void)probe;
  bool right = item->values_num >= 1 && item->values_num <= LATENCY_NAMES &&
               item->children_num == 0;
  for (int i = 0; i < item->values_num && right; i++)
    right = item->values[i].type == OCONFIG_TYPE_STRING &&
            item->values[i].value.string[0] != '\0';
  if (!right) {
    complain(item, "want one to four names of system calls, in quotes");
    return;
  }
  forget_latency_of(options);
  for (int i = 0; i < item->values_num; i++) {
    char *name = copy_text(item, item->values[i].value.string);
    if (name != NULL)
      options->latency_of[options->latency_of_count++] = name;
  }
}

static void set_host(struct probe_options *options, enum probe probe,
                     const oconfig_item_t *item) {
  bool host;
  if (!get_boolean(item, &host))
    return;
  options->host &= ~PROBE_BIT(probe);
  options->host |= host ? PROBE_BIT(probe) : 0;
}

#define SYSCALL PROBE_BIT(PROBE_SYSCALL)
#define RUNQUEUE PROBE_BIT(PROBE_RUNQUEUE)
static const struct {
  const char *key;
  void (*set)(struct probe_options *options, enum probe probe,
              const oconfig_item_t *item);
  unsigned probes; /* that have such a line */
} probe_lines[] = {
    {"Latency", set_latency, SYSCALL},
    {"Names", set_names, SYSCALL},
    {"LatencyOf", set_latency_of, SYSCALL},
    {"Host", set_host, SYSCALL | RUNQUEUE},
};

static void complain_of_line(enum probe probe, const oconfig_item_t *line) {
  char remedy[120];
  int at = snprintf(remedy, sizeof(remedy), "no such line in <Probe \"%s\">",
                    probe_names[probe]);
  const char *separator = "; there is ";
  for (size_t i = 0; i < sizeof(probe_lines) / sizeof(probe_lines[0]); i++) {
    if (!(probe_lines[i].probes & PROBE_BIT(probe)))
      continue;
    at += snprintf(remedy + at, sizeof(remedy) - (size_t)at, "%s%s", separator,
                   probe_lines[i].key);
    separator = ", ";
  }
  complain(line, remedy);
}

static void read_probe_line(struct probe_options *options, enum probe probe,
                            const oconfig_item_t *line) {
  for (size_t i = 0; i < sizeof(probe_lines) / sizeof(probe_lines[0]); i++) {
    if (strcasecmp(line->key, probe_lines[i].key) != 0 ||
        !(probe_lines[i].probes & PROBE_BIT(probe)))
      continue;
    probe_lines[i].set(options, probe, line);
    return;
  }
  complain_of_line(probe, line);
}

/* PROBES: it is none. */
static enum probe probe_of(const oconfig_item_t *item) {
  enum probe probe = 0;
  if (!has_shape(item, 1, true) || item->values[0].type != OCONFIG_TYPE_STRING)
    return PROBES;
  while (probe < PROBES &&
         strcasecmp(item->values[0].value.string, probe_names[probe]) != 0)
    probe++;
  return probe;
}

void read_probe(struct options *options, const oconfig_item_t *item) {
  enum probe probe = probe_of(item);
  if (probe == PROBES) {
    complain(item, "want \"syscall\", \"runqueue\", \"blockio\", "
                   "\"tcpconnect\" or \"mmap\"");
    return;
  }
  options->probes.wanted |= PROBE_BIT(probe);
  for (int i = 0; i < item->children_num; i++)
    read_probe_line(&options->probes, probe, &item->children[i]);
}

/* --- the others --- */

/* In PERCENT, or 0. */
static unsigned percent_of(const oconfig_value_t *value) {
  if (value->type != OCONFIG_TYPE_NUMBER || !(value->value.number > 0) ||
      !(value->value.number < 100))
    return 0;
  double thousandths = value->value.number * PERCENT;
  unsigned percent = (unsigned)(thousandths + 0.5);
  double off = thousandths - percent;
  return off < 1e-6 && off > -1e-6 ? percent : 0;
}

static bool stands_in(const unsigned *list, unsigned n, unsigned percent) {
  for (unsigned i = 0; i < n; i++)
    if (list[i] == percent)
      return true;
  return false;
}

void read_percentiles(struct options *options, const oconfig_item_t *item) {
  unsigned list[PERCENTILES_MOST], n = 0;
  bool right = item->values_num >= 1 && item->values_num <= PERCENTILES_MOST &&
               item->children_num == 0;
  for (int i = 0; i < item->values_num && right; i++) {
    unsigned percent = percent_of(&item->values[i]);
    right = percent != 0;
    if (right && !stands_in(list, n, percent))
      list[n++] = percent;
  }
  if (!right) {
    complain(item, "want at most eight numbers above 0 and below 100, with at "
                   "most three decimals and without quotes");
    return;
  }
  memcpy(options->probes.percentiles, list, sizeof(list));
  options->probes.percentile_count = n;
}

void read_probe_memory(struct options *options, const oconfig_item_t *item) {
  get_whole(item, 1, MEMORY_MIB_MOST, &options->probes.memory_mib);
}
