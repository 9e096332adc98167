/* SPDX-License-Identifier: MIT */
/*
 * Time that does not go on as it should: the clock of the day is set, the
 * machine sleeps, collectd is started again with another interval.  Counters
 * know nothing of it, and each value has the time that collectd says.
 */
#include "fixture.h"

#include <string.h>

static struct fake_process *p;

static void given_one(const char *options) {
  p = fake_process(7, "w", .utime = 100, .rchar = 10, .runtime = 5000);
  start(options);
  read_once();
  sent("w-7/io_octets", 10, 0);
}

static void it_works(void) {
  p->rchar += 1000;
  p->runtime += 300;
  fake_update(p);
}

/* What is sent now is of collectd's time. */
static void sent_now(const char *id) {
  const struct series *series = series_find(id);
  assert_non_null(series);
  assert_true(CDTIME_T_TO_DOUBLE(series->time) == host_now());
}

static void counts_on(double rchar) {
  it_works();
  read_once();
  sent("w-7/io_octets", rchar, 0);
  sent("w/io_octets", rchar - 10, 0);
  sent("w/ps_count", 1, 1);
  sent("w/total_events-restarts", 0);
  sent_now("w-7/io_octets");
  said(0, ANY_SEVERITY, "");
}

static void the_clock_is_set_back(void **state) {
  (void)state;
  given_one("Process 'w'");
  host_set_now(host_now() - 86400);
  counts_on(1010);
  counts_on(2010);
}

static void the_clock_is_set_forward(void **state) {
  (void)state;
  given_one("Process 'w'");
  host_set_now(host_now() + 1e8);
  counts_on(1010);
  counts_on(2010);
}

/* Nobody is gone because nobody looked for a day. */
static void a_day_without_a_read(void **state) {
  (void)state;
  given_one("Process 'w'; Notify 'gone'");
  read_times(3);
  host_set_now(host_now() + 86400);
  counts_on(1010);
  quiet();
}

/* What another interval means for counters: nothing; and for PSS, which is told
 * in intervals of its own, the nearest number of whole ones. */
static void another_interval(void **state) {
  (void)state;
  given_one("Process 'w'");
  host_stop();
  host_set_interval(60);
  start("Process 'w'; Collect 'io' 'pss'; PssInterval 90");
  read_once();
  sent("w-7/io_octets", 10, 0);
  sent("w-7/bytes-pss", 0);
  assert_true(CDTIME_T_TO_DOUBLE(series_find("w-7/bytes-pss")->interval) ==
              120);
  it_works();
  read_once();
  sent("w-7/io_octets", 1010, 0);
  sent("w/io_octets", 1000, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_clock_is_set_back),
      TEST(the_clock_is_set_forward),
      TEST(a_day_without_a_read),
      TEST(another_interval),
  };
  return RUN(tests);
}
