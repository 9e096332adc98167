/* SPDX-License-Identifier: MIT */
/*
 * Wait channels come, stay for a while, and go.
 */
#include "unit.h"

#include "channels.h"
#include "select.h"

#include <stdio.h>
#include <string.h>

static struct channels channels;

static int begin(void **state) {
  (void)state;
  channels = (struct channels){0};
  return 0;
}

static int end(void **state) {
  (void)state;
  channels_free(&channels);
  assert_null(channels.list);
  assert_int_equal(channels.count, 0);
  channels_free(&channels); /* nothing is freed twice */
  return 0;
}

static void asleep(const char *symbol, unsigned threads) {
  struct wchan wchan = {.threads = threads};
  snprintf(wchan.symbol, sizeof(wchan.symbol), "%s", symbol);
  channels_add(&channels, &wchan);
}

/* Threads in a channel, or -1 where it is not told. */
static int told(const char *name) {
  for (size_t i = 0; i < channels.count; i++)
    if (strcmp(channels.list[i].name, name) == 0)
      return (int)channels.list[i].threads;
  return -1;
}

static void threads_add_up(void **state) {
  (void)state;
  channels_begin(&channels);
  asleep("futex_wait", 3);
  asleep("ep_poll", 1);
  asleep("futex_wait", 2);
  assert_int_equal(channels.count, 2);
  assert_int_equal(told("futex_wait"), 5);
  assert_int_equal(told("ep_poll"), 1);
  channels_begin(&channels);
  asleep("ep_poll", 4);
  assert_int_equal(told("futex_wait"), 0);
  assert_int_equal(told("ep_poll"), 4);
}

static void stays_as_zero_and_goes(void **state) {
  (void)state;
  channels_begin(&channels);
  asleep("pipe_read", 1);
  for (int i = 0; i < STAY_INTERVALS; i++) {
    channels_begin(&channels);
    assert_int_equal(told("pipe_read"), 0);
  }
  channels_begin(&channels);
  assert_int_equal(told("pipe_read"), -1);
  assert_int_equal(channels.count, 0);
}

static void comes_again_before_it_goes(void **state) {
  (void)state;
  for (int round = 0; round < 3; round++) {
    channels_begin(&channels);
    asleep("pipe_read", 2);
    for (int i = 0; i < STAY_INTERVALS; i++)
      channels_begin(&channels);
    assert_int_equal(told("pipe_read"), 0);
  }
}

static void names_are_cleaned(void **state) {
  (void)state;
  channels_begin(&channels);
  asleep("do.wait/x", 1);
  asleep("do_wait_x", 2);
  assert_int_equal(told("do_wait_x"), 3);
  assert_int_equal(channels.count, 1);
}

static void too_many_are_told_as_more(void **state) {
  (void)state;
  char symbol[SYMBOL_SIZE];
  channels_begin(&channels);
  for (int i = 0; i < CHANNELS_MAX + 50; i++) {
    snprintf(symbol, sizeof(symbol), "wait_%d", i);
    asleep(symbol, 2);
  }
  asleep("wait_0", 1);
  assert_int_equal(channels.count, CHANNELS_MAX + 1);
  assert_int_equal(told("wait_0"), 3);
  assert_int_equal(told("wait_31"), 2);
  assert_int_equal(told("wait_32"), -1);
  assert_int_equal(told("more"), 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(threads_add_up),
      TEST(stays_as_zero_and_goes),
      TEST(comes_again_before_it_goes),
      TEST(names_are_cleaned),
      TEST(too_many_are_told_as_more),
  };
  return RUN(tests);
}
