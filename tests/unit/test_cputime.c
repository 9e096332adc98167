/* SPDX-License-Identifier: MIT */
/*
 * User and system time as the kernel divides the time on a CPU.
 */
#include "unit.h"

#include "cputime.h"

static struct cputime adjusted(uint64_t utime, uint64_t stime, uint64_t runtime,
                               uint64_t shown_utime, uint64_t shown_stime) {
  return cputime_adjust((struct cputime){utime, stime}, runtime,
                        (struct cputime){shown_utime, shown_stime});
}

#define is(got, u, s)                                                          \
  do {                                                                         \
    struct cputime time = got;                                                 \
    assert_int_equal(time.utime, u);                                           \
    assert_int_equal(time.stime, s);                                           \
  } while (0)

static void divided_as_the_samples_are(void **state) {
  (void)state;
  is(adjusted(3, 1, 1000, 0, 0), 750, 250);
  is(adjusted(1, 2, 100, 0, 0), 34, 66); /* stime is rounded down */
}

static void without_samples_all_is_user_time(void **state) {
  (void)state;
  is(adjusted(0, 0, 1000, 0, 0), 1000, 0);
  is(adjusted(5, 0, 1000, 0, 0), 1000, 0);
  is(adjusted(0, 5, 1000, 0, 0), 0, 1000);
}

static void neither_part_falls(void **state) {
  (void)state;
  is(adjusted(1, 1, 1000, 600, 200), 600, 400);
  is(adjusted(1, 1, 1000, 200, 600), 400, 600);
  /* Where stime is held, utime gets what is left; and the other way. */
  is(adjusted(9, 1, 1000, 0, 300), 700, 300);
  is(adjusted(1, 9, 1000, 300, 0), 300, 700);
}

static void nothing_new_is_shown_as_it_was(void **state) {
  (void)state;
  is(adjusted(9, 1, 1000, 400, 600), 400, 600);
  is(adjusted(9, 1, 1000, 500, 600), 500, 600); /* the clock was ahead */
}

/* A year on 1000 CPUs is 3e19 ns, and their product more than 64 bits. */
static void large_numbers(void **state) {
  (void)state;
  uint64_t year = UINT64_C(31536000000000000);
  is(adjusted(300 * year, 100 * year, 400 * year + 4, 0, 0), 300 * year + 3,
     100 * year + 1);
  uint64_t half = UINT64_C(1) << 63; /* the sum of two is 0 in 64 bits */
  is(adjusted(half, half, 1000, 0, 0), 500, 500);
}

static void the_later_of_two(void **state) {
  (void)state;
  is(cputime_later((struct cputime){5, 1}, (struct cputime){1, 4}), 5, 1);
  is(cputime_later((struct cputime){1, 1}, (struct cputime){1, 4}), 1, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(divided_as_the_samples_are),
      cmocka_unit_test(without_samples_all_is_user_time),
      cmocka_unit_test(neither_part_falls),
      cmocka_unit_test(nothing_new_is_shown_as_it_was),
      cmocka_unit_test(large_numbers),
      cmocka_unit_test(the_later_of_two),
  };
  return RUN(tests);
}
