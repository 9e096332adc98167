/* SPDX-License-Identifier: MIT
 *
 * A collectd plugin of the bench alone, "lists". It is the null writer: it
 * counts the value lists of each read (one read has one time) and, at the end,
 * writes their number for the last whole read to Report. With Processes it also
 * dispatches an interval, in a tight loop, the very lists that proctrace sends
 * of so many processes: what collectd itself asks for them. With Basic true
 * only those that are always sent.
 */
#include "metrics.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/core/daemon/plugin.h>
#include <collectd/core/utils/common/common.h>

static int processes;
static bool basic;
static char *report;
static cdtime_t current;
static long counted, last_whole;

static int lists_config(oconfig_item_t *block) {
  for (int i = 0; i < block->children_num; i++) {
    oconfig_item_t *child = block->children + i;
    if (strcasecmp(child->key, "Processes") == 0)
      cf_util_get_int(child, &processes);
    else if (strcasecmp(child->key, "Basic") == 0)
      cf_util_get_boolean(child, &basic);
    else
      cf_util_get_string(child, &report);
  }
  return 0;
}

static bool is_sent(const struct metric *metric) {
  unsigned groups = GROUP_BASIC | GROUP_CPU;
  for (size_t i = 0; i < collect_name_count && !basic; i++)
    groups |= collect_names[i].by_default ? collect_names[i].group : 0u;
  return (metric->scopes & SCOPE_PROCESS) && (metric->group & groups);
}

static int lists_read(user_data_t *unused) {
  (void)unused;
  value_t values[2] = {{.gauge = 1}, {.gauge = 1}};
  value_list_t list = VALUE_LIST_INIT;
  list.values = values;
  list.time = cdtime();
  sstrncpy(list.plugin, "proctrace", sizeof(list.plugin));
  for (int p = 0; p < processes; p++) {
    snprintf(list.plugin_instance, sizeof(list.plugin_instance), "all-%d", p);
    for (size_t i = 0; i < metric_count; i++) {
      const struct metric *metric = &metrics[i];
      if (!is_sent(metric))
        continue;
      list.values_len = metric->fields[1] == FIELD_COUNT ? 1 : 2;
      sstrncpy(list.type, metric->type, sizeof(list.type));
      sstrncpy(list.type_instance, metric->type_instance,
               sizeof(list.type_instance));
      plugin_dispatch_values(&list);
    }
  }
  return 0;
}

/* The bench sets WriteThreads 1: values come in order. */
static int lists_write(const data_set_t *set, const value_list_t *list,
                       user_data_t *unused) {
  (void)set;
  (void)unused;
  if (list->time != current) {
    current = list->time;
    last_whole = counted;
    counted = 0;
  }
  counted++;
  return 0;
}

static int lists_shutdown(void) {
  FILE *file = report != NULL ? fopen(report, "w") : NULL;
  if (file == NULL)
    return -1;
  fprintf(file, "%ld\n", last_whole);
  return fclose(file);
}

void module_register(void);
void module_register(void) {
  plugin_register_complex_config("lists", lists_config);
  plugin_register_complex_read(NULL, "lists", lists_read, 0, NULL);
  plugin_register_write("lists", lists_write, NULL);
  plugin_register_shutdown("lists", lists_shutdown);
}
