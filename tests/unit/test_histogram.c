/* SPDX-License-Identifier: MIT */
/*
 * Percentiles of histograms against the samples themselves, sorted.
 */
#include "unit.h"

#include "histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 20000
#define LAST (BUCKETS - 1)

static uint64_t samples[SAMPLES], buckets[BUCKETS];

static void fill(size_t n) {
  memset(buckets, 0, sizeof(buckets));
  for (size_t i = 0; i < n; i++)
    buckets[histogram_index(samples[i])]++;
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* --- buckets --- */

static void a_bucket_holds_what_is_between_its_bounds(void **state) {
  (void)state;
  assert_int_equal(histogram_lower(0), 0);
  for (unsigned i = 0; i < BUCKETS; i++) {
    uint64_t lower = histogram_lower(i), upper = histogram_upper(i);
    assert_true(lower < upper);
    assert_int_equal(histogram_index(lower), i);
    assert_int_equal(histogram_index(upper - 1), i);
    assert_int_equal(histogram_index(upper), i < LAST ? i + 1 : LAST);
  }
}

/* As bpf/proctrace.h says it in words. */
static void the_layout_is_the_promised_one(void **state) {
  (void)state;
  assert_int_equal(histogram_index(7), 0);
  assert_int_equal(histogram_index(8), 1);
  assert_int_equal(histogram_index(63), 7);
  assert_int_equal(histogram_index(64), 8);
  assert_int_equal(histogram_index(71), 8);
  assert_int_equal(histogram_index(128), 16);
  assert_int_equal(histogram_index(143), 16);
  assert_int_equal(histogram_index(144), 17);
  assert_int_equal(histogram_index(1000), 39); /* 125 = 64 + 7 * 8 + 5 */
  assert_true(histogram_lower(LAST) >= UINT64_C(128000000000));
  assert_int_equal(histogram_index(histogram_lower(LAST)), LAST);
  assert_int_equal(histogram_index(UINT64_MAX), LAST);
}

static void the_middle_is_within_the_bound(void **state) {
  (void)state;
  for (unsigned i = 0; i < BUCKETS; i++) {
    double lower = (double)histogram_lower(i);
    double upper = (double)histogram_upper(i);
    double middle = (lower + upper) / 2;
    if (lower < 64)
      assert_true(middle - lower <= 4 && upper - middle <= 4);
    else
      assert_true(middle - lower <= lower * 0.0625 &&
                  upper - middle <= upper * 0.0625);
  }
}

static void the_bounds_are_ends_of_buckets(void **state) {
  (void)state;
  unsigned ends = 0;
  assert_int_equal(histogram_bound(0), 1024);
  for (unsigned bound = 0; bound < HISTOGRAM_BOUNDS; bound++)
    for (unsigned i = 0; i < BUCKETS; i++)
      ends += histogram_upper(i) == histogram_bound(bound);
  assert_int_equal(ends, HISTOGRAM_BOUNDS);
  assert_int_equal(histogram_bound_of(0), 0);
  for (unsigned i = 0; i < BUCKETS; i++) {
    unsigned bound = histogram_bound_of(i);
    if (bound < HISTOGRAM_BOUNDS)
      assert_true(histogram_upper(i) <= histogram_bound(bound));
    if (bound > 0)
      assert_true(histogram_upper(i) > histogram_bound(bound - 1));
  }
}

/* --- percentiles --- */

static uint64_t exact(size_t n, double percent) {
  size_t rank = (size_t)ceil(percent * (double)n / 100 - 1e-9);
  return samples[(rank == 0 ? 1 : rank) - 1];
}

static void close_to(double seconds, uint64_t ns) {
  double allowed = ns < 64 ? 4 : (double)ns * 0.0625;
  if (fabs(seconds * 1e9 - (double)ns) > allowed * 1.000001)
    fail_msg("%.1f ns for exactly %.0f ns", seconds * 1e9, (double)ns);
}

static void check(size_t n) {
  static const double percents[] = {0.001, 1, 25, 50, 90, 99, 99.9, 99.999};
  double before = 0;
  qsort(samples, n, sizeof(samples[0]), by_value);
  fill(n);
  assert_int_equal(histogram_count(buckets), n);
  for (size_t i = 0; i < COUNT_OF(percents); i++) {
    double told =
        histogram_percentile(buckets, (unsigned)lround(percents[i] * PERCENT));
    close_to(told, exact(n, percents[i]));
    assert_true(told >= before);
    before = told;
  }
  double most = histogram_max(buckets) * 1e9, exactly = (double)samples[n - 1];
  assert_true(most > exactly - 0.5);
  assert_true(most <= exactly * 1.125 + 8);
}

static double uniform(void) { return (rand() + 0.5) / (RAND_MAX + 1.0); }

static uint64_t any_time(void) { return (uint64_t)exp(uniform() * 25); }
static uint64_t short_time(void) { return (uint64_t)(uniform() * 200); }
static uint64_t exponential(void) {
  return (uint64_t)(-log(uniform()) * 30000);
}
static uint64_t two_humps(void) {
  return uniform() < 0.9 ? 300 + (uint64_t)(uniform() * 50)
                         : 4000000 + (uint64_t)(uniform() * 900000);
}
static uint64_t constant(void) { return 123456; }

static void samples_of_any_kind(void **state) {
  static uint64_t (*const kinds[])(void) = {any_time, short_time, exponential,
                                            two_humps, constant};
  static const size_t numbers[] = {1, 2, 3, 10, 99, 100, 101, 1000, SAMPLES};
  (void)state;
  srand(20240607);
  for (size_t k = 0; k < COUNT_OF(kinds); k++)
    for (size_t n = 0; n < COUNT_OF(numbers); n++) {
      for (size_t i = 0; i < numbers[n]; i++)
        samples[i] = kinds[k]();
      check(numbers[n]);
    }
}

/* 1 of 100 is above p99 only where there are more than 100. */
static void the_rank_is_the_nearest(void **state) {
  (void)state;
  for (size_t n = 99; n <= 101; n++) {
    for (size_t i = 0; i + 1 < n; i++)
      samples[i] = 1000;
    samples[n - 1] = 1000000;
    fill(n);
    close_to(histogram_percentile(buckets, 99 * PERCENT),
             n < 100 ? 1000000 : 1000);
  }
}

static void an_empty_one_has_none(void **state) {
  (void)state;
  fill(0);
  assert_int_equal(histogram_count(buckets), 0);
  assert_true(histogram_percentile(buckets, 50 * PERCENT) <= 0);
  assert_true(histogram_max(buckets) <= 0);
}

static void large_numbers_do_not_overflow(void **state) {
  (void)state;
  fill(0);
  buckets[40] = UINT64_C(1) << 61;
  buckets[80] = UINT64_C(1) << 61;
  close_to(histogram_percentile(buckets, 50 * PERCENT), histogram_lower(40));
  close_to(histogram_percentile(buckets, 99999), histogram_lower(80));
}

static void what_has_no_end(void **state) {
  (void)state;
  samples[0] = UINT64_MAX;
  fill(1);
  assert_true(histogram_max(buckets) > 137);
  assert_true(histogram_percentile(buckets, 50 * PERCENT) > 128);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bucket_holds_what_is_between_its_bounds),
      cmocka_unit_test(the_layout_is_the_promised_one),
      cmocka_unit_test(the_middle_is_within_the_bound),
      cmocka_unit_test(the_bounds_are_ends_of_buckets),
      cmocka_unit_test(samples_of_any_kind),
      cmocka_unit_test(the_rank_is_the_nearest),
      cmocka_unit_test(an_empty_one_has_none),
      cmocka_unit_test(large_numbers_do_not_overflow),
      cmocka_unit_test(what_has_no_end),
  };
  return RUN(tests);
}
