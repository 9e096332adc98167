/* SPDX-License-Identifier: MIT */

#include "types_db.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <collectd/core/daemon/plugin.h>

#ifndef PROCTRACE_TYPES_DB
#define PROCTRACE_TYPES_DB "/usr/share/collectd/types.db"
#endif

static struct data_type types[1024];
static size_t types_num;

static int kind_of(const char *word) {
  static const char *const kinds[] = {"COUNTER", "GAUGE", "DERIVE", "ABSOLUTE"};
  for (int i = 0; i < 4; i++)
    if (!strcmp(word, kinds[i]))
      return i;
  return -1;
}

static double bound_of(const char *word, double unlimited) {
  return *word == 'U' ? unlimited : atof(word);
}

/* "load  shortterm:GAUGE:0:5000, midterm:GAUGE:0:5000" */
static void add_line(char *line) {
  struct data_type type = {0};
  char *rest, *name = strtok_r(line, " \t\n", &rest);
  if (!name || *name == '#' || types_num == sizeof(types) / sizeof(types[0]))
    return;
  snprintf(type.name, sizeof(type.name), "%s", name);

  char *source;
  while ((source = strtok_r(NULL, " ,\t\n", &rest)) &&
         type.sources_num < DATA_SOURCES_MAX) {
    char kind[16], min[32], max[32];
    if (sscanf(source, "%*[^:]:%15[^:]:%31[^:]:%31s", kind, min, max) != 3)
      return;
    type.sources[type.sources_num++] =
        (struct data_source){.kind = kind_of(kind),
                             .min = bound_of(min, -INFINITY),
                             .max = bound_of(max, INFINITY)};
  }
  types[types_num++] = type;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct data_type *)a)->name,
                ((const struct data_type *)b)->name);
}

static void load(void) {
  FILE *f = fopen(PROCTRACE_TYPES_DB, "r");
  if (!f) {
    perror(PROCTRACE_TYPES_DB);
    abort();
  }
  char line[4096];
  while (fgets(line, sizeof(line), f))
    add_line(line);
  fclose(f);
  qsort(types, types_num, sizeof(types[0]), by_name);
}

const struct data_type *types_db_find(const char *name) {
  if (!types_num)
    load();
  struct data_type key = {0};
  snprintf(key.name, sizeof(key.name), "%s", name);
  return bsearch(&key, types, types_num, sizeof(types[0]), by_name);
}
