/* SPDX-License-Identifier: MIT */
#include "option_values.h"

#include "log.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/liboconfig/oconfig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- complaints --- */

static void append_value(FILE *out, const oconfig_value_t *value) {
  switch (value->type) {
  case OCONFIG_TYPE_STRING:
    fprintf(out, " \"%s\"", value->value.string);
    break;
  case OCONFIG_TYPE_NUMBER:
    fprintf(out, " %.15g", value->value.number);
    break;
  default:
    fputs(value->value.boolean ? " true" : " false", out);
  }
}

/* "MaxProcesses "many": want a number" */
void complain(const oconfig_item_t *item, const char *remedy) {
  char line[512] = "";
  snprintf(line, sizeof(line), "%s", item->key);
  FILE *out = fmemopen(line, sizeof(line) - 1, "w");
  if (out != NULL) { /* else there is no memory, and the option alone is said */
    fputs(item->key, out);
    for (int i = 0; i < item->values_num; i++)
      append_value(out, &item->values[i]);
    fclose(out);
  }
  log_error("<Plugin proctrace>: %s: %s", line, remedy);
}

char *copy_text(const oconfig_item_t *item, const char *text) {
  char *copy = strdup(text);
  if (copy == NULL)
    complain(item, NO_MEMORY);
  return copy;
}

/* --- values --- */

bool has_shape(const oconfig_item_t *item, int values, bool is_block) {
  return item->values_num == values && (item->children_num == 0 || is_block);
}

const char *get_text(const oconfig_item_t *item, const char *remedy) {
  if (has_shape(item, 1, false) &&
      item->values[0].type == OCONFIG_TYPE_STRING &&
      item->values[0].value.string[0] != '\0')
    return item->values[0].value.string;
  complain(item, remedy);
  return NULL;
}

bool get_path(const oconfig_item_t *item, char **out, const char *remedy) {
  const char *path = get_text(item, remedy);
  if (path == NULL)
    return false;
  if (path[0] != '/') {
    complain(item, remedy);
    return false;
  }
  free(*out);
  *out = copy_text(item, path);
  return *out != NULL;
}

bool is_whole(const oconfig_item_t *item, double least, double most) {
  if (!has_shape(item, 1, false) || item->values[0].type != OCONFIG_TYPE_NUMBER)
    return false;
  double number = item->values[0].value.number;
  return number >= least && number <= most &&
         number == (double)(long long)number;
}

bool get_whole(const oconfig_item_t *item, unsigned least, unsigned most,
               unsigned *out) {
  if (!is_whole(item, least, most)) {
    char remedy[80];
    snprintf(remedy, sizeof(remedy),
             "want a whole number from %u to %u, without quotes", least, most);
    complain(item, remedy);
    return false;
  }
  *out = (unsigned)item->values[0].value.number;
  return true;
}

bool get_boolean(const oconfig_item_t *item, bool *out) {
  static const struct {
    const char *text;
    bool value;
  } words[] = {{"true", true},   {"yes", true}, {"on", true},
               {"false", false}, {"no", false}, {"off", false}};
  if (has_shape(item, 1, false)) {
    const oconfig_value_t *value = &item->values[0];
    if (value->type == OCONFIG_TYPE_BOOLEAN) {
      *out = value->value.boolean;
      return true;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
      if (value->type == OCONFIG_TYPE_STRING &&
          strcasecmp(value->value.string, words[i].text) == 0) {
        *out = words[i].value;
        return true;
      }
  }
  complain(item, "want true or false");
  return false;
}
