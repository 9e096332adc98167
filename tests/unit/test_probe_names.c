/* SPDX-License-Identifier: MIT */
/*
 * What the probes' values are called.
 */
#include "unit.h"

#include "histogram.h"
#include "probe_names.h"

#include <errno.h>
#include <string.h>

static char out[64];

static void percentiles(void **state) {
  (void)state;
  static const struct {
    unsigned percent;
    const char *name;
  } names[] = {
      {50 * PERCENT, "p50"}, {10 * PERCENT, "p10"}, {99 * PERCENT, "p99"},
      {99900, "p99_9"},      {99990, "p99_99"},     {99999, "p99_999"},
      {500, "p0_5"},         {1, "p0_001"},         {99010, "p99_01"},
      {20500, "p20_5"},      {90 * PERCENT, "p90"},
  };
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    name_percentile(out, sizeof(out), names[i].percent);
    assert_string_equal(out, names[i].name);
  }
}

static void bounds(void **state) {
  (void)state;
  name_bound(out, sizeof(out), 0);
  assert_string_equal(out, "1_024");
  name_bound(out, sizeof(out), 3);
  assert_string_equal(out, "8_192");
  name_bound(out, sizeof(out), 10);
  assert_string_equal(out, "1048_576");
  name_bound(out, sizeof(out), HISTOGRAM_BOUNDS - 1);
  assert_string_equal(out, "68719476_736");
}

static void errors(void **state) {
  (void)state;
  assert_string_equal(name_errno(ECONNREFUSED, out, sizeof(out)),
                      "ECONNREFUSED");
  assert_string_equal(name_errno(0, out, sizeof(out)), "aborted");
  assert_string_equal(name_errno(135, out, sizeof(out)), "errno135");
}

/* Where the libc knows the names, they are its own. */
static void errors_as_the_libc_says(void **state) {
  (void)state;
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
  for (int error = 1; error < ERRNOS; error++) {
    const char *name = name_errno(error, out, sizeof(out));
    if (name != out)
      assert_string_equal(name, strerrorname_np(error));
  }
#else
  skip();
#endif
}

static void places_are_filled(void **state) {
  (void)state;
  fill_in(out, sizeof(out), "syscall_<name>_time_ns", "futex");
  assert_string_equal(out, "syscall_futex_time_ns");
  fill_in(out, sizeof(out), "syscall-<p>", "p50");
  assert_string_equal(out, "syscall-p50");
  fill_in(out, sizeof(out), "syscall_<name>_le_<us>", "read");
  assert_string_equal(out, "syscall_read_le_<us>");
  fill_in(out, 10, "syscall_<name>_time_ns", "futex");
  assert_string_equal(out, "syscall_f");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(percentiles),
      cmocka_unit_test(bounds),
      cmocka_unit_test(errors),
      cmocka_unit_test(errors_as_the_libc_says),
      cmocka_unit_test(places_are_filled),
  };
  return RUN(tests);
}
