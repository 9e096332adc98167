/* SPDX-License-Identifier: MIT */
/*
 * A group's counters while its members come and go.
 */
#include "fixture.h"

static void members_that_end_take_nothing_away(void **state) {
  (void)state;
  struct fake_process *a = fake_process(7, "w", .utime = 100, .rchar = 50);
  struct fake_process *b = fake_process(8, "w", .utime = 200, .rchar = 60);
  start("Process 'w'");
  read_once();
  a->utime += 10;
  a->rchar += 5;
  b->utime += 1;
  fake_update(a);
  fake_update(b);
  read_once();
  sent("w/ps_cputime", 110000, 0);
  sent("w/io_octets", 5, 0);
  fake_end(a);
  read_once();
  sent("w/ps_cputime", 110000, 0);
  sent("w/io_octets", 5, 0);
  sent("w/ps_count", 1, 1);
  fake_end(b);
  read_times(3);
  sent("w/ps_cputime", 110000, 0);
  sent("w/io_octets", 5, 0);
  sent("w/ps_count", 0, 0);
}

static void members_born_while_we_watch_count_in_whole(void **state) {
  (void)state;
  fake_process(7, "w", .utime = 100, .read_bytes = 512);
  start("Process 'w'");
  read_times(2);
  fake_process(8, "w", .utime = 3, .read_bytes = 1024, .voluntary = 4,
               .runtime = 99, .minflt = 8, .starttime = fake_now());
  read_once();
  sent("w/ps_cputime", 30000, 0);
  sent("w/disk_octets", 1024, 0);
  sent("w/contextswitch-voluntary", 4);
  sent("w/derive-runtime_ns", 99);
  sent("w/ps_pagefaults", 8, 0);
}

/* An old process that only now matches brings no past with it. */
static void members_that_join_bring_no_past(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "sh", .utime = 5000, .rchar = 77);
  start("Process 'w'");
  read_times(3);
  p->comm = "w";
  p->utime += 2;
  fake_update(p);
  read_once();
  sent("w/ps_count", 1, 1);
  assert_true(value("w/ps_cputime") <= 20000);
  double before = value("w/ps_cputime");
  p->utime += 7;
  p->rchar += 3;
  fake_update(p);
  read_once();
  sent("w/ps_cputime", before + 70000, 0);
  sent("w/io_octets", 3, 0);
}

static void a_reused_pid_is_another_process(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .utime = 900, .rchar = 900,
                                        .runtime = 900, .voluntary = 900);
  start("Process 'w'");
  read_once();
  p->utime += 10;
  fake_update(p);
  read_once();
  sent("w/ps_cputime", 100000, 0);
  fake_end(p);
  p = fake_process(7, "w", .utime = 4, .rchar = 5, .runtime = 6, .voluntary = 7,
                   .starttime = fake_now());
  series_may_fall("w-7/*");
  read_once();
  sent("w/ps_cputime", 140000, 0);
  sent("w/io_octets", 5, 0);
  sent("w/derive-runtime_ns", 6);
  sent("w/contextswitch-voluntary", 7);
  /* Even if it has done more than the one before it. */
  fake_end(p);
  fake_process(7, "w", .utime = 2000, .starttime = fake_now() + 1);
  read_once();
  sent("w/ps_cputime", 20140000, 0);
  sent("w-7/ps_count", 1, 1);
}

/* By another command: nothing of the old one may come under its name. */
static void a_reused_pid_of_another_command(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "a", .utime = 900);
  start("Process 'a'; Process 'b'");
  read_times(2);
  fake_end(p);
  fake_process(7, "b", .utime = 3, .starttime = fake_now());
  read_once();
  not_sent("a-7/*");
  sent("b-7/ps_cputime", 30000, 0);
  sent("b/ps_cputime", 30000, 0);
  sent("a/ps_cputime", 0, 0);
  sent("a/ps_count", 0, 0);
}

static void restarts(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "d", .utime = 100);
  start("Process 'd'");
  read_times(2);
  sent("d/total_events-restarts", 0);
  fake_end(p);
  p = fake_process(9, "d", .utime = 2, .starttime = fake_now());
  read_once();
  sent("d/total_events-restarts", 1);
  sent("d/ps_cputime", 20000, 0);
  /* Down for a while. */
  fake_end(p);
  read_times(3);
  sent("d/total_events-restarts", 1);
  p = fake_process(11, "d", .starttime = fake_now());
  read_once();
  sent("d/total_events-restarts", 2);
  /* The same PID again. */
  fake_end(p);
  fake_process(11, "d", .starttime = fake_now() + 5);
  read_once();
  sent("d/total_events-restarts", 3);
}

static void workers_that_change_are_no_restart(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "d");
  fake_process(8, "d");
  start("Process 'd'");
  read_times(2);
  fake_end(p);
  fake_process(9, "d", .starttime = fake_now());
  read_times(2);
  sent("d/total_events-restarts", 0);
}

/* Bytes of a reaped child, which the kernel adds to its parent ------------- */

static void a_reaped_child_counts_once(void **state) {
  (void)state;
  struct fake_process *parent =
      fake_process(7, "reader", .rchar = 100, .read_bytes = 10, .minflt = 30);
  struct fake_process *child = fake_process(
      8, "reader", .ppid = 7, .rchar = 1000, .read_bytes = 1000, .minflt = 50);
  start("Process 'reader'");
  read_once();
  child->rchar = 5000;
  child->read_bytes = 3000;
  fake_update(child);
  read_once();
  sent("reader/io_octets", 4000, 0);
  sent("reader/disk_octets", 2000, 0);
  /* It reads 500 more, ends and is reaped. */
  fake_end(child);
  parent->rchar += 5500;
  parent->read_bytes += 3500;
  parent->cminflt += 51;
  fake_update(parent);
  read_once();
  sent("reader/io_octets", 4500, 0);
  sent("reader/disk_octets", 2500, 0);
  read_times(2);
  sent("reader/io_octets", 4500, 0);
}

static void a_child_never_seen_counts_too(void **state) {
  (void)state;
  struct fake_process *parent = fake_process(7, "reader", .rchar = 100);
  start("Process 'reader'");
  read_once();
  parent->rchar += 700; /* of these a child's 600 */
  parent->cminflt += 40;
  fake_update(parent);
  read_once();
  sent("reader/io_octets", 700, 0);
}

static void a_new_child_each_time_counts_once(void **state) {
  (void)state;
  struct fake_process *parent = fake_process(7, "reader", .rchar = 0);
  start("Process 'reader'");
  read_once();
  for (int i = 0; i < 5; i++) {
    struct fake_process *child =
        fake_process(10 + i, "reader", .ppid = 7, .rchar = 1000, .minflt = 20,
                     .starttime = fake_now());
    read_once();
    sent("reader/io_octets", i * 1000 + 1000, 0);
    fake_end(child);
    parent->rchar += 1000;
    parent->cminflt += 20;
    fake_update(parent);
    read_once();
    sent("reader/io_octets", i * 1000 + 1000, 0);
  }
}

/* What its parent ignores (SIGCHLD) or init reaps is added to nobody here. */
static void a_child_that_nobody_reaps_keeps_its_bytes(void **state) {
  (void)state;
  struct fake_process *parent = fake_process(7, "reader", .rchar = 100);
  struct fake_process *child =
      fake_process(8, "reader", .ppid = 7, .rchar = 1000, .minflt = 50);
  start("Process 'reader'");
  read_once();
  child->rchar = 5000;
  fake_update(child);
  read_once();
  fake_end(child);
  parent->rchar += 6000; /* its own */
  fake_update(parent);
  read_once();
  sent("reader/io_octets", 10000, 0);
}

/* The rest of the host ------------------------------------------------------
 */

static void other_is_what_no_rule_reports(void **state) {
  (void)state;
  struct fake_process *a = fake_process(7, "a", .utime = 100);
  struct fake_process *b = fake_process(8, "b", .utime = 200, .minflt = 5);
  struct fake_process *c = fake_process(9, "c", .utime = 300);
  start("Process 'a'");
  read_once();
  sent("other/ps_count", 2, 2);
  sent("other/ps_cputime", 0, 0);
  a->utime += 1;
  b->utime += 2;
  b->minflt += 6;
  c->stime += 4;
  fake_update(a);
  fake_update(b);
  fake_update(c);
  read_once();
  sent("a/ps_cputime", 10000, 0);
  sent("other/ps_cputime", 20000, 40000);
  sent("other/ps_pagefaults", 6, 0);
  fake_end(c);
  read_once();
  sent("other/ps_count", 1, 1);
  sent("other/ps_cputime", 20000, 40000);
  /* It moves from one to the other with what it does from then on. */
  b->comm = "a";
  fake_update(b);
  read_once();
  b->utime += 8;
  fake_update(b);
  read_once();
  sent("a/ps_cputime", 90000, 0);
  sent("other/ps_cputime", 20000, 40000);
  sent("other/ps_count", 0, 0);
}

/* Whatever comes, goes and moves: what all did is in one group or in other. */
static void nothing_is_lost_between_groups(void **state) {
  (void)state;
  enum { MANY = 30 };
  static const char *const comms[] = {"a", "b", "c"};
  struct fake_process *p[MANY];
  uint64_t total = 0;
  for (int i = 0; i < MANY; i++)
    p[i] = fake_process(10 + i, comms[i % 3], .utime = 1000);
  start("Process 'a'; Process 'b'");
  read_once();
  for (int round = 1; round <= 12; round++) {
    for (int i = 0; i < MANY; i++) {
      if ((i + round) % 7 == 0) { /* replaced by a new one, PID and all */
        fake_end(p[i]);
        p[i] = fake_process(10 + i, comms[(i + round) % 3], .utime = 2,
                            .starttime = fake_now() + (uint64_t)round);
        total += 2;
        continue;
      }
      if ((i + round) % 5 == 0)
        p[i]->comm = comms[(i + round) % 3];
      p[i]->utime += (uint64_t)(i * round);
      total += (uint64_t)(i * round);
      fake_update(p[i]);
    }
    series_may_fall("*-[0-9]*/*");
    read_once();
    double sum = value("a/ps_cputime") + value("b/ps_cputime") +
                 value("other/ps_cputime");
    assert_int_equal((uint64_t)sum, total * 10000);
  }
}

static void without_other(void **state) {
  (void)state;
  fake_process(7, "a");
  fake_process(8, "b");
  start("Process 'a'; Other false");
  read_times(2);
  not_sent("other/*");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(members_that_end_take_nothing_away),
      TEST(members_born_while_we_watch_count_in_whole),
      TEST(members_that_join_bring_no_past),
      TEST(a_reused_pid_is_another_process),
      TEST(a_reused_pid_of_another_command),
      TEST(restarts),
      TEST(workers_that_change_are_no_restart),
      TEST(a_reaped_child_counts_once),
      TEST(a_child_never_seen_counts_too),
      TEST(a_new_child_each_time_counts_once),
      TEST(a_child_that_nobody_reaps_keeps_its_bytes),
      TEST(other_is_what_no_rule_reports),
      TEST(nothing_is_lost_between_groups),
      TEST(without_other),
  };
  return RUN(tests);
}
