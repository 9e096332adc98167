/* SPDX-License-Identifier: MIT */
#include "growth.h"

#include <stdlib.h>
#include <string.h>

/* --- parts ---
 *
 * An array's element is made of runs of numbers of one width, and each run has
 * its place in struct growth.
 */

/* Where in struct growth, in numbers. */
#define INTO(member) (offsetof(struct growth, member) / sizeof(uint64_t))
#define COUNTER(counter_) (INTO(counter) + (counter_))
#define HISTOGRAM(latency) (INTO(buckets) + (latency) * (size_t)BUCKETS)
_Static_assert(sizeof(struct growth) % sizeof(uint64_t) == 0 &&
                   sizeof(struct syscall_cell) == sizeof(struct calls),
               "struct growth is nothing but 64-bit numbers");

struct part {
  enum probe_map map;
  size_t offset;  /* in the element */
  unsigned count; /* numbers */
  bool wide;      /* of 64 bits, else of 32 */
  size_t into;    /* the first of them in struct growth */
  unsigned named; /* MAP_NAMED: which of the names */
};

#define WIDE(map, type, member, count, into)                                   \
  { map, offsetof(struct type, member), count, true, into, 0 }
#define BLOCK_PARTS(operation, requests_, bytes_, ns_, latency)                \
  WIDE(MAP_BLOCK, block_stats, of[operation].requests, 1, COUNTER(requests_)), \
      WIDE(MAP_BLOCK, block_stats, of[operation].bytes, 1, COUNTER(bytes_)),   \
      WIDE(MAP_BLOCK, block_stats, of[operation].ns, 1, COUNTER(ns_)), {       \
    MAP_BLOCK, offsetof(struct block_stats, of[operation].buckets), BUCKETS,   \
        false, HISTOGRAM(latency), 0                                           \
  }
#define NAMED_PART(name)                                                       \
  { MAP_NAMED, 0, BUCKETS, false, HISTOGRAM(LATENCY_NAMED + name), name }
_Static_assert(LATENCY_NAMES == 4, "one NAMED_PART each");

static const struct part all_parts[] = {
    WIDE(MAP_SYSCALL, syscall_stats, mmaps, 1, COUNTER(PROBED_MMAPS)),
    WIDE(MAP_SYSCALL, syscall_stats, mmap_bytes, 1, COUNTER(PROBED_MMAP_BYTES)),
    WIDE(MAP_SYSCALL, syscall_stats, cells, 2 * SYSCALL_CELLS, INTO(cells)),
    {MAP_SYSCALL, offsetof(struct syscall_stats, buckets), BUCKETS, false,
     HISTOGRAM(LATENCY_SYSCALL), 0},
    NAMED_PART(0),
    NAMED_PART(1),
    NAMED_PART(2),
    NAMED_PART(3),
    WIDE(MAP_SCHED, sched_stats, waits, 1, COUNTER(PROBED_WAITS)),
    WIDE(MAP_SCHED, sched_stats, wait_ns, 1, COUNTER(PROBED_WAIT_NS)),
    WIDE(MAP_SCHED, sched_stats, wakeups, 1, COUNTER(PROBED_WAKEUPS)),
    {MAP_SCHED, offsetof(struct sched_stats, buckets), BUCKETS, false,
     HISTOGRAM(LATENCY_RUNQUEUE), 0},
    BLOCK_PARTS(BLOCK_READ, PROBED_READS, PROBED_READ_BYTES, PROBED_READ_NS,
                LATENCY_BLOCKIO_READ),
    BLOCK_PARTS(BLOCK_WRITE, PROBED_WRITES, PROBED_WRITE_BYTES, PROBED_WRITE_NS,
                LATENCY_BLOCKIO_WRITE),
    WIDE(MAP_BLOCK, block_stats, by_kernel, 1, COUNTER(PROBED_BY_KERNEL)),
    WIDE(MAP_TCPCONNECT, tcpconnect_stats, established, 1,
         COUNTER(PROBED_ESTABLISHED)),
    WIDE(MAP_TCPCONNECT, tcpconnect_stats, timed, 1, COUNTER(PROBED_TIMED)),
    WIDE(MAP_TCPCONNECT, tcpconnect_stats, ns, 1, COUNTER(PROBED_CONNECT_NS)),
    {MAP_TCPCONNECT, offsetof(struct tcpconnect_stats, failed), ERRNOS, false,
     INTO(failed), 0},
    {MAP_TCPCONNECT, offsetof(struct tcpconnect_stats, buckets), BUCKETS, false,
     HISTOGRAM(LATENCY_TCPCONNECT), 0},
};
#define PARTS (sizeof(all_parts) / sizeof(all_parts[0]))
#define LONGEST_PART (2 * SYSCALL_CELLS)
_Static_assert(LONGEST_PART >= BUCKETS && LONGEST_PART >= ERRNOS,
               "the cells are the longest part");

static size_t width_of(const struct part *part) {
  return part->wide ? sizeof(uint64_t) : sizeof(uint32_t);
}

static size_t size_of(const struct part *part) {
  return part->count * width_of(part);
}

/* --- the arrays --- */

/* Of all arrays together, in one piece. */
#define BUFFER_SIZE (1u << 20)

struct results {
  const struct bpf_module *module;
  struct bpf_programs *programs;
  const struct probe_state *state;
  unsigned named_count;
  struct part parts[PARTS]; /* those that the arrays have */
  size_t part_count;
  size_t baseline_size;
  unsigned at_once;
  size_t slot_size[PROBE_MAPS]; /* 0: there is no such array */
  unsigned char *loaded[PROBE_MAPS];
  unsigned char *buffer;
};

/* The end of an element is left out where nobody wants it. */
static bool is_there(const struct results *results, const struct part *part) {
  return results->slot_size[part->map] > 0 &&
         part->offset + size_of(part) <= results->state->maps[part->map].size &&
         (part->map != MAP_NAMED || part->named < results->named_count);
}

static void find_parts(struct results *results) {
  for (size_t i = 0; i < PARTS; i++) {
    if (!is_there(results, &all_parts[i]))
      continue;
    results->parts[results->part_count++] = all_parts[i];
    /* Wide numbers in it stay aligned. */
    results->baseline_size += (size_of(&all_parts[i]) + 7) / 8 * 8;
  }
}

struct results *results_new(const struct bpf_module *module,
                            struct bpf_programs *programs,
                            unsigned named_count) {
  struct results *results = calloc(1, sizeof(*results));
  size_t slot_size = 0;
  if (results == NULL)
    return NULL;
  results->module = module;
  results->programs = programs;
  results->state = module->probes(programs);
  results->named_count = named_count;
  for (int map = 0; map < PROBE_MAPS; map++) {
    results->slot_size[map] = (size_t)results->state->maps[map].elements *
                              results->state->maps[map].size;
    slot_size += results->slot_size[map];
  }
  find_parts(results);
  results->at_once = slot_size == 0 || slot_size > BUFFER_SIZE
                         ? 1
                         : (unsigned)(BUFFER_SIZE / slot_size);
  results->buffer = malloc(slot_size * results->at_once + 1);
  if (results->buffer == NULL) {
    results_free(results);
    return NULL;
  }
  unsigned char *at = results->buffer;
  for (int map = 0; map < PROBE_MAPS; map++) {
    results->loaded[map] = at;
    at += results->slot_size[map] * results->at_once;
  }
  return results;
}

void results_free(struct results *results) {
  if (results != NULL)
    free(results->buffer);
  free(results);
}

size_t results_baseline_size(const struct results *results) {
  return results->baseline_size;
}

unsigned results_at_once(const struct results *results) {
  return results->at_once;
}

int results_load(struct results *results, unsigned first, unsigned n) {
  int status = 0;
  for (int map = 0; map < PROBE_MAPS && status == 0; map++)
    if (results->slot_size[map] > 0)
      status = results->module->read(results->programs, (enum probe_map)map,
                                     first, n, results->loaded[map]);
  return status;
}

/* --- growth --- */

/* Add up a part over the shards of a slot. */
static void sum_up(const struct results *results, unsigned slot,
                   const struct part *part, uint64_t sum[LONGEST_PART]) {
  size_t size = results->state->maps[part->map].size;
  unsigned elements = results->state->maps[part->map].elements;
  unsigned step = part->map == MAP_NAMED ? results->named_count : 1;
  const unsigned char *slots =
      results->loaded[part->map] + slot * results->slot_size[part->map];
  memset(sum, 0, part->count * sizeof(sum[0]));
  for (unsigned e = part->named; e < elements; e += step) {
    const void *run = slots + e * size + part->offset;
    if (part->wide)
      for (unsigned i = 0; i < part->count; i++)
        sum[i] += ((const __u64 *)run)[i];
    else
      for (unsigned i = 0; i < part->count; i++)
        sum[i] += ((const __u32 *)run)[i];
  }
}

/* Counts of 32 bits go round; those of 64 bits never should. */
static uint64_t difference(bool wide, uint64_t before, uint64_t now,
                           uint64_t *fell) {
  if (!wide)
    return (uint32_t)(now - before);
  if (now >= before)
    return now - before;
  ++*fell;
  return 0;
}

static bool enter_part(const struct part *part,
                       const uint64_t sum[LONGEST_PART], void *baseline,
                       uint64_t *into, uint64_t *fell) {
  uint64_t any = 0;
  for (unsigned i = 0; i < part->count; i++) {
    uint64_t before =
        part->wide ? ((uint64_t *)baseline)[i] : ((uint32_t *)baseline)[i];
    into[i] = difference(part->wide, before, sum[i], fell);
    any |= into[i];
    if (part->wide)
      ((uint64_t *)baseline)[i] = sum[i];
    else
      ((uint32_t *)baseline)[i] = (uint32_t)sum[i];
  }
  return any != 0;
}

/* What the kernel does not add up by itself. */
static void add_up(struct growth *growth) {
  for (unsigned i = 0; i < SYSCALL_CELLS; i++) {
    if (i == CELL_COMPAT)
      continue;
    growth->counter[PROBED_SYSCALLS] += growth->cells[i].calls;
    growth->counter[PROBED_SYSCALL_NS] += growth->cells[i].ns;
  }
  growth->counter[PROBED_SYSCALLS_COMPAT] = growth->cells[CELL_COMPAT].calls;
  for (unsigned i = 0; i < ERRNOS; i++)
    growth->counter[PROBED_FAILED] += growth->failed[i];
}

bool results_growth(const struct results *results, unsigned slot,
                    void *baseline, struct growth *growth, uint64_t *fell) {
  uint64_t sum[LONGEST_PART];
  unsigned char *before = baseline;
  bool any = false;
  memset(growth, 0, sizeof(*growth));
  for (size_t i = 0; i < results->part_count; i++) {
    const struct part *part = &results->parts[i];
    sum_up(results, slot, part, sum);
    any |= enter_part(part, sum, before, (uint64_t *)growth + part->into, fell);
    before += (size_of(part) + 7) / 8 * 8;
  }
  add_up(growth);
  return any;
}

void growth_add(struct growth *sum, const struct growth *growth) {
  uint64_t *into = (uint64_t *)sum;
  const uint64_t *from = (const uint64_t *)growth;
  for (size_t i = 0; i < sizeof(*sum) / sizeof(*into); i++)
    into[i] += from[i];
}
