/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct target targets[] = {
    {"stat", fuzz_stat},       {"status", fuzz_status},   {"text", fuzz_text},
    {"plugin", fuzz_plugin},   {"options", fuzz_options}, {"names", fuzz_names},
    {"records", fuzz_records}, {"results", fuzz_results},
};
const size_t target_count = sizeof(targets) / sizeof(targets[0]);

const struct target *target_find(const char *name) {
  for (size_t i = 0; i < target_count; i++)
    if (strcmp(targets[i].name, name) == 0)
      return &targets[i];
  return NULL;
}

void check_failed(const char *condition, const char *file, int line) {
  fprintf(stderr, "%s:%d: %s does not hold\n", file, line, condition);
  abort();
}

uint64_t take_bytes(struct input *input, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes && input->at < input->end; i++)
    value |= (uint64_t)*input->at++ << 8 * i;
  return value;
}

uint64_t take_number(struct input *input) {
  return take_bytes(input, take_byte(input) % 9u);
}

struct input take_until(struct input *input, uint8_t end) {
  struct input part = *input;
  if (left(input) == 0)
    return part;
  const uint8_t *found = memchr(input->at, end, left(input));
  if (found != NULL)
    part.end = found;
  input->at = found == NULL ? input->end : found + 1;
  return part;
}

void take_string(struct input *input, char *out, size_t size) {
  struct input text = take_until(input, '\0');
  size_t length = left(&text) < size - 1 ? left(&text) : size - 1;
  memcpy(out, text.at, length);
  out[length] = '\0';
}

char *exact_copy(const void *data, size_t length) {
  char *copy = malloc(length);
  CHECK(copy != NULL || length == 0);
  if (length > 0)
    memcpy(copy, data, length);
  return copy;
}
