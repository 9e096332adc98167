/* SPDX-License-Identifier: MIT
 *
 * A collectd plugin of the bench alone, "lists". It is the null writer: it
 * counts the value lists of each read (one read has one time) and, at the end,
 * writes their number for the last whole read to Report. With Lists it also
 * dispatches that many one-value lists an interval, with identifiers like those
 * of proctrace's processes: what collectd itself asks for a list.
 */
#include <collectd/core/daemon/collectd.h>

#include <collectd/core/daemon/plugin.h>
#include <collectd/core/utils/common/common.h>

enum { LISTS_OF_A_PROCESS = 12 };

static int lists;
static char *report;
static cdtime_t current;
static long counted, last_whole;

static int lists_config(oconfig_item_t *block) {
  for (int i = 0; i < block->children_num; i++) {
    oconfig_item_t *child = block->children + i;
    if (strcasecmp(child->key, "Lists") == 0)
      cf_util_get_int(child, &lists);
    else
      cf_util_get_string(child, &report);
  }
  return 0;
}

static int lists_read(user_data_t *unused) {
  (void)unused;
  value_t value = {.gauge = 1};
  value_list_t list = VALUE_LIST_INIT;
  list.values = &value;
  list.values_len = 1;
  list.time = cdtime();
  sstrncpy(list.plugin, "lists", sizeof(list.plugin));
  sstrncpy(list.type, "gauge", sizeof(list.type));
  for (int i = 0; i < lists; i++) {
    snprintf(list.plugin_instance, sizeof(list.plugin_instance), "process-%d",
             i / LISTS_OF_A_PROCESS);
    snprintf(list.type_instance, sizeof(list.type_instance), "value-%d",
             i % LISTS_OF_A_PROCESS);
    plugin_dispatch_values(&list);
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
