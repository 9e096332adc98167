/* SPDX-License-Identifier: MIT */
/*
 * Hundreds of processes that start and end between two reads, with numbers
 * used again: exact sums, no line in the log, no memory kept for the dead.
 */
#include "fixture.h"

#include <malloc.h>

enum { CROWD = 500, GENERATIONS = 6 };
static struct fake_process *crowd[CROWD];

/* Half of the numbers are used again, by a process of the other command. */
static void next_generation(int generation) {
  uint64_t start = fake_now() + (uint64_t)generation;
  for (int i = 0; i < CROWD; i++) {
    if (crowd[i])
      fake_end(crowd[i]);
  }
  for (int i = 0; i < CROWD; i++) {
    pid_t pid = i % 2 ? 1000 + i : 2000 + i + CROWD * (generation % 3);
    crowd[i] = fake_process(
        pid, (i / 2 + generation) % 2 ? "even" : "odd", .starttime = start,
        .utime = (uint64_t)((i / 2 + generation) % 2 ? 3 : 5), .rchar = 7);
  }
}

static int setup(void **state) {
  for (int i = 0; i < CROWD; i++)
    crowd[i] = NULL;
  return fixture_setup(state);
}

static void sums_are_exact(void **state) {
  (void)state;
  start("Process 'even'; Process 'odd'; PerProcess false");
  read_once();
  for (int g = 0; g < GENERATIONS; g++) {
    next_generation(g);
    read_once();
    sent("even/ps_count", CROWD / 2, CROWD / 2);
    sent("even/ps_cputime", (g + 1) * (CROWD / 2) * 3 * 10000.0, 0);
    sent("odd/ps_cputime", (g + 1) * (CROWD / 2) * 5 * 10000.0, 0);
    sent("odd/io_octets", (g + 1) * (CROWD / 2) * 7.0, 0);
    sent("self/count-watched", CROWD);
  }
  said(0, ANY_SEVERITY, "");
}

static void nothing_is_kept_for_the_dead(void **state) {
  (void)state;
  start("Process 'even'; Process 'odd'; PerProcess false");
  size_t after[GENERATIONS];
  for (int g = 0; g < GENERATIONS; g++) {
    next_generation(g);
    read_once();
    after[g] = mallinfo2().uordblks;
  }
  /* A few KiB for the books of our own; a process kept would take 500 times
   * what it takes. */
  assert_true(after[GENERATIONS - 1] < after[2] + CROWD * 32);
}

static void each_under_its_own_name(void **state) {
  (void)state;
  char id[64];
  start("Process 'even'; Process 'odd'");
  read_once();
  /* The same number, name and command come back two generations later. */
  series_may_fall("*-[0-9]*/*");
  for (int g = 0; g < 3; g++) {
    next_generation(g);
    read_once();
    sent_count(CROWD, "*-[0-9]*/ps_cputime");
    for (int i = 0; i < CROWD; i++) {
      snprintf(id, sizeof(id), "%s-%d/ps_cputime", crowd[i]->comm,
               crowd[i]->pid);
      sent(id, (double)crowd[i]->utime * 10000, 0);
    }
  }
  said(0, ANY_SEVERITY, "");
}

static void top_of_a_crowd_that_changes(void **state) {
  (void)state;
  start("<Top 'busy'>; Count 5; By 'cpu'; </Top>; Collect 'cpu'");
  series_may_fall("*-[0-9]*/*");
  for (int g = 0; g < GENERATIONS; g++) {
    next_generation(g);
    read_once();
    /* Those chosen are gone each time; only the living are sent. */
    assert_true(series_each("*-[0-9]*/ps_cputime", NULL, NULL) <= 5);
  }
  said(0, ANY_SEVERITY, "");
}

#define CHURN(f) cmocka_unit_test_setup_teardown(f, setup, fixture_end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CHURN(sums_are_exact),
      CHURN(nothing_is_kept_for_the_dead),
      CHURN(each_under_its_own_name),
      CHURN(top_of_a_crowd_that_changes),
  };
  return RUN(tests);
}
