/* SPDX-License-Identifier: MIT */
#include "notices.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void notices_reset(struct notices *notices, size_t most) {
  notices->count = 0;
  notices->most = most;
  notices->full = false;
}

struct notice *notices_add(struct notices *notices, enum severity severity,
                           const char *instance, const char *type,
                           const char *type_instance) {
  if (notices->count == notices->most) {
    notices->full = true;
    return NULL;
  }
  struct notice *notice = &notices->list[notices->count++];
  *notice = (struct notice){
      .severity = severity, .type = type, .type_instance = type_instance};
  snprintf(notice->instance, sizeof(notice->instance), "%s", instance);
  return notice;
}

void notice_say(struct notice *notice, const char *format, ...) {
  size_t n = strlen(notice->message);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(notice->message + n, sizeof(notice->message) - n, format,
            arguments);
  va_end(arguments);
}
