/* SPDX-License-Identifier: MIT */
/*
 * Slots and books, against a kernel of arrays.
 *
 * fake_... is the module: what the BPF programs would do is done by count(),
 * which finds the process's slot in the map as they do.
 */
#include "unit.h"
#include "world.h"

#include "probes.h"
#include "probes_plan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 2
#define SLOTS_MOST 64
#define WATCHED_MOST 256
/* Ids in the first PID namespace are others than in ours. */
#define KERNEL_PID(pid) ((uint32_t)(pid) + 5000)
#define TICKS 100
#define OFFSET 123456789 /* of a time namespace, ns */

/* --- the kernel --- */

static struct {
  struct syscall_stats syscalls[SLOTS_MOST][SHARDS];
  struct named_stats named[SLOTS_MOST][SHARDS][LATENCY_NAMES];
  struct sched_stats scheds[SLOTS_MOST][SHARDS];
  struct block_stats blocks[SLOTS_MOST];
  struct tcpconnect_stats connects[SLOTS_MOST];
  struct syscall_cells cells;
  uint64_t losses[PROBE_LOSSES], missed;
  struct {
    uint32_t pid;
    struct watched entry;
  } watched[WATCHED_MOST];
  unsigned watched_count;
  unsigned commits, slots;
  int fail_read, fail_watch;
  struct probe_state state;
} kernel;

static struct watched *find_entry(uint32_t pid) {
  for (unsigned i = 0; i < kernel.watched_count; i++)
    if (kernel.watched[i].pid == pid)
      return &kernel.watched[i].entry;
  return NULL;
}

static const struct probe_state *fake_probes(const struct bpf_programs *p) {
  (void)p;
  return &kernel.state;
}

static uint64_t fake_memory_of(const struct probe_setup *setup) {
  return (uint64_t)setup->slots * setup->shards_most * 4096 + 65536;
}

static int fake_watch(struct bpf_programs *p, uint32_t pid,
                      const struct watched *entry) {
  (void)p;
  if (kernel.fail_watch != 0)
    return kernel.fail_watch;
  assert_true(entry->slot > 0 && entry->slot < kernel.slots);
  struct watched *old = find_entry(pid);
  if (old == NULL) {
    assert_true(kernel.watched_count < WATCHED_MOST);
    kernel.watched[kernel.watched_count].pid = pid;
    old = &kernel.watched[kernel.watched_count++].entry;
  }
  *old = *entry;
  return 0;
}

static int fake_unwatch(struct bpf_programs *p, uint32_t pid) {
  (void)p;
  for (unsigned i = 0; i < kernel.watched_count; i++)
    if (kernel.watched[i].pid == pid) {
      kernel.watched[i] = kernel.watched[--kernel.watched_count];
      return 0;
    }
  return -ENOENT;
}

static int fake_commit(struct bpf_programs *p) {
  (void)p;
  kernel.commits++;
  return 0;
}

static int fake_read(struct bpf_programs *p, enum probe_map map, unsigned first,
                     unsigned n, void *out) {
  static const struct {
    void *array;
    size_t slot;
  } maps[PROBE_MAPS] = {
      [MAP_SYSCALL] = {kernel.syscalls, sizeof(kernel.syscalls[0])},
      [MAP_NAMED] = {kernel.named, sizeof(kernel.named[0])},
      [MAP_SCHED] = {kernel.scheds, sizeof(kernel.scheds[0])},
      [MAP_BLOCK] = {kernel.blocks, sizeof(kernel.blocks[0])},
      [MAP_TCPCONNECT] = {kernel.connects, sizeof(kernel.connects[0])},
  };
  (void)p;
  if (kernel.fail_read != 0)
    return kernel.fail_read;
  assert_true(first + n <= kernel.slots);
  memcpy(out, (char *)maps[map].array + first * maps[map].slot,
         n * maps[map].slot);
  return 0;
}

static int fake_read_cells(struct bpf_programs *p, struct syscall_cells *out) {
  (void)p;
  *out = kernel.cells;
  return 0;
}

static int fake_read_losses(struct bpf_programs *p,
                            uint64_t out[PROBE_LOSSES]) {
  (void)p;
  memcpy(out, kernel.losses, sizeof(kernel.losses));
  return 0;
}

static void fake_read_cost(struct bpf_programs *p, enum probe probe,
                           struct probe_cost *out) {
  (void)p;
  *out = (struct probe_cost){.missed = kernel.missed + probe};
}

static void fake_read_fill(struct bpf_programs *p, int *requests,
                           int *connects) {
  (void)p;
  *requests = *connects = 0;
}

static bool fake_syscall_name(int number, char *out, size_t size) {
  snprintf(out, size, "call%d", number);
  return true;
}

/* "call7" is 7. */
static int fake_syscall_number(const char *name) {
  int number;
  return sscanf(name, "call%d", &number) == 1 ? number : -1;
}

static struct probe_setup setup;

static const struct probe_setup *fake_setup(const struct bpf_programs *p) {
  (void)p;
  return &setup;
}

static const struct bpf_module module = {
    .probes = fake_probes,
    .setup = fake_setup,
    .memory_of = fake_memory_of,
    .watch = fake_watch,
    .unwatch = fake_unwatch,
    .commit = fake_commit,
    .read = fake_read,
    .read_cells = fake_read_cells,
    .read_losses = fake_read_losses,
    .read_cost = fake_read_cost,
    .read_fill = fake_read_fill,
    .syscall_name = fake_syscall_name,
    .syscall_number = fake_syscall_number,
};

/* --- what happens in it --- */

static struct probes *probes;
static bool pids_known;

/* The slot that a process counts in, as the kernel finds it. */
static unsigned slot_of(pid_t pid) {
  const struct watched *entry = find_entry(KERNEL_PID(pid));
  uint64_t start = being(pid)->start * (1000000000 / TICKS) - OFFSET;
  if (entry == NULL || start - entry->start >= 1000000000 / TICKS)
    return SLOT_NONE;
  return entry->slot;
}

static unsigned cell_of(int number) {
  unsigned cell = kernel.cells.cell[number];
  if (cell == 0) {
    cell = CELL_FIRST + kernel.cells.used++;
    assert_true(cell < SYSCALL_CELLS);
    kernel.cells.cell[number] = (uint8_t)cell;
    kernel.cells.number[cell] = (uint16_t)number;
  }
  return cell;
}

/* Calls of one number that take so long each, on alternating CPUs. */
static void count_in(unsigned slot, int number, unsigned n, uint64_t ns) {
  for (unsigned i = 0; i < n; i++) {
    struct syscall_stats *stats = &kernel.syscalls[slot][i % SHARDS];
    stats->cells[cell_of(number)].calls++;
    stats->cells[cell_of(number)].ns += ns;
    stats->buckets[histogram_index(ns)]++;
  }
}

static void count(pid_t pid, int number, unsigned n, uint64_t ns) {
  if (slot_of(pid) != SLOT_NONE)
    count_in(slot_of(pid), number, n, ns);
}

/* A child that nobody has seen: it is born into the heirs' slot. */
static void bear(pid_t parent, pid_t pid, const char *comm) {
  const struct watched *entry = find_entry(KERNEL_PID(parent));
  add_being((struct being){.pid = pid, .ppid = parent, .comm = comm});
  if (entry == NULL || entry->heirs == SLOT_NONE)
    return;
  struct watched own = {
      .start = being(pid)->start * (1000000000 / TICKS) - OFFSET,
      .slot = entry->heirs,
      .heirs = entry->heirs,
  };
  assert_int_equal(fake_watch(NULL, KERNEL_PID(pid), &own), 0);
}

/* It ends, and the kernel forgets it. */
static void end(pid_t pid) {
  fake_unwatch(NULL, KERNEL_PID(pid));
  vanish(pid);
}

/* --- the plugin --- */

static struct book_style style;

static void size_maps(void) {
  const unsigned elements[PROBE_MAPS] = {
      [MAP_SYSCALL] = SHARDS, [MAP_NAMED] = SHARDS * LATENCY_NAMES,
      [MAP_SCHED] = SHARDS,   [MAP_BLOCK] = 1,
      [MAP_TCPCONNECT] = 1,
  };
  const unsigned sizes[PROBE_MAPS] = {
      [MAP_SYSCALL] = sizeof(struct syscall_stats),
      [MAP_NAMED] = sizeof(struct named_stats),
      [MAP_SCHED] = sizeof(struct sched_stats),
      [MAP_BLOCK] = sizeof(struct block_stats),
      [MAP_TCPCONNECT] = sizeof(struct tcpconnect_stats),
  };
  for (int i = 0; i < PROBE_MAPS; i++) {
    kernel.state.maps[i].elements = elements[i];
    kernel.state.maps[i].size = sizes[i];
  }
}

static int probes_setup(void **state) {
  memset(&kernel, 0, sizeof(kernel));
  size_maps();
  kernel.state.probes = PROBE_BIT(PROBES) - 1;
  pids_known = true;
  probes = NULL;
  setup = (struct probe_setup){
      .probes = PROBE_BIT(PROBES) - 1,
      .host = PROBE_BIT(PROBE_SYSCALL),
      .syscall_latency = true,
      .named = {7, 8, 9, 10},
      .named_count = LATENCY_NAMES,
      .slots = SLOTS_MOST,
      .shards_most = SHARDS,
  };
  style = (struct book_style){
      .percentiles = {50 * PERCENT, 99 * PERCENT},
      .percentile_count = 2,
      .names = 2,
      .by_time = true,
      .histogram = true,
  };
  return world_setup(state);
}

static int probes_teardown(void **state) {
  probes_free(probes);
  return world_teardown(state);
}

/* There are programs, these or others. */
static void load(void) {
  probes_attach(probes, selection, (struct bpf_programs *)&kernel,
                setup.probes);
}

static void begin_probes(void) {
  begin();
  kernel.slots = setup.slots;
  probes = probes_new(&module, &style);
  assert_non_null(probes);
  load();
}

/* An interval of the plugin. */
static void look(void) {
  interval();
  snapshot.ticks = TICKS;
  snapshot.boottime_offset = OFFSET;
  for (size_t i = 0; i < snapshot.count; i++)
    snapshot.tasks[i].kernel_pid =
        pids_known ? KERNEL_PID(snapshot.tasks[i].pid) : 0;
  probes_update(probes, selection, &snapshot);
}

static uint64_t calls_of(pid_t pid) {
  const struct probe_book *book = member(pid)->probed;
  return book == NULL ? 0 : book->counter[PROBED_SYSCALLS];
}

static uint64_t calls_of_group(const char *name) {
  const struct probe_book *book = group(name)->probed;
  return book == NULL ? 0 : book->counter[PROBED_SYSCALLS];
}

static void near(double seconds, double exact) {
  if (fabs(seconds - exact) > exact * 0.0625 + 4e-9)
    fail_msg("%g for %g", seconds, exact);
}

#define CALL 20

/* --- counting --- */

static void a_process_counts_from_when_it_is_watched(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  born(8, "other");
  count(7, CALL, 5, 100); /* nobody watches */
  look();
  assert_int_equal(calls_of(7), 0);
  assert_non_null(member(7)->probed);
  assert_null(member(8)->probed);
  assert_int_equal(kernel.watched_count, 1);
  assert_int_equal(kernel.commits, 1);
  count(7, CALL, 5, 100);
  count(8, CALL, 3, 100);
  look();
  assert_int_equal(calls_of(7), 5);
  assert_int_equal(calls_of_group("db"), 5);
  assert_int_equal(member(7)->probed->counter[PROBED_SYSCALL_NS], 500);
  look();
  assert_int_equal(calls_of(7), 5);
  assert_int_equal(kernel.commits, 1); /* nothing has changed */
}

static void every_part_reaches_its_counter(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  unsigned slot = slot_of(7);
  for (int i = 0; i < SHARDS; i++) {
    kernel.syscalls[slot][i].mmaps = 1;
    kernel.syscalls[slot][i].mmap_bytes = 2;
    kernel.syscalls[slot][i].cells[CELL_COMPAT].calls = 4;
    kernel.syscalls[slot][i].cells[CELL_COMPAT].ns = 400;
    kernel.syscalls[slot][i].cells[CELL_OTHER].calls = 5;
    kernel.scheds[slot][i].waits = 6;
    kernel.scheds[slot][i].wait_ns = 7;
    kernel.scheds[slot][i].wakeups = 8;
    for (int name = 0; name < LATENCY_NAMES; name++)
      kernel.named[slot][i][name].buckets[50] = 10 + (unsigned)name;
  }
  kernel.blocks[slot].of[BLOCK_READ].requests = 11;
  kernel.blocks[slot].of[BLOCK_READ].bytes = 12;
  kernel.blocks[slot].of[BLOCK_READ].ns = 13;
  kernel.blocks[slot].of[BLOCK_READ].buckets[60] = 14;
  kernel.blocks[slot].of[BLOCK_WRITE].requests = 15;
  kernel.blocks[slot].of[BLOCK_WRITE].bytes = 16;
  kernel.blocks[slot].of[BLOCK_WRITE].ns = 17;
  kernel.blocks[slot].of[BLOCK_WRITE].buckets[70] = 18;
  kernel.blocks[slot].by_kernel = 19;
  kernel.connects[slot].established = 20;
  kernel.connects[slot].timed = 21;
  kernel.connects[slot].ns = 22;
  kernel.connects[slot].failed[ECONNREFUSED] = 23;
  kernel.connects[slot].failed[ERRNO_ABORTED] = 24;
  kernel.connects[slot].buckets[80] = 25;
  look();
  const struct probe_book *book = member(7)->probed;
  const uint64_t expected[PROBE_COUNTERS] = {
      [PROBED_SYSCALLS] = 10,    [PROBED_SYSCALLS_COMPAT] = 8,
      [PROBED_SYSCALL_NS] = 0,   [PROBED_MMAPS] = 2,
      [PROBED_MMAP_BYTES] = 4,   [PROBED_WAITS] = 12,
      [PROBED_WAIT_NS] = 14,     [PROBED_WAKEUPS] = 16,
      [PROBED_READS] = 11,       [PROBED_READ_BYTES] = 12,
      [PROBED_READ_NS] = 13,     [PROBED_WRITES] = 15,
      [PROBED_WRITE_BYTES] = 16, [PROBED_WRITE_NS] = 17,
      [PROBED_BY_KERNEL] = 19,   [PROBED_ESTABLISHED] = 20,
      [PROBED_TIMED] = 21,       [PROBED_CONNECT_NS] = 22,
      [PROBED_FAILED] = 47,
  };
  for (int i = 0; i < PROBE_COUNTERS; i++)
    if (book->counter[i] != expected[i])
      fail_msg("counter %d is %lu", i, (unsigned long)book->counter[i]);
  assert_int_equal(book->failed[ECONNREFUSED], 23);
  assert_int_equal(book->failed[ERRNO_ABORTED], 24);
  assert_int_equal(book->latency[LATENCY_BLOCKIO_READ].count, 14);
  assert_int_equal(book->latency[LATENCY_BLOCKIO_WRITE].count, 18);
  assert_int_equal(book->latency[LATENCY_TCPCONNECT].count, 25);
  for (unsigned name = 0; name < LATENCY_NAMES; name++)
    assert_int_equal(book->latency[LATENCY_NAMED + name].count,
                     SHARDS * (10 + name));
  near(book->latency[LATENCY_TCPCONNECT].max,
       (double)histogram_upper(80) / 1e9);
}

/* Where only mmap runs an element ends before the cells. */
static void what_is_cut_off_is_not_looked_at(void **state) {
  (void)state;
  kernel.state.probes = PROBE_BIT(PROBE_MMAP);
  for (int i = 0; i < PROBE_MAPS; i++)
    kernel.state.maps[i].elements = i == MAP_SYSCALL ? 2 * SHARDS : 0;
  kernel.state.maps[MAP_SYSCALL].size = offsetof(struct syscall_stats, cells);
  setup.named_count = 0;
  /* So the fake array has to be seen as a list of small elements. */
  kernel.state.maps[MAP_SYSCALL].elements =
      (unsigned)(sizeof(kernel.syscalls[0]) /
                 kernel.state.maps[MAP_SYSCALL].size);
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  kernel.syscalls[slot_of(7)][0].mmaps = 3;
  kernel.syscalls[slot_of(7)][0].mmap_bytes = 12288;
  look();
  assert_int_equal(member(7)->probed->counter[PROBED_MMAPS], 3);
  assert_int_equal(member(7)->probed->counter[PROBED_MMAP_BYTES], 12288);
  assert_int_equal(member(7)->probed->latency[LATENCY_SYSCALL].count, 0);
}

static void the_host_has_a_book(void **state) {
  (void)state;
  count_in(SLOT_HOST, CALL, 100, 50); /* before we came */
  begin_probes();
  look();
  count_in(SLOT_HOST, CALL, 7, 1000);
  look();
  assert_int_equal(probes->host->counter[PROBED_SYSCALLS], 7);
  near(probes->host->latency[LATENCY_SYSCALL].percentiles[0], 1000e-9);
}

/* --- latencies --- */

static void percentiles_are_of_the_interval(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, CALL, 98, 1000);
  count(7, CALL, 2, 5000000);
  look();
  const struct latency_summary *summary =
      &member(7)->probed->latency[LATENCY_SYSCALL];
  assert_int_equal(summary->count, 100);
  near(summary->percentiles[0], 1000e-9);
  near(summary->percentiles[1], 5000000e-9);
  assert_true(summary->max >= 5000000e-9);
  count(7, CALL, 10, 70000);
  look();
  assert_int_equal(summary->count, 10);
  near(summary->percentiles[0], 70000e-9);
  near(summary->percentiles[1], 70000e-9);
  look();
  assert_int_equal(summary->count, 0);
}

/* 90 short ones of one and 90 long ones of the other: a percentile of the group
 * is no mean of percentiles. */
static void a_groups_histograms_are_merged(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  born(8, "redis");
  look();
  count(7, CALL, 90, 1000);
  count(8, CALL, 30, 9000000);
  look();
  const struct latency_summary *summary =
      &group("db")->probed->latency[LATENCY_SYSCALL];
  assert_int_equal(summary->count, 120);
  near(summary->percentiles[0], 1000e-9);
  near(summary->percentiles[1], 9000000e-9);
}

static void short_waits_are_told_as_the_bound(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  kernel.scheds[slot_of(7)][0].buckets[histogram_index(3000)] = 60;
  kernel.scheds[slot_of(7)][0].buckets[histogram_index(8000000)] = 40;
  look();
  const struct latency_summary *summary =
      &member(7)->probed->latency[LATENCY_RUNQUEUE];
  assert_true(summary->percentiles[0] > 0.000099999 &&
              summary->percentiles[0] < 0.000100001);
  near(summary->percentiles[1], 0.008);
}

static void counts_of_a_bucket_go_round(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  unsigned slot = slot_of(7), bucket = histogram_index(1000);
  kernel.syscalls[slot][0].buckets[bucket] = UINT32_MAX - 1;
  kernel.syscalls[slot][1].buckets[bucket] = UINT32_MAX - 2;
  look();
  kernel.syscalls[slot][0].buckets[bucket] += 10;
  kernel.syscalls[slot][1].buckets[bucket] += 20;
  look();
  assert_int_equal(member(7)->probed->latency[LATENCY_SYSCALL].count, 30);
}

static void buckets_are_kept_on_request(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  for (int i = 0; i < 3; i++) {
    count(7, CALL, 4, 500);
    count(7, CALL, 5, 5000);
    look();
  }
  const uint64_t *below = member(7)->probed->bounds[LATENCY_SYSCALL].count;
  assert_int_equal(below[0], 12); /* < 1024 ns */
  assert_int_equal(below[3], 15); /* < 8192 ns */
  assert_int_equal(below[1] + below[2] + below[4], 0);
}

/* --- names of system calls --- */

static bool is_told(const struct probe_book *book, int number) {
  int cell = cells_find(&probes->cells, number);
  return cell >= 0 && book->told_for[cell] > 0;
}

static void the_slowest_names_are_told_and_stay(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, 1, 1000, 10);
  count(7, 2, 10, 5000);
  count(7, 3, 10, 7000);
  look();
  const struct probe_book *book = member(7)->probed;
  assert_false(is_told(book, 1)); /* called most, but took least */
  assert_true(is_told(book, 2));
  assert_true(is_told(book, 3));
  assert_true(is_told(group("db")->probed, 3));
  for (int i = 0; i < STAY_INTERVALS; i++) {
    count(7, 1, 1000, 10);
    look();
    assert_true(is_told(book, 1));
    assert_true(is_told(book, 2));
  }
  look();
  assert_false(is_told(book, 2));
  assert_true(is_told(book, 1));
}

static void as_many_names_as_there_is_room(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  for (int i = 0; i < 20; i++) { /* two other names in each interval */
    count(7, 100 + 2 * i, 1, 1000);
    count(7, 101 + 2 * i, 1, 1000);
    look();
    unsigned told = 0;
    for (unsigned cell = 0; cell < SYSCALL_CELLS; cell++)
      told += member(7)->probed->told_for[cell] > 0;
    assert_true(told <= 3 * style.names);
    assert_true(is_told(member(7)->probed, 100) == (i <= STAY_INTERVALS));
  }
}

static void without_times_calls_decide(void **state) {
  (void)state;
  setup.syscall_latency = false;
  style.names = 1;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, 1, 50, 0);
  count(7, 2, 51, 0);
  look();
  assert_true(is_told(member(7)->probed, 2));
  assert_false(is_told(member(7)->probed, 1));
}

static void a_number_with_two_cells_is_one_name(void **state) {
  (void)state;
  style.names = 1;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, 1, 1, 600);
  count(7, 2, 1, 1000);
  kernel.cells.cell[1] = 0; /* another CPU saw it at the same time */
  count(7, 1, 1, 600);
  look();
  const struct probe_book *book = member(7)->probed;
  assert_true(is_told(book, 1));
  assert_false(is_told(book, 2));
  struct calls sum = book->cells[cells_find(&probes->cells, 1)];
  assert_int_equal(sum.calls, 2);
  assert_int_equal(sum.ns, 1200);
}

/* --- slots --- */

static void a_slot_is_used_again(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  unsigned slot = slot_of(7);
  count(7, CALL, 100, 1000);
  end(7);
  born(8, "redis");
  look(); /* the first rests */
  assert_int_not_equal(slot_of(8), slot);
  assert_int_equal(calls_of_group("db"), 100); /* its last part, too */
  count_in(slot, CALL, 3, 1000);               /* somebody was at it still */
  born(9, "redis");
  look();
  assert_int_equal(slot_of(9), slot);
  assert_int_equal(calls_of(9), 0);
  assert_int_equal(calls_of_group("db"), 100);
  count(9, CALL, 4, 1000);
  look();
  assert_int_equal(calls_of(9), 4);
  assert_int_equal(calls_of_group("db"), 104);
}

/* Of a load before ours, in maps that outlived it. */
static void a_slot_may_be_dirty_at_first(void **state) {
  (void)state;
  for (unsigned slot = 0; slot < SLOTS_MOST; slot++)
    count_in(slot, CALL, 77, 1000);
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, CALL, 1, 1000);
  look();
  assert_int_equal(calls_of(7), 1);
  assert_int_equal(member(7)->probed->latency[LATENCY_SYSCALL].count, 1);
}

static void a_reused_pid_is_another_process(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, CALL, 10, 1000);
  look();
  count(7, CALL, 5, 1000);
  end(7);
  born(7, "redis");
  look();
  assert_int_equal(calls_of(7), 0);
  assert_int_equal(calls_of_group("db"), 15);
  count(7, CALL, 2, 1000);
  look();
  assert_int_equal(calls_of(7), 2);
  assert_int_equal(calls_of_group("db"), 17);
  assert_int_equal(kernel.watched_count, 1);
}

/* Top takes it, lets it go, and takes it again. */
static void counters_go_on_after_a_pause(void **state) {
  (void)state;
  top("busy", .count = 1, .ranks = 1u << RANK_CPU);
  begin_probes();
  struct being *one = born(7, "one");
  one->value[FIELD_UTIME] = 1;
  look();
  being(7)->value[FIELD_UTIME] += 1000;
  look();
  count(7, CALL, 10, 1000);
  look();
  assert_int_equal(calls_of(7), 10);
  born(8, "two", .value[FIELD_UTIME] = 5);
  for (int i = 0; i < STAY_INTERVALS + 2; i++) {
    being(8)->value[FIELD_UTIME] += 1000;
    look();
  }
  assert_int_equal(slot_of(7), SLOT_NONE);
  count(7, CALL, 99, 1000); /* not watched */
  look();
  being(7)->value[FIELD_UTIME] += 100000;
  look();
  assert_int_equal(calls_of(7), 10);
  count(7, CALL, 1, 1000);
  look();
  assert_int_equal(calls_of(7), 11);
}

static void nothing_leaks(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  for (pid_t pid = 100; pid < 600; pid += 5) {
    for (pid_t p = pid; p < pid + 5; p++)
      add_being((struct being){.pid = p, .comm = "redis"});
    look();
    for (pid_t p = pid; p < pid + 5; p++) {
      count(p, CALL, 1, 1000);
      end(p);
    }
  }
  look();
  assert_int_equal(calls_of_group("db"), 500);
  assert_int_equal(kernel.watched_count, 0);
  assert_true(probes->highest <= 10);
}

static void slots_run_short(void **state) {
  (void)state;
  setup.slots = 4;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  for (pid_t pid = 1; pid <= 5; pid++)
    add_being((struct being){.pid = pid, .comm = "redis"});
  look();
  assert_int_equal(probes->unprobed, 2);
  assert_int_equal(kernel.watched_count, 3);
  assert_int_equal(warnings, 1);
  look();
  assert_int_equal(warnings, 1); /* said once */
  assert_null(member(5)->probed);
  end(1);
  look();
  look();
  assert_int_equal(probes->unprobed, 1);
}

/* Those with series of their own come first. */
static void reported_processes_come_first(void **state) {
  (void)state;
  setup.slots = 3;
  max_processes = 2;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  born(8, "redis");
  look();
  born(3, "redis"); /* a lower pid, but it comes too late */
  look();
  assert_true(slot_of(7) != SLOT_NONE && slot_of(8) != SLOT_NONE);
  assert_int_equal(slot_of(3), SLOT_NONE);
  assert_int_equal(probes->unprobed, 1);
}

static void a_process_that_cannot_be_watched(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  kernel.fail_watch = -E2BIG;
  look();
  assert_int_equal(probes->not_watched, 1);
  assert_int_equal(probes->unprobed, 1);
  kernel.fail_watch = 0;
  look();
  count(7, CALL, 3, 1000);
  look();
  assert_int_equal(calls_of(7), 3);
  assert_int_equal(probes->unprobed, 0);
}

static void a_read_that_fails(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  assert_true(probes->told);
  count(7, CALL, 3, 1000);
  kernel.fail_read = -EIO;
  look();
  assert_false(probes->told);
  assert_int_equal(calls_of(7), 0);
  assert_int_equal(warnings, 1);
  look();
  assert_int_equal(warnings, 1);
  assert_int_equal(probes->not_read, 2);
  kernel.fail_read = 0;
  count(7, CALL, 4, 1000);
  look();
  assert_true(probes->told);
  assert_int_equal(calls_of(7), 7);
  assert_int_equal(member(7)->probed->latency[LATENCY_SYSCALL].count, 7);
}

static void a_counter_that_falls(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  unsigned slot = slot_of(7);
  kernel.scheds[slot][0].wakeups = 10;
  look();
  kernel.scheds[slot][0].wakeups = 4;
  look();
  assert_int_equal(member(7)->probed->counter[PROBED_WAKEUPS], 10);
  assert_int_equal(probes->not_read, 1);
  kernel.scheds[slot][0].wakeups = 6;
  look();
  assert_int_equal(member(7)->probed->counter[PROBED_WAKEUPS], 12);
}

/* The iterator could not be read: procfs does not know the kernel's pids. */
static void an_interval_of_procfs(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  unsigned slot = slot_of(7);
  pids_known = false;
  born(8, "redis");
  count(7, CALL, 3, 1000);
  look();
  assert_int_equal(calls_of(7), 3);
  assert_int_equal(slot_of(7), slot);
  assert_int_equal(slot_of(8), SLOT_NONE);
  assert_int_equal(probes->unprobed, 1);
  pids_known = true;
  look();
  assert_int_equal(slot_of(7), slot);
  assert_int_not_equal(slot_of(8), SLOT_NONE);
}

/* A process that a scan has missed lives still. */
static void a_process_that_hides(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  born(8, "redis");
  look();
  unsigned slot = slot_of(7);
  being(7)->hidden = true;
  count(7, CALL, 3, 1000);
  look();
  being(7)->hidden = false;
  count(7, CALL, 4, 1000);
  look();
  assert_int_equal(slot_of(7), slot);
  assert_int_equal(calls_of(7), 7);
  assert_int_equal(calls_of_group("db"), 7);
}

/* --- heirs --- */

static void begin_with_children(void) {
  rule("web", .command = TEXT("nginx"), .children = true);
  begin_probes();
  born(7, "nginx");
  look();
  assert_int_not_equal(group("web")->heirs_slot, 0);
}

static void unseen_children_count_in_the_group(void **state) {
  (void)state;
  begin_with_children();
  for (pid_t pid = 20; pid < 30; pid++) {
    bear(7, pid, "cgi");
    bear(pid, pid + 100, "sh");
    count(pid, CALL, 2, 1000);
    count(pid + 100, CALL, 1, 1000);
    end(pid);
    end(pid + 100);
  }
  count(7, CALL, 5, 1000);
  look();
  assert_int_equal(calls_of(7), 5);
  assert_int_equal(calls_of_group("web"), 35);
  assert_int_equal(kernel.watched_count, 1);
}

static void a_child_that_is_seen_has_a_slot_of_its_own(void **state) {
  (void)state;
  begin_with_children();
  bear(7, 20, "cgi");
  count(20, CALL, 2, 1000);
  unsigned heirs = slot_of(20);
  look();
  assert_int_equal(heirs, group("web")->heirs_slot);
  assert_int_not_equal(slot_of(20), heirs);
  assert_int_equal(calls_of(20), 0);
  count(20, CALL, 3, 1000);
  look();
  assert_int_equal(calls_of(20), 3);
  assert_int_equal(calls_of_group("web"), 5);
}

/* 20, whose parent 7 has ended before anybody saw it; the slot where it counts.
 */
static unsigned leave_an_orphan(void) {
  unsigned heirs = group("web")->heirs_slot;
  bear(7, 20, "cgi");
  being(20)->ppid = 1;
  end(7);
  return heirs;
}

/* Its parent had no group any more when it was seen. */
static void a_child_without_a_group_counts_nowhere(void **state) {
  (void)state;
  begin_with_children();
  bear(7, 20, "cgi");
  being(20)->ppid = 1;
  look();
  assert_string_equal(group_of(20), "");
  assert_int_equal(slot_of(20), SLOT_NONE);
  count(20, CALL, 3, 1000);
  look();
  assert_int_equal(calls_of_group("web"), 0);
}

/* No parent, no heirs; their slot rests until every child was seen. */
static void a_slot_of_heirs_is_used_again(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_with_children();
  unsigned heirs = leave_an_orphan();
  born(30, "redis");
  look();
  assert_int_equal(group("web")->heirs_slot, 0);
  assert_int_equal(slot_of(20), SLOT_NONE);
  assert_int_not_equal(slot_of(30), heirs);
  born(31, "redis");
  look();
  assert_int_not_equal(slot_of(31), heirs);
  born(32, "redis");
  look();
  assert_int_equal(slot_of(32), heirs);
  count(32, CALL, 1, 1000);
  look();
  assert_int_equal(calls_of_group("db"), 1);
  assert_int_equal(calls_of_group("web"), 0);
}

/* It became another program: its rule has no Children. */
static void whose_children_are_nobodys_now(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_with_children();
  unsigned heirs = group("web")->heirs_slot;
  being(7)->comm = "redis";
  look();
  assert_string_equal(group_of(7), "db");
  look();
  born(9, "redis");
  look();
  assert_int_equal(slot_of(9), heirs);
  bear(7, 20, "cgi");
  count(20, CALL, 3, 1000);
  count(7, CALL, 2, 1000);
  look();
  assert_int_equal(slot_of(20), SLOT_NONE);
  assert_int_equal(calls_of(7), 2);
  assert_int_equal(calls_of(9), 0);
  assert_int_equal(calls_of_group("db"), 2);
  assert_int_equal(calls_of_group("web"), 0);
}

/* Who was born then is known as soon as pids are. */
static void intervals_of_procfs_do_not_count(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_with_children();
  unsigned heirs = leave_an_orphan();
  pids_known = false;
  for (int i = 0; i < 5; i++)
    look();
  pids_known = true;
  born(30, "redis");
  look();
  assert_int_equal(slot_of(20), SLOT_NONE);
  assert_int_not_equal(slot_of(30), heirs);
}

/* --- what it loses, and whether it runs --- */

static void losses_are_known(void **state) {
  (void)state;
  begin_probes();
  kernel.losses[PROBE_LOSS_REQUESTS] = 5;
  look();
  assert_int_equal(probes->losses[PROBE_LOSS_REQUESTS], 5);
  assert_int_equal(probes->missed, 0); /* since it was attached */
  assert_int_equal(warnings, 0);
  kernel.missed = 200;
  look();
  look();
  assert_int_equal(probes->missed, 5 * 200);
  assert_int_equal(warnings, 1); /* said once */
}

static void a_probe_that_does_not_run_is_said(void **state) {
  (void)state;
  kernel.state.probes &= ~PROBE_BIT(PROBE_BLOCKIO);
  kernel.state.maps[MAP_BLOCK].elements = 0;
  begin_probes();
  assert_int_equal(warnings, 1);
  look();
  kernel.state.probes = 0;
  load();
  assert_int_equal(warnings, 1 + PROBES);
  look();
  assert_false(probes->told);
}

/* --- other programs --- */

/* Nothing that they say has to do with what was before. */
static void load_anew(void) {
  struct probe_state state = kernel.state;
  unsigned slots = kernel.slots;
  memset(&kernel, 0, sizeof(kernel));
  kernel.state = state;
  kernel.slots = slots;
}

static void counters_go_on_with_other_programs(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  count(7, 1, 5, 100); /* in another cell than later */
  count(7, 2, 7, 100);
  kernel.losses[PROBE_LOSS_CLOCK] = 3;
  kernel.syscalls[SLOT_HOST][0].cells[CELL_OTHER].calls = 9;
  look();
  probes_attach(probes, selection, NULL, 0);
  look();
  assert_false(probes->told);
  load_anew();
  load();
  look();
  assert_int_equal(calls_of(7), 12);
  count(7, 2, 11, 100);
  kernel.losses[PROBE_LOSS_CLOCK] = 1;
  kernel.syscalls[SLOT_HOST][0].cells[CELL_OTHER].calls = 2;
  look();
  assert_int_equal(calls_of(7), 23);
  const struct probe_book *book = member(7)->probed;
  assert_int_equal(book->cells[cells_find(&probes->cells, 1)].calls, 5);
  assert_int_equal(book->cells[cells_find(&probes->cells, 2)].calls, 18);
  assert_int_equal(probes->losses[PROBE_LOSS_CLOCK], 4);
  assert_int_equal(probes->host->counter[PROBED_SYSCALLS], 11);
}

/* What they have said before was told, or is nobody's. */
static void the_same_programs_again(void **state) {
  (void)state;
  begin_probes();
  kernel.losses[PROBE_LOSS_CLOCK] = 3;
  kernel.missed = 10;
  look();
  uint64_t missed = probes->missed;
  assert_true(missed > 0);
  probes_attach(probes, selection, NULL, 0);
  load();
  look();
  assert_int_equal(probes->losses[PROBE_LOSS_CLOCK], 3);
  assert_int_equal(probes->missed, missed);
  kernel.losses[PROBE_LOSS_CLOCK] = 5;
  look();
  assert_int_equal(probes->losses[PROBE_LOSS_CLOCK], 5);
}

static uint64_t events_of_name(unsigned name) {
  const struct latency_bounds *bounds =
      &member(7)->probed->bounds[LATENCY_NAMED + name];
  uint64_t sum = 0;
  for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
    sum += bounds->count[i];
  return sum;
}

/* Other programs may have another call in its place. */
static void a_histogram_is_of_one_call(void **state) {
  (void)state;
  rule("db", .command = TEXT("redis"));
  begin_probes();
  born(7, "redis");
  look();
  for (unsigned name = 0; name < 2; name++)
    kernel.named[slot_of(7)][0][name].buckets[50] = 10;
  look();
  assert_int_equal(events_of_name(0), 10);
  assert_int_equal(events_of_name(1), 10);
  probes_attach(probes, selection, NULL, 0);
  load_anew();
  setup.named[1] = 12;
  load();
  look();
  assert_int_equal(events_of_name(0), 10);
  assert_int_equal(events_of_name(1), 0);
}

/* A probe that is loaded and not asked for is not told, and what its programs
 * miss is. */
static void some_of_the_probes(void **state) {
  (void)state;
  begin_probes();
  probes_attach(probes, selection, (struct bpf_programs *)&kernel,
                PROBE_BIT(PROBE_BLOCKIO));
  assert_int_equal(probes->state.probes, PROBE_BIT(PROBE_BLOCKIO));
  assert_int_equal(warnings, 0);
  kernel.missed = 10;
  look();
  assert_true(probes->told);
  assert_int_equal(probes->missed, PROBES * 10);
}

/* --- the plan --- */

static struct probe_setup plan(unsigned memory_mib, unsigned processes) {
  struct probe_options options = {
      .wanted = PROBE_BIT(PROBE_SYSCALL),
      .host = PROBE_BIT(PROBE_SYSCALL) | PROBE_BIT(PROBE_RUNQUEUE),
      .syscall_latency = true,
      .latency_of = {TEXT("call3"), TEXT("nonsense"), TEXT("call3"),
                     TEXT("call5")},
      .latency_of_count = 4,
      .memory_mib = memory_mib,
  };
  struct probe_setup out;
  probes_plan(&options, &module, processes, 2, &out);
  return out;
}

static void the_plan_keeps_to_the_memory(void **state) {
  (void)state;
  struct probe_setup wide = plan(32, 100), narrow = plan(1, 1000);
  assert_int_equal(wide.slots, 103);
  assert_int_equal(wide.shards_most, 64); /* 103 * 64 * 4 KiB = 25.75 MiB */
  assert_int_equal(narrow.shards_most, 1);
  assert_int_equal(narrow.slots, (1024 - 64) / 4);
  assert_int_equal(wide.host, PROBE_BIT(PROBE_SYSCALL));
  assert_int_equal(wide.named_count, 2);
  assert_int_equal(wide.named[0], 3);
  assert_int_equal(wide.named[1], 5);
  /* Each: one name that is none; narrow: one line about the memory. */
  assert_int_equal(warnings, 3);
}

#undef TEST
#define TEST(f)                                                                \
  cmocka_unit_test_setup_teardown(f, probes_setup, probes_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_process_counts_from_when_it_is_watched),
      TEST(every_part_reaches_its_counter),
      TEST(what_is_cut_off_is_not_looked_at),
      TEST(the_host_has_a_book),
      TEST(percentiles_are_of_the_interval),
      TEST(a_groups_histograms_are_merged),
      TEST(short_waits_are_told_as_the_bound),
      TEST(counts_of_a_bucket_go_round),
      TEST(buckets_are_kept_on_request),
      TEST(the_slowest_names_are_told_and_stay),
      TEST(as_many_names_as_there_is_room),
      TEST(without_times_calls_decide),
      TEST(a_number_with_two_cells_is_one_name),
      TEST(counters_go_on_with_other_programs),
      TEST(a_slot_is_used_again),
      TEST(a_slot_may_be_dirty_at_first),
      TEST(a_reused_pid_is_another_process),
      TEST(counters_go_on_after_a_pause),
      TEST(nothing_leaks),
      TEST(slots_run_short),
      TEST(reported_processes_come_first),
      TEST(a_process_that_cannot_be_watched),
      TEST(a_read_that_fails),
      TEST(a_counter_that_falls),
      TEST(an_interval_of_procfs),
      TEST(a_process_that_hides),
      TEST(unseen_children_count_in_the_group),
      TEST(a_child_that_is_seen_has_a_slot_of_its_own),
      TEST(a_child_without_a_group_counts_nowhere),
      TEST(a_slot_of_heirs_is_used_again),
      TEST(whose_children_are_nobodys_now),
      TEST(intervals_of_procfs_do_not_count),
      TEST(losses_are_known),
      TEST(the_same_programs_again),
      TEST(a_histogram_is_of_one_call),
      TEST(some_of_the_probes),
      TEST(a_probe_that_does_not_run_is_said),
      TEST(the_plan_keeps_to_the_memory),
  };
  return RUN(tests);
}
