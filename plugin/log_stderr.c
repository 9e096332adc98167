/* SPDX-License-Identifier: MIT */
/*
 * The line for those that are no plugin: to the standard error, as commands do.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void log_line(enum log_level level, const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "%s: %s", program_invocation_short_name,
          level == LOG_LEVEL_WARNING ? "warning: " : "");
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}
