/* SPDX-License-Identifier: MIT */
#include "books.h"

#include "select.h"

#include <stdlib.h>
#include <string.h>

/* Names of one book that are told at the same time, by names of an interval:
 * one that is told stays, so there is room for change. */
#define TOLD_AT_ONCE 3

struct probe_book *book_new(const struct book_style *style) {
  struct probe_book *book = calloc(1, sizeof(*book));
  if (book != NULL && style->histogram)
    book->bounds = calloc(LATENCIES, sizeof(*book->bounds));
  return book;
}

void book_free(struct probe_book *book) {
  if (book == NULL)
    return;
  free(book->bounds);
  free(book->open);
  free(book);
}

void book_begin(struct probe_book *book) {
  memset(book->latency, 0, sizeof(book->latency));
  for (unsigned i = 0; i < SYSCALL_CELLS; i++)
    if (book->told_for[i] > 0)
      book->told_for[i]--;
}

/* --- latencies --- */

static double at_least(double seconds, enum latency latency) {
  const double least = RUNQUEUE_LEAST_NS / 1e9;
  return latency == LATENCY_RUNQUEUE && seconds < least ? least : seconds;
}

static void sum_up(struct latency_summary *summary,
                   const uint64_t buckets[BUCKETS], enum latency latency,
                   const struct book_style *style) {
  summary->count = histogram_count(buckets);
  if (summary->count == 0)
    return;
  for (unsigned i = 0; i < style->percentile_count; i++)
    summary->percentiles[i] =
        at_least(histogram_percentile(buckets, style->percentiles[i]), latency);
  summary->max = at_least(histogram_max(buckets), latency);
}

static void keep_bounds(struct latency_bounds *bounds,
                        const uint64_t buckets[BUCKETS]) {
  for (unsigned i = 0; i < BUCKETS; i++)
    if (buckets[i] > 0)
      bounds->count[histogram_bound_of(i)] += buckets[i];
}

void book_forget_bounds(struct probe_book *book, unsigned latency) {
  if (book->bounds != NULL)
    book->bounds[latency] = (struct latency_bounds){0};
}

/* --- names of system calls --- */

static uint64_t amount_of(const struct calls *cell, bool by_time) {
  return by_time ? cell->ns : cell->calls;
}

static unsigned count_told(const struct probe_book *book) {
  unsigned told = 0;
  for (unsigned i = 0; i < SYSCALL_CELLS; i++)
    told += book->told_for[i] > 0;
  return told;
}

/* A name that was told once stays: a counter that comes and goes has no rate.
 * A new one is told where there is room. */
static void tell(struct probe_book *book, unsigned cell, unsigned names) {
  if (book->told_for[cell] > 0 || count_told(book) < TOLD_AT_ONCE * names)
    book->told_for[cell] = STAY_INTERVALS + 1;
}

static void choose_names(struct probe_book *book, const struct growth *growth,
                         const struct book_style *style,
                         const struct cells *cells) {
  uint64_t amount[SYSCALL_CELLS] = {0};
  for (unsigned i = 0; i < cells->end; i++)
    if (cells_has_name(cells, i))
      amount[i] = amount_of(&growth->cells[i], style->by_time);
  for (unsigned n = 0; n < style->names; n++) {
    unsigned most = 0;
    for (unsigned i = 1; i < cells->end; i++)
      if (amount[i] > amount[most])
        most = i;
    if (amount[most] == 0)
      return;
    amount[most] = 0;
    tell(book, most, style->names);
  }
}

/* --- an interval --- */

void book_enter(struct probe_book *book, const struct growth *growth,
                const struct book_style *style, const struct cells *cells) {
  for (int i = 0; i < PROBE_COUNTERS; i++)
    book->counter[i] += growth->counter[i];
  for (int i = 0; i < SYSCALL_CELLS; i++) {
    book->cells[i].calls += growth->cells[i].calls;
    book->cells[i].ns += growth->cells[i].ns;
  }
  for (int i = 0; i < ERRNOS; i++)
    book->failed[i] += growth->failed[i];
  for (enum latency i = 0; i < LATENCIES; i++) {
    sum_up(&book->latency[i], growth->buckets[i], i, style);
    if (book->bounds != NULL && book->latency[i].count > 0)
      keep_bounds(&book->bounds[i], growth->buckets[i]);
  }
  choose_names(book, growth, style, cells);
}

bool book_collect(struct probe_book *book, const struct growth *growth) {
  if (book->open == NULL)
    book->open = calloc(1, sizeof(*book->open));
  if (book->open != NULL)
    growth_add(book->open, growth);
  return book->open != NULL;
}

void book_enter_collected(struct probe_book *book,
                          const struct book_style *style,
                          const struct cells *cells) {
  if (book->open == NULL)
    return;
  book_enter(book, book->open, style, cells);
  free(book->open);
  book->open = NULL;
}
