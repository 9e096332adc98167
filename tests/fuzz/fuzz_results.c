/* SPDX-License-Identifier: MIT */
/*
 * What the probes' maps hold: from arrays in the kernel to the books.
 *
 * The fuzzer's bytes are events, which are counted as the BPF programs do and
 * kept besides: what the book says of an interval is held against the events
 * themselves, sorted.  An event may also write anything anywhere; from then on
 * nothing is exact.
 */
#include "fakebpf.h"

#include "books.h"
#include "cells.h"
#include "histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOT 1 /* the one that is read */
#define INTERVALS_MOST 8
#define SAMPLES_MOST 4096

/* --- events --- */

/* Those of the slot that is read, in this interval, by kind. */
static struct {
  uint64_t ns[FAKE_KINDS][SAMPLES_MOST];
  size_t count[FAKE_KINDS];
  uint64_t calls, call_ns;
  bool exact;
} truth;

static void happen(enum latency kind, unsigned slot, unsigned shard,
                   unsigned number, uint64_t ns) {
  fake_event(kind, slot, shard, number, ns);
  if (slot != SLOT)
    return;
  truth.ns[kind][truth.count[kind]++] = ns;
  truth.calls += kind == LATENCY_SYSCALL;
  truth.call_ns += kind == LATENCY_SYSCALL ? ns : 0;
}

/* One byte: what; then of what. */
static void take_event(struct input *input) {
  uint8_t what = take_byte(input);
  unsigned kind = what % 8u;
  if (kind == 7) { /* anything, anywhere */
    size_t at = take_bytes(input, 3) % offsetof(struct fake_kernel, state);
    ((unsigned char *)&fake_kernel)[at] = take_byte(input);
    truth.exact = false;
    return;
  }
  unsigned number =
      kind == LATENCY_SYSCALL ? (unsigned)take_bytes(input, 2) : 0;
  uint64_t ns = take_number(input) >> 16; /* sums do not go round */
  for (unsigned n = 1 + what / 64u * 20; n > 0 && kind < FAKE_KINDS; n--)
    if (truth.count[kind] < SAMPLES_MOST)
      happen(kind, what / 8 % 2u, what / 16 % 2u, number % 600, ns);
}

static void take_interval(struct input *input) {
  memset(truth.count, 0, sizeof(truth.count));
  truth.calls = truth.call_ns = 0;
  for (unsigned n = take_byte(input); n > 0 && left(input) > 0; n--)
    take_event(input);
}

/* --- what is told --- */

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Within what histogram.h promises, of a time that its last bucket ends. */
static void check_close(double seconds, uint64_t ns, enum latency latency) {
  double exact = (double)ns;
  double most = (double)histogram_upper(BUCKETS - 1);
  double told = seconds * 1e9;
  if (ns >= histogram_lower(BUCKETS - 1)) {
    CHECK(told >= (double)histogram_lower(BUCKETS - 1) && told <= most);
    return;
  }
  if (latency == LATENCY_RUNQUEUE && told <= RUNQUEUE_LEAST_NS * 1.000001) {
    CHECK(exact <= RUNQUEUE_LEAST_NS * 1.0625);
    return;
  }
  CHECK(fabs(told - exact) <= (ns < 64 ? 4 : exact * 0.0625) * 1.000001);
}

static void check_latency(const struct probe_book *book, enum latency latency,
                          const struct book_style *style) {
  const struct latency_summary *told = &book->latency[latency];
  uint64_t *samples = truth.ns[latency];
  size_t n = truth.count[latency];
  CHECK(told->count == n);
  if (n == 0)
    return;
  qsort(samples, n, sizeof(samples[0]), by_value);
  for (unsigned i = 0; i < style->percentile_count; i++) {
    size_t whole = 100 * PERCENT;
    size_t rank = (n * style->percentiles[i] + whole - 1) / whole;
    check_close(told->percentiles[i], samples[rank - 1], latency);
    CHECK(told->percentiles[i] <= told->max * 1.000001);
  }
}

static void check_any(const struct probe_book *book,
                      const struct book_style *style) {
  for (enum latency l = 0; l < LATENCIES; l++) {
    CHECK(isfinite(book->latency[l].max) && book->latency[l].max >= 0);
    CHECK(book->latency[l].max <= 138);
    for (unsigned i = 0; i < style->percentile_count; i++)
      CHECK(book->latency[l].percentiles[i] >= 0 &&
            book->latency[l].percentiles[i] <= 138);
  }
  unsigned told = 0;
  for (unsigned i = 0; i < SYSCALL_CELLS; i++)
    told += book->told_for[i] > 0;
  CHECK(told <= 3 * style->names);
}

static void check_cells(const struct cells *cells) {
  CHECK(cells->end >= CELL_FIRST && cells->end <= SYSCALL_CELLS);
  for (unsigned i = 0; i < SYSCALL_CELLS; i++)
    CHECK(cells->own[i] < cells->end);
  for (unsigned i = CELL_FIRST; i < cells->end; i++) {
    CHECK(cells_find(cells, cells->number[i]) == (int)i);
    CHECK(memchr(cells->name[i], '\0', SYSCALL_NAME_SIZE) != NULL);
  }
}

/* --- an input --- */

struct look {
  struct results *results;
  struct cells cells;
  struct book_style style;
  struct probe_book *book;
  void *baseline;
};

static void read_interval(struct look *look, bool compare) {
  struct growth growth;
  uint64_t fell = 0;
  uint64_t calls = look->book->counter[PROBED_SYSCALLS];
  uint64_t call_ns = look->book->counter[PROBED_SYSCALL_NS];
  CHECK(results_load(look->results, SLOT, 1) == 0);
  CHECK(cells_update(&look->cells, &fake_module, NULL) == 0);
  book_begin(look->book);
  if (results_growth(look->results, 0, look->baseline, &growth, &fell)) {
    cells_translate(&look->cells, growth.cells);
    book_enter(look->book, &growth, &look->style, &look->cells);
  }
  check_any(look->book, &look->style);
  if (!compare || !truth.exact)
    return;
  CHECK(fell == 0);
  CHECK(look->book->counter[PROBED_SYSCALLS] - calls == truth.calls);
  CHECK(look->book->counter[PROBED_SYSCALL_NS] - call_ns == truth.call_ns);
  for (enum latency l = 0; l < FAKE_KINDS; l++)
    check_latency(look->book, l, &look->style);
}

static void begin_kernel(struct input *input) {
  uint8_t present = take_byte(input);
  fake_begin();
  for (unsigned i = 0; i < PROBE_MAPS; i++)
    if (present & 1u << i) { /* it does not run: nothing to compare with */
      fake_kernel.state.maps[i].elements = 0;
      truth.exact = false;
    }
  /* Of an earlier load: counts of 32 bits are about to go round. */
  if (present & 0x80)
    for (unsigned i = 0; i < BUCKETS; i++)
      fake_kernel.syscalls[SLOT][0].buckets[i] = UINT32_MAX - i % 3;
}

void fuzz_results(struct input input) {
  struct look look = {
      .style = {.percentiles = {50 * PERCENT, 99 * PERCENT, 99900, 1},
                .percentile_count = 4,
                .names = 2,
                .histogram = true}};
  truth.exact = true;
  begin_kernel(&input);
  look.style.by_time = take_byte(&input) & 1;
  look.results = results_new(&fake_module, NULL, LATENCY_NAMES);
  CHECK(look.results != NULL);
  cells_init(&look.cells);
  look.book = book_new(&look.style);
  look.baseline = calloc(1, results_baseline_size(look.results) + 1);
  CHECK(look.book != NULL && look.baseline != NULL);
  read_interval(&look, false);
  for (int i = 0; i < INTERVALS_MOST && left(&input) > 0; i++) {
    take_interval(&input);
    read_interval(&look, true);
  }
  check_cells(&look.cells);
  free(look.baseline);
  book_free(look.book);
  results_free(look.results);
}
