/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#define SUB_BITS 3 /* eight to each power of two */
#define SUB (1u << SUB_BITS)
#define FIRST_BOUND_SHIFT 10 /* 1.024 µs */
_Static_assert(FIRST_BOUND_SHIFT + HISTOGRAM_BOUNDS - 1 ==
                   BUCKETS / SUB + BUCKET_UNIT_SHIFT + SUB_BITS - 2,
               "the last bound is half of where the buckets end");

static unsigned log2_of(uint64_t value) {
  return 63u - (unsigned)__builtin_clzll(value);
}

unsigned histogram_index(uint64_t ns) {
  uint64_t units = ns >> BUCKET_UNIT_SHIFT;
  if (units < SUB)
    return (unsigned)units;
  unsigned octave = log2_of(units) - SUB_BITS;
  unsigned bucket = (octave + 1) * SUB + ((units >> octave) & (SUB - 1));
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

uint64_t histogram_lower(unsigned bucket) {
  if (bucket < SUB)
    return (uint64_t)bucket << BUCKET_UNIT_SHIFT;
  unsigned octave = bucket / SUB - 1;
  return (uint64_t)(SUB + bucket % SUB) << (octave + BUCKET_UNIT_SHIFT);
}

uint64_t histogram_upper(unsigned bucket) {
  return histogram_lower(bucket + 1);
}

uint64_t histogram_count(const uint64_t buckets[BUCKETS]) {
  uint64_t count = 0;
  for (unsigned i = 0; i < BUCKETS; i++)
    count += buckets[i];
  return count;
}

/* ceil(count * percent / 100), without an overflow. */
static uint64_t rank_of(uint64_t count, unsigned percent) {
  const uint64_t whole = 100 * PERCENT;
  return count / whole * percent +
         (count % whole * percent + whole - 1) / whole;
}

double histogram_percentile(const uint64_t buckets[BUCKETS], unsigned percent) {
  uint64_t rank = rank_of(histogram_count(buckets), percent);
  for (unsigned i = 0; i < BUCKETS && rank > 0; i++) {
    if (buckets[i] >= rank)
      return (double)(histogram_lower(i) + histogram_upper(i)) / 2e9;
    rank -= buckets[i];
  }
  return 0;
}

double histogram_max(const uint64_t buckets[BUCKETS]) {
  for (unsigned i = BUCKETS; i-- > 0;)
    if (buckets[i] > 0)
      return (double)histogram_upper(i) / 1e9;
  return 0;
}

uint64_t histogram_bound(unsigned bound) {
  return UINT64_C(1) << (FIRST_BOUND_SHIFT + bound);
}

unsigned histogram_bound_of(unsigned bucket) {
  unsigned bound = 0;
  while (bound < HISTOGRAM_BOUNDS &&
         histogram_upper(bucket) > histogram_bound(bound))
    bound++;
  return bound;
}
