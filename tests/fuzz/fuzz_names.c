/* SPDX-License-Identifier: MIT */
/*
 * Names from hostile texts: what may stand in an identifier, and that nobody
 * takes another one's.
 */
#include "fuzz.h"

#include "channels.h"
#include "histogram.h"
#include "metrics.h"
#include "naming.h"
#include "probe_names.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* collectd's DATA_MAX_NAME_LEN, by default. */
#define IDENTIFIER_SIZE 128

/* The promises, in another way than the plugin keeps them. */
enum form { CLEAN, NOT_FOR_A_GROUP, PERCENTILE, FORMS };

static bool has_form(const char *text, enum form form) {
  static const char *const patterns[FORMS] = {
      [CLEAN] = "^[A-Za-z0-9_+@-]{1,64}$",
      [NOT_FOR_A_GROUP] = "^(host|self|other)$|-[0-9]+$",
      [PERCENTILE] = "^p[0-9]{1,2}(_[0-9]{0,2}[1-9])?$",
  };
  static regex_t compiled[FORMS];
  static bool is_compiled[FORMS];
  if (!is_compiled[form])
    CHECK(regcomp(&compiled[form], patterns[form], REG_EXTENDED | REG_NOSUB) ==
          0);
  is_compiled[form] = true;
  return regexec(&compiled[form], text, 0, NULL, 0) == 0;
}

static void names(struct input input) {
  char text[512], name[NAME_SIZE], group[NAME_SIZE], again[NAME_SIZE];
  take_string(&input, text, sizeof(text));
  name_clean(name, text);
  CHECK(has_form(name, CLEAN));
  for (size_t i = 0; name[i] != '\0'; i++)
    CHECK(name[i] == text[i] || name[i] == '_');
  name_clean(again, name);
  CHECK(strcmp(again, name) == 0);

  name_clean_group(group, text);
  CHECK(has_form(group, CLEAN));
  CHECK(!has_form(group, NOT_FOR_A_GROUP));
  CHECK((strcmp(group, name) == 0) != has_form(name, NOT_FOR_A_GROUP));
  name_clean_group(again, group);
  CHECK(strcmp(again, group) == 0);
}

/* --- wait channels --- */

static void check_channels(const struct channels *channels) {
  CHECK(channels->count <= CHANNELS_MAX + 1);
  for (size_t i = 0; i < channels->count; i++) {
    CHECK(has_form(channels->list[i].name, CLEAN));
    for (size_t j = 0; j < i; j++)
      CHECK(strcmp(channels->list[i].name, channels->list[j].name) != 0);
  }
}

static void wait_channels(struct input input) {
  struct channels channels = {0};
  unsigned slept = 0;
  while (left(&input) > 0) {
    struct wchan wchan = {.threads = 1};
    take_string(&input, wchan.symbol, sizeof(wchan.symbol));
    if (wchan.symbol[0] == '\0') { /* an interval */
      channels_begin(&channels);
      slept = 0;
      continue;
    }
    channels_add(&channels, &wchan);
    slept++;
    unsigned told = 0;
    for (size_t i = 0; i < channels.count; i++)
      told += channels.list[i].threads;
    CHECK(told == slept);
  }
  check_channels(&channels);
  channels_free(&channels);
}

/* --- of the probes --- */

static void check_identifier(const char *name) {
  CHECK(strlen(name) < IDENTIFIER_SIZE - 1);
  CHECK(strpbrk(name, "./\\<> \"'{}=\n") == NULL);
}

/* A percentile's name is its number again. */
static void check_percentile(unsigned percent) {
  char name[16];
  name_percentile(name, sizeof(name), percent);
  CHECK(has_form(name, PERCENTILE));
  char *line = strchr(name, '_');
  if (line != NULL)
    *line = '.';
  CHECK((unsigned)(strtod(name + 1, NULL) * PERCENT + 0.5) == percent);
}

static void probes_names(struct input input) {
  char text[NAME_SIZE], name[IDENTIFIER_SIZE], buffer[16];
  unsigned percent = (unsigned)take_bytes(&input, 3);
  int error = (int)take_bytes(&input, 4);
  const char *error_name = name_errno(error, buffer, sizeof(buffer));
  CHECK(strlen(error_name) < 16);
  check_percentile(1 + percent % (100 * PERCENT - 1));
  take_string(&input, name, sizeof(name));
  name_clean(text, name);
  for (size_t i = 0; i < probe_metric_count; i++) {
    const char *row = probe_metrics[i].type_instance;
    fill_in(name, sizeof(name), row, text);
    if (strchr(row, '<') == NULL || strchr(strchr(row, '<') + 1, '<') != NULL)
      continue; /* of two places one is left */
    check_identifier(name);
    CHECK(strstr(name, text) != NULL);
    fill_in(name, sizeof(name), row, error_name);
    check_identifier(name);
  }
}

void fuzz_names(struct input input) {
  switch (take_byte(&input)) {
  case 'w':
    wait_channels(input);
    break;
  case 'p':
    probes_names(input);
    break;
  default:
    names(input);
  }
}
