/* SPDX-License-Identifier: MIT
 *
 * Times that a program takes of what it does; see probe.h.
 */
#include "probe.h"

#include "work.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int schedstat;

void samples_prepare(struct samples *samples, size_t capacity) {
  samples->longest = calloc(capacity, sizeof(*samples->longest));
  samples->shortest = calloc(capacity, sizeof(*samples->shortest));
  samples->capacity = capacity;
  schedstat = open("/proc/thread-self/schedstat", O_RDONLY);
  if (samples->longest == NULL || samples->shortest == NULL || schedstat < 0)
    work_fail("samples");
}

void samples_reset(struct samples *samples) { samples->count = 0; }

void samples_add(struct samples *samples, uint64_t ns, uint64_t maybe_less) {
  if (samples->count == samples->capacity)
    work_fail("too many samples");
  samples->longest[samples->count] = ns;
  samples->shortest[samples->count++] = ns > maybe_less ? ns - maybe_less : 0;
}

/* How long this thread has waited for a CPU so far. */
static uint64_t read_waited(void) {
  char text[100] = "", *end;
  if (pread(schedstat, text, sizeof(text) - 1, 0) <= 0)
    work_fail("schedstat");
  strtoull(text, &end, 10);
  return strtoull(end, NULL, 10);
}

static uint64_t waited;

uint64_t sample_begin(void) {
  waited = read_waited();
  return now_ns();
}

/* If the CPU was taken from us, we can't say whether it was in the midst of
 * what we measure or beside it. */
void sample_end(struct samples *samples, uint64_t began) {
  uint64_t ended = now_ns();
  samples_add(samples, ended - began, read_waited() - waited);
}

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Of what is sorted. */
static uint64_t nearest_rank(const uint64_t *ns, size_t count, double percent) {
  size_t rank = (size_t)ceil(percent * (double)count / 100);
  return ns[rank > 0 ? rank - 1 : 0];
}

/* A hypervisor takes the CPU and nobody knows: one in 200 for that. */
static uint64_t least_rank(const struct samples *samples, double percent) {
  return nearest_rank(samples->shortest, samples->count - samples->count / 200,
                      percent);
}

static uint64_t sum_of(const uint64_t *ns, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += ns[i];
  return sum;
}

void samples_say(struct samples *samples) {
  qsort(samples->longest, samples->count, sizeof(uint64_t), by_size);
  qsort(samples->shortest, samples->count, sizeof(uint64_t), by_size);
#define RANKS(percent)                                                         \
  least_rank(samples, percent),                                                \
      nearest_rank(samples->longest, samples->count, percent)
#define TWO "%" PRIu64 " %" PRIu64 " "
  say_done(TWO TWO TWO TWO TWO, sum_of(samples->shortest, samples->count),
           sum_of(samples->longest, samples->count), RANKS(50), RANKS(90),
           RANKS(99), RANKS(100));
}

/* 61 has no factor in common with the usual n: every value comes once. */
uint64_t spread(size_t i, size_t n, uint64_t least, uint64_t most) {
  double at = (double)(i * 61 % n) / (double)n;
  return (uint64_t)((double)least * pow((double)most / (double)least, at));
}
