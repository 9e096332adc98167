/* SPDX-License-Identifier: MIT */
#include "options_notify.h"

#include "option_values.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/liboconfig/oconfig.h>

#include <stddef.h>
#include <strings.h>

#define INTERVALS_MOST 1000

static const struct {
  const char *name;
  unsigned intervals; /* unless the block says others */
  size_t place;       /* of the kind's number in struct notify_options */
} kinds[] = {
    {"gone", 2, offsetof(struct notify_options, gone)},
    {"blocked", 5, offsetof(struct notify_options, blocked)},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static unsigned *intervals_of(struct notify_options *options, size_t kind) {
  return (unsigned *)(void *)((char *)options + kinds[kind].place);
}

/* KINDS: it is none. */
static size_t kind_of(const oconfig_item_t *item) {
  size_t kind = 0;
  if (!has_shape(item, 1, true) || item->values[0].type != OCONFIG_TYPE_STRING)
    return KINDS;
  while (kind < KINDS &&
         strcasecmp(item->values[0].value.string, kinds[kind].name) != 0)
    kind++;
  return kind;
}

void read_notify(struct options *options, const oconfig_item_t *item) {
  size_t kind = kind_of(item);
  if (kind == KINDS) {
    complain(item, "want \"gone\" or \"blocked\"");
    return;
  }
  unsigned *intervals = intervals_of(&options->notify, kind);
  *intervals = kinds[kind].intervals;
  for (int i = 0; i < item->children_num; i++) {
    const oconfig_item_t *line = &item->children[i];
    if (strcasecmp(line->key, "Intervals") == 0)
      get_whole(line, 1, INTERVALS_MOST, intervals);
    else
      complain(line, "no such line in <Notify>; there is Intervals");
  }
}
