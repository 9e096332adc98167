/* SPDX-License-Identifier: MIT */

#include "oconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void syntax_error(const char *what, const char *at) {
  fprintf(stderr, "configuration: %s at: %.40s\n", what, at);
  abort();
}

static void *must(void *allocated) {
  if (!allocated)
    abort();
  return allocated;
}

static const char *skip_blanks(const char *p) {
  while (*p == ' ' || *p == '\t')
    p++;
  if (*p == '#')
    p += strcspn(p, "\n");
  return p;
}

static const char *skip_lines(const char *p) {
  for (p = skip_blanks(p); *p == '\n'; p = skip_blanks(p))
    p++;
  return p;
}

/* One word: quoted with \ as escape, or up to a blank, '>' or the line's end.
 */
static const char *take_word(const char *p, char **word, int *quoted) {
  size_t len = 0;
  char *out = must(malloc(strlen(p) + 1));
  *quoted = *p == '"';
  if (*quoted) {
    for (p++; *p != '"'; p++) {
      if (*p == '\\' && p[1])
        p++;
      if (!*p)
        syntax_error("string without end", out);
      out[len++] = *p;
    }
    p++;
  } else {
    while (*p && !strchr(" \t\n>", *p))
      out[len++] = *p++;
    if (!len)
      syntax_error("word expected", p);
  }
  out[len] = '\0';
  *word = out;
  return p;
}

static int boolean_of(const char *word) {
  static const char *const words[] = {"false", "no",  "off",
                                      "true",  "yes", "on"};
  for (int i = 0; i < 6; i++)
    if (!strcasecmp(word, words[i]))
      return i / 3;
  return -1;
}

static const char *take_values(const char *p, oconfig_item_t *item) {
  for (p = skip_blanks(p); *p && *p != '\n' && *p != '>'; p = skip_blanks(p)) {
    char *word, *end;
    int quoted;
    p = take_word(p, &word, &quoted);

    oconfig_value_t value = {.type = OCONFIG_TYPE_STRING};
    double number = strtod(word, &end);
    if (!quoted && !*end)
      value = (oconfig_value_t){.type = OCONFIG_TYPE_NUMBER,
                                .value.number = number};
    else if (!quoted && boolean_of(word) >= 0)
      value = (oconfig_value_t){.type = OCONFIG_TYPE_BOOLEAN,
                                .value.boolean = boolean_of(word)};
    else
      value.value.string = must(strdup(word));
    free(word);

    item->values = must(
        realloc(item->values, (size_t)(item->values_num + 1) * sizeof(value)));
    item->values[item->values_num++] = value;
  }
  return p;
}

static const char *take_items(const char *p, oconfig_item_t *parent);

static const char *take_item(const char *p, oconfig_item_t *item) {
  int quoted, block = *p == '<';
  p = take_word(block ? p + 1 : p, &item->key, &quoted);
  p = take_values(p, item);
  if (!block)
    return p;
  if (*p != '>')
    syntax_error("'>' expected", p);
  p = take_items(p + 1, item);

  size_t len = strlen(item->key);
  if (strncmp(p, "</", 2) || strncasecmp(p + 2, item->key, len) ||
      p[2 + len] != '>')
    syntax_error("end of block expected", p);
  return p + 2 + len + 1;
}

static const char *take_items(const char *p, oconfig_item_t *parent) {
  for (p = skip_lines(p); *p && strncmp(p, "</", 2); p = skip_lines(p)) {
    oconfig_item_t item = {0};
    p = take_item(p, &item);
    parent->children = must(realloc(
        parent->children, (size_t)(parent->children_num + 1) * sizeof(item)));
    parent->children[parent->children_num++] = item;
  }
  return p;
}

/* Arrays moved while they grew, so parents are known only at the end. */
static void set_parents(oconfig_item_t *item) {
  for (int i = 0; i < item->children_num; i++) {
    item->children[i].parent = item;
    set_parents(&item->children[i]);
  }
}

oconfig_item_t *oconf_parse(const char *text) {
  oconfig_item_t *root = must(calloc(1, sizeof(*root)));
  const char *end = take_items(text, root);
  if (*end)
    syntax_error("end of text expected", end);
  set_parents(root);
  return root;
}

void oconf_free_content(oconfig_item_t *item) {
  for (int i = 0; i < item->children_num; i++)
    oconf_free_content(&item->children[i]);
  for (int i = 0; i < item->values_num; i++)
    if (item->values[i].type == OCONFIG_TYPE_STRING)
      free(item->values[i].value.string);
  free(item->values);
  free(item->children);
  free(item->key);
}

void oconf_free(oconfig_item_t *root) {
  oconf_free_content(root);
  free(root);
}
