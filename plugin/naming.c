/* SPDX-License-Identifier: MIT */
#include "naming.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* isalnum() would ask the locale. */
static bool is_harmless(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
         c == '_' || c == '+' || c == '@' || c == '-';
}

static void clean(char *out, size_t size, const char *text) {
  size_t n = 0;
  for (; n < size - 1 && text[n] != '\0'; n++)
    out[n] = is_harmless(text[n]) ? text[n] : '_';
  if (n == 0)
    out[n++] = '_';
  out[n] = '\0';
}

void name_clean(char out[NAME_SIZE], const char *text) {
  clean(out, NAME_SIZE, text);
}

static bool looks_like_a_process(const char *name) {
  const char *at = name + strlen(name);
  const char *end = at;
  while (at > name && is_digit(at[-1]))
    at--;
  return at != end && at > name && at[-1] == '-';
}

static bool is_reserved(const char *name) {
  static const char *const ours[] = {"host", "self", "other"};
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    if (strcmp(name, ours[i]) == 0)
      return true;
  return looks_like_a_process(name);
}

void name_clean_group(char out[NAME_SIZE], const char *text) {
  clean(out, NAME_SIZE, text);
  if (!is_reserved(out))
    return;
  size_t n = strlen(out);
  if (n == NAME_SIZE - 1)
    n--;
  out[n] = '_';
  out[n + 1] = '\0';
}

void name_process(char out[INSTANCE_SIZE], const char *name, pid_t pid) {
  char clean_name[NAME_SIZE];
  name_clean(clean_name, name);
  snprintf(out, INSTANCE_SIZE, "%s-%d", clean_name, (int)pid);
}
