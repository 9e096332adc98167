/* SPDX-License-Identifier: MIT */

#include "judge.h"

#include "../plugin/host.h"
#include "../plugin/series.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define READS_MOST 12
#define SERIES_MOST 1024

struct value {
  char id[3 * DATA_MAX_NAME_LEN];
  bool gauge;
  double values[DATA_SOURCES_MAX];
};

static struct shared {
  struct reference reference;
  unsigned first_calls[FAULTS][FAULT_PLACES];
  struct {
    struct value series[SERIES_MOST];
    size_t count;
  } reads[READS_MOST];
  char text[65536];
  size_t length;
} * shared;
struct reference *reference;

/* The life that is judged. */
static const struct scenario *scenario;
static int error;

void judge_init(void) {
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    abort();
  reference = &shared->reference;
}

void judge_begin(const struct scenario *of, enum fault kind, int errno_of) {
  scenario = of;
  error = errno_of;
  shared->length = 0;
  shared->text[0] = '\0';
  reference->spared = false;
  if (kind != FAULT_NONE)
    return;
  memset(shared, 0, sizeof(*shared));
  for (int i = 0; i < FAULTS; i++)
    reference->first_calls[i] = shared->first_calls[i];
}

void blame(const char *format, ...) {
  size_t room = sizeof(shared->text) - shared->length;
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(shared->text + shared->length, room, format, arguments);
  va_end(arguments);
  if (n > 0 && (size_t)n < room)
    shared->length += (size_t)n;
}

const char *verdict(void) { return shared->text; }

/* --- which values --- */

static bool fits_any(const char *id, const char *const *patterns) {
  for (; *patterns != NULL; patterns++)
    if (fnmatch(*patterns, id, 0) == 0)
      return true;
  return false;
}

static bool is_of_process(const char *id) {
  return fnmatch("*-[0-9]*/*", id, 0) == 0;
}

/* Of the real /proc these alone do not move by themselves. */
static const char *const steady[] = {
    "caller*/ps_count", "caller*/file_handles", "caller*/ps_vm",
    "caller*/operations-syscall_getppid", NULL};

/* What the plugin costs and loses, who is left over, and who is on top, are
 * about the fault itself. */
static const char *const about_itself[] = {"self/*", "other/*", "busy/*", NULL};

/* A process or thread that is said to be gone, or to be hidden from us, is
 * taken for gone, and for another one when it is back: its states, what a
 * group gains by it, and which rule holds of it, are then what they should be.
 */
static const char *const about_the_gone[] = {"*/ps_state-*",
                                             "*/threads-wchan-*",
                                             "*/total_events-restarts",
                                             "box*",
                                             "*/derive-*",
                                             "*/contextswitch-*",
                                             NULL};

static bool is_judged(const char *id) {
  if (scenario->real)
    return fits_any(id, steady);
  if (fits_any(id, about_itself))
    return false;
  return (error != ENOENT && error != ESRCH && error != EACCES) ||
         !fits_any(id, about_the_gone);
}

/* What no fault before the reads excuses from being there: it does not take
 * what is only loaded then. */
static bool is_wanted(const char *id) {
  return scenario->real ? fits_any(id, steady) : fnmatch("self/*", id, 0) != 0;
}

/* --- values --- */

static struct value *find(unsigned read, const char *id) {
  for (size_t i = 0; i < shared->reads[read].count; i++)
    if (strcmp(shared->reads[read].series[i].id, id) == 0)
      return &shared->reads[read].series[i];
  return NULL;
}

static void keep(const struct series *series, void *data) {
  unsigned read = *(const unsigned *)data;
  if (shared->reads[read].count == SERIES_MOST)
    abort();
  struct value *value =
      &shared->reads[read].series[shared->reads[read].count++];
  memcpy(value->id, series->id, sizeof(value->id));
  value->gauge = series->type->sources[0].kind == DS_TYPE_GAUGE;
  for (size_t i = 0; i < series->values_len; i++)
    value->values[i] = series_value(series, i);
}

void judge_keep(unsigned read) { series_each("*", keep, &read); }

bool judge_has(unsigned read, const char *pattern) {
  for (size_t i = 0; i < shared->reads[read].count; i++)
    if (fnmatch(pattern, shared->reads[read].series[i].id, 0) == 0)
      return true;
  return false;
}

struct comparison {
  unsigned read;
  bool over;
};

/* Gauges of processes and of the host are exact at any time.  What a group
 * lacks is what one of its members lacks; a counter may be late.  Once it is
 * over, only a group's counters may have lost something. */
static void compare(const struct series *series, void *data) {
  const struct comparison *of = data;
  const struct value *want = find(of->read, series->id);
  if (!is_judged(series->id))
    return;
  if (want == NULL) {
    blame("read %u: %s was sent, and is not without the fault\n", of->read,
          series->id);
    return;
  }
  bool whole =
      is_of_process(series->id) || fnmatch("host/*", series->id, 0) == 0;
  bool exact = (want->gauge && (whole || of->over)) ||
               (of->over && whole && !scenario->real);
  for (size_t i = 0; i < series->values_len; i++) {
    double got = series_value(series, i), is = want->values[i];
    if (exact ? got != is : got > is)
      blame("read %u: %s is %g and not %g%s\n", of->read, series->id, got, is,
            of->over ? ", long after the fault" : "");
  }
}

static bool is_missing(const struct value *value) {
  if (!is_wanted(value->id) || series_find(value->id) != NULL)
    return false;
  /* Told only for a while, and for those who saw it before. */
  return fnmatch("*/threads-wchan-*", value->id, 0) != 0 ||
         value->values[0] != 0;
}

bool judge_read(unsigned read, bool whole, bool over) {
  struct comparison of = {read, over};
  unsigned missing = 0;
  if (whole)
    series_each("*", compare, &of);
  for (size_t i = 0; i < shared->reads[read].count; i++) {
    const struct value *value = &shared->reads[read].series[i];
    if (is_missing(value) && missing++ < 3 && over)
      blame("read %u: %s is missing, long after the fault\n", read, value->id);
  }
  return missing > 0;
}

/* --- what is left --- */

void judge_no_fault(void) { reference->spared = true; }

void judge_remains(const struct remains *remains) {
  const struct remains *want = &reference->remains;
  /* The C library's regcomp() forgets blocks when it is out of memory. */
  if (remains->blocks > want->blocks &&
      host_log_count(ANY_SEVERITY, "Memory exhausted") == 0)
    blame("%zu blocks of memory are left, and not %zu\n", remains->blocks,
          want->blocks);
  if (remains->descriptors != want->descriptors)
    blame("%u descriptors are left, and not %u\n", remains->descriptors,
          want->descriptors);
  if (remains->threads > want->threads)
    blame("a thread is left\n");
}
