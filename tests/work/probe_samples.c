/* SPDX-License-Identifier: MIT
 *
 * Times that a program takes of what it does; see probe.h.
 */
#include "probe.h"

#include "work.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void samples_prepare(struct samples *samples, size_t capacity) {
  samples->ns = calloc(capacity, sizeof(*samples->ns));
  samples->capacity = capacity;
  if (samples->ns == NULL)
    work_fail("samples");
}

void samples_reset(struct samples *samples) {
  samples->count = samples->doubtful = 0;
}

void samples_add(struct samples *samples, uint64_t ns) {
  if (samples->count == samples->capacity)
    work_fail("too many samples");
  samples->ns[samples->count++] = ns;
}

static long forced_switches;

static long read_forced_switches(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

uint64_t sample_begin(void) {
  forced_switches = read_forced_switches();
  return now_ns();
}

/* If the CPU was taken from us, we can't say whether it was in the midst of
 * what we measure or beside it. */
void sample_end(struct samples *samples, uint64_t began) {
  samples_add(samples, now_ns() - began);
  samples->doubtful += read_forced_switches() != forced_switches;
}

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static uint64_t nearest_rank(const struct samples *samples, double percent,
                             size_t less) {
  size_t rank = (size_t)ceil(percent * (double)samples->count / 100);
  return samples->ns[rank > less ? rank - 1 - less : 0];
}

void samples_say(struct samples *samples) {
  uint64_t sum = 0;
  /* A hypervisor takes the CPU without a switch: one in 200 for that. */
  size_t less = samples->doubtful + samples->count / 200;
  qsort(samples->ns, samples->count, sizeof(*samples->ns), by_size);
  for (size_t i = 0; i < samples->count; i++)
    sum += samples->ns[i];
#define RANKS(percent)                                                         \
  nearest_rank(samples, percent, less), nearest_rank(samples, percent, 0)
#define TWO " %" PRIu64 " %" PRIu64
  say_done("%" PRIu64 TWO TWO TWO TWO, sum, RANKS(50), RANKS(90), RANKS(99),
           RANKS(100));
}

/* 61 has no factor in common with the usual n: every value comes once. */
uint64_t spread(size_t i, size_t n, uint64_t least, uint64_t most) {
  double at = (double)(i * 61 % n) / (double)n;
  return (uint64_t)((double)least * pow((double)most / (double)least, at));
}
