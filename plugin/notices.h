/* SPDX-License-Identifier: MIT */
/*
 * What has to be notified in this interval.
 *
 * A bounded list: a notification may start a program or send a mail.  Whoever
 * finds no room keeps its state as it was, and so tells it in the next
 * interval, if it still holds.
 */
#ifndef PROCTRACE_NOTICES_H
#define PROCTRACE_NOTICES_H

#include "naming.h"

#include <stdbool.h>

/* So many of one interval are told. */
#define NOTICES_MOST 20
/* collectd's own limit. */
#define NOTICE_SIZE 256

enum severity { SEVERITY_FAILURE, SEVERITY_WARNING, SEVERITY_OKAY };

struct notice {
  enum severity severity;
  char instance[INSTANCE_SIZE]; /* of the series that it speaks of */
  const char *type, *type_instance;
  char message[NOTICE_SIZE];
};

struct notices {
  struct notice list[NOTICES_MOST];
  size_t count, most;
  bool full; /* somebody found no room */
};

/* Room for so many, NOTICES_MOST at the most. */
void notices_reset(struct notices *notices, size_t most);

/*
 * One more, to be filled in, or NULL where there is no room.  Names in the
 * message have to be clean (naming.h).
 */
struct notice *notices_add(struct notices *notices, enum severity severity,
                           const char *instance, const char *type,
                           const char *type_instance);

/* Append to the message, as far as there is room. */
void notice_say(struct notice *notice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
