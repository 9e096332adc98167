/* SPDX-License-Identifier: MIT */

#include "meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct meta_data_s {
  struct entry {
    char key[64];
    char text[512];
  } * entries;
  size_t entries_num;
};

/* Called by the plugin: visible although all else may be hidden. */
#define API __attribute__((visibility("default")))

API meta_data_t *meta_data_create(void) {
  return calloc(1, sizeof(meta_data_t));
}

API void meta_data_destroy(meta_data_t *meta) {
  if (meta)
    free(meta->entries);
  free(meta);
}

static int add(meta_data_t *meta, const char *key, const char *text) {
  struct entry entry = {0};
  if (!meta || !key || !text)
    return -EINVAL;
  /* collectd's JSON writers lose the whole list over a longer string. */
  if (strlen(key) >= sizeof(entry.key) || strlen(text) > 509)
    return -ENOMEM;
  struct entry *grown =
      realloc(meta->entries, (meta->entries_num + 1) * sizeof(entry));
  if (!grown)
    return -ENOMEM;
  strcpy(entry.key, key);
  strcpy(entry.text, text);
  meta->entries = grown;
  meta->entries[meta->entries_num++] = entry;
  return 0;
}

API int meta_data_add_string(meta_data_t *meta, const char *key,
                             const char *value) {
  return add(meta, key, value);
}

API int meta_data_add_signed_int(meta_data_t *meta, const char *key,
                                 int64_t value) {
  char text[32];
  snprintf(text, sizeof(text), "%" PRId64, value);
  return add(meta, key, text);
}

API int meta_data_add_unsigned_int(meta_data_t *meta, const char *key,
                                   uint64_t value) {
  char text[32];
  snprintf(text, sizeof(text), "%" PRIu64, value);
  return add(meta, key, text);
}

meta_data_t *meta_clone(const meta_data_t *meta) {
  meta_data_t *copy = meta ? meta_data_create() : NULL;
  for (size_t i = 0; copy && i < meta->entries_num; i++)
    add(copy, meta->entries[i].key, meta->entries[i].text);
  return copy;
}

const char *meta_text(const meta_data_t *meta, const char *key) {
  for (size_t i = 0; meta && i < meta->entries_num; i++)
    if (!strcmp(meta->entries[i].key, key))
      return meta->entries[i].text;
  return NULL;
}
