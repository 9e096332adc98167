/* SPDX-License-Identifier: MIT */

#include "series.h"

#include <fnmatch.h>
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta.h"

#define INSTANCE_CHARACTERS                                                    \
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+@-"
/* A name has at most 64 characters; "-" and a PID follow. */
#define PLUGIN_INSTANCE_MAX (64 + 1 + 10)

static void *tree; /* of struct series, by identifier */
static unsigned current_read;
static cdtime_t time_of_read;
static const char *may_fall;
static char complaints[4096];

static int by_id(const void *a, const void *b) {
  return strcmp(((const struct series *)a)->id, ((const struct series *)b)->id);
}

/* The first dozens say enough. */
static void complain(const char *id, const char *what) {
  size_t len = strlen(complaints);
  if (len < sizeof(complaints) / 2)
    snprintf(complaints + len, sizeof(complaints) - len, "  %s: %s\n", id,
             what);
}

static void check_instance(const char *id, const char *instance, size_t max) {
  if (strspn(instance, INSTANCE_CHARACTERS) != strlen(instance))
    complain(id, "character that a receiver may not take");
  if (strlen(instance) > max)
    complain(id, "longer than promised");
}

static void check_names(const char *id, const value_list_t *list) {
  if (strcmp(list->plugin, "proctrace"))
    complain(id, "plugin is not proctrace");
  if (!*list->plugin_instance)
    complain(id, "empty plugin_instance");
  check_instance(id, list->plugin_instance, PLUGIN_INSTANCE_MAX);
  check_instance(id, list->type_instance, DATA_MAX_NAME_LEN - 1);
}

static void check_times(const char *id, const value_list_t *list) {
  if (!list->time)
    complain(id, "no time: collectd would take another one for each list");
  if (!time_of_read)
    time_of_read = list->time;
  else if (list->time != time_of_read)
    complain(id, "a second timestamp in one read");
  if (list->interval && list->interval < plugin_get_interval())
    complain(id, "interval shorter than the plugin's");
}

/* A union does not say which member was set.  But small integers taken for a
 * double are subnormal, and doubles taken for an integer are huge. */
static void check_kind(const char *id, const struct data_source *source,
                       value_t value) {
  if (source->kind == DS_TYPE_GAUGE) {
    if (fpclassify(value.gauge) == FP_SUBNORMAL)
      complain(id, "an integer stands where types.db has a GAUGE");
    else if (!isfinite(value.gauge))
      complain(id, "NaN or infinite");
    else if (value.gauge < source->min || value.gauge > source->max)
      complain(id, "outside of the type's range");
  } else if (source->kind == DS_TYPE_DERIVE) {
    if (value.derive < source->min)
      complain(id, "negative DERIVE");
    if (value.derive > INT64_MAX / 4)
      complain(id, "a double stands where types.db has a DERIVE");
  } else {
    complain(id, "neither GAUGE nor DERIVE");
  }
}

static void check_values(const char *id, const value_list_t *list,
                         const struct data_type *type) {
  if (!type) {
    complain(id, "type is not in types.db");
    return;
  }
  if (list->values_len != type->sources_num) {
    complain(id, "wrong number of data sources");
    return;
  }
  for (size_t i = 0; i < list->values_len; i++)
    check_kind(id, &type->sources[i], list->values[i]);
}

static void check_against_last(const struct series *last,
                               const value_list_t *list) {
  if (last->read == current_read)
    complain(last->id, "sent twice in one read");
  if (!last->type || last->values_len != list->values_len ||
      (may_fall && !fnmatch(may_fall, last->id, 0)))
    return;
  for (size_t i = 0; i < list->values_len; i++)
    if (last->type->sources[i].kind == DS_TYPE_DERIVE &&
        list->values[i].derive < last->values[i].derive)
      complain(last->id, "a DERIVE fell");
}

static struct series *find_or_add(const struct series *key, bool *added) {
  struct series **node = tfind(key, &tree, by_id);
  *added = !node;
  if (*added) {
    struct series *copy = malloc(sizeof(*copy));
    if (!copy)
      abort();
    *copy = *key;
    node = tsearch(copy, &tree, by_id);
  }
  return *node;
}

void series_record(const value_list_t *list) {
  struct series key = {.type = types_db_find(list->type)};
  snprintf(key.id, sizeof(key.id), "%s/%s%s%s", list->plugin_instance,
           list->type, *list->type_instance ? "-" : "", list->type_instance);

  check_names(key.id, list);
  check_times(key.id, list);
  check_values(key.id, list, key.type);

  bool added;
  struct series *series = find_or_add(&key, &added);
  if (!added)
    check_against_last(series, list);

  series->values_len =
      list->values_len < DATA_SOURCES_MAX ? list->values_len : DATA_SOURCES_MAX;
  memcpy(series->values, list->values,
         series->values_len * sizeof(series->values[0]));
  series->time = list->time;
  series->interval = list->interval;
  meta_data_destroy(series->meta);
  series->meta = meta_clone(list->meta);
  series->read = current_read;
}

void series_next_read(void) {
  current_read++;
  time_of_read = 0;
  complaints[0] = '\0';
}

const char *series_complaints(void) { return complaints; }

const struct series *series_find(const char *id) {
  struct series key;
  snprintf(key.id, sizeof(key.id), "%s", id);
  struct series **node = tfind(&key, &tree, by_id);
  return node && (*node)->read == current_read ? *node : NULL;
}

struct walk {
  const char *pattern;
  void (*f)(const struct series *, void *);
  void *data;
  unsigned count;
};

static void visit(const void *node, VISIT order, void *data) {
  const struct series *series = *(struct series *const *)node;
  struct walk *walk = data;
  if ((order != postorder && order != leaf) || series->read != current_read ||
      fnmatch(walk->pattern, series->id, 0))
    return;
  walk->count++;
  if (walk->f)
    walk->f(series, walk->data);
}

unsigned series_each(const char *pattern,
                     void (*f)(const struct series *, void *), void *data) {
  struct walk walk = {.pattern = pattern, .f = f, .data = data};
  twalk_r(tree, visit, &walk);
  return walk.count;
}

double series_value(const struct series *series, size_t source) {
  if (!series->type || source >= series->values_len)
    return NAN;
  return series->type->sources[source].kind == DS_TYPE_GAUGE
             ? series->values[source].gauge
             : (double)series->values[source].derive;
}

const char *series_meta(const struct series *series, const char *key) {
  return meta_text(series->meta, key);
}

void series_may_fall(const char *pattern) { may_fall = pattern; }

static void free_series(void *node) {
  meta_data_destroy(((struct series *)node)->meta);
  free(node);
}

void series_forget_all(void) {
  tdestroy(tree, free_series);
  tree = NULL;
  may_fall = NULL;
  complaints[0] = '\0';
}
