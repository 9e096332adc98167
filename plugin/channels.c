/* SPDX-License-Identifier: MIT */
#include "channels.h"

#include "select.h"

#include <stdlib.h>
#include <string.h>

void channels_begin(struct channels *channels) {
  size_t kept = 0;
  for (size_t i = 0; i < channels->count; i++) {
    struct channel channel = channels->list[i];
    channel.threads = 0;
    if (--channel.left > 0)
      channels->list[kept++] = channel;
  }
  channels->count = kept;
  channels->missing = false;
}

static struct channel *find_or_add(struct channels *channels,
                                   const char *name) {
  for (size_t i = 0; i < channels->count; i++)
    if (strcmp(channels->list[i].name, name) == 0)
      return &channels->list[i];
  if (channels->count >= CHANNELS_MAX && strcmp(name, "more") != 0)
    return find_or_add(channels, "more");
  struct channel *larger =
      realloc(channels->list, (channels->count + 1) * sizeof(*larger));
  if (larger == NULL)
    return NULL;
  channels->list = larger;
  struct channel *channel = &larger[channels->count++];
  memset(channel, 0, sizeof(*channel));
  strcpy(channel->name, name);
  return channel;
}

bool channels_add(struct channels *channels, const struct wchan *wchan) {
  char name[NAME_SIZE];
  name_clean(name, wchan->symbol);
  struct channel *channel = find_or_add(channels, name);
  if (channel == NULL)
    return false;
  channel->threads += wchan->threads;
  channel->left = STAY_INTERVALS + 1;
  return true;
}

void channels_free(struct channels *channels) {
  free(channels->list);
  *channels = (struct channels){0};
}
