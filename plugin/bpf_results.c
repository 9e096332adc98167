/* SPDX-License-Identifier: MIT */
#include "bpf_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>

/* --- sizes --- */

unsigned count_shards(const struct probe_setup *setup) {
  int cpus = libbpf_num_possible_cpus();
  unsigned shards = 1;
  while (shards < (unsigned)cpus && shards * 2 <= setup->shards_most)
    shards *= 2;
  return shards;
}

/* struct syscall_stats, without what is never written. */
static unsigned syscall_size(const struct probe_setup *setup) {
  if (!(setup->probes & PROBE_BIT(PROBE_SYSCALL)))
    return offsetof(struct syscall_stats, cells);
  return setup->syscall_latency ? sizeof(struct syscall_stats)
                                : offsetof(struct syscall_stats, buckets);
}

void size_results(const struct probe_setup *setup, unsigned shards,
                  struct map_size sizes[PROBE_MAPS]) {
  const unsigned by_call = PROBE_BIT(PROBE_SYSCALL) | PROBE_BIT(PROBE_MMAP);
  bool timed =
      setup->probes & PROBE_BIT(PROBE_SYSCALL) && setup->syscall_latency;
  const struct {
    bool wanted;
    unsigned elements, size;
  } maps[PROBE_MAPS] = {
      [MAP_SYSCALL] = {setup->probes & by_call, shards, syscall_size(setup)},
      [MAP_NAMED] = {timed, shards * setup->named_count,
                     sizeof(struct named_stats)},
      [MAP_SCHED] = {setup->probes & PROBE_BIT(PROBE_RUNQUEUE), shards,
                     sizeof(struct sched_stats)},
      [MAP_BLOCK] = {setup->probes & PROBE_BIT(PROBE_BLOCKIO), 1,
                     sizeof(struct block_stats)},
      [MAP_TCPCONNECT] = {setup->probes & PROBE_BIT(PROBE_TCPCONNECT), 1,
                          sizeof(struct tcpconnect_stats)},
  };
  for (int i = 0; i < PROBE_MAPS; i++) {
    unsigned elements = maps[i].wanted ? maps[i].elements : 0;
    sizes[i] = (struct map_size){elements * setup->slots, maps[i].size};
  }
}

/* A hash map has 48 bytes of its own for each element, and 16 for a list to
 * find it in (kernel/bpf/hashtab.c). */
static uint64_t hash_memory(unsigned entries, unsigned key, unsigned value) {
  return (uint64_t)entries * (48 + key + value + 2 * 16);
}

uint64_t memory_of(const struct probe_setup *setup) {
  struct map_size sizes[PROBE_MAPS];
  uint64_t sum = 0;
  size_results(setup, count_shards(setup), sizes);
  for (int i = 0; i < PROBE_MAPS; i++)
    sum += (uint64_t)sizes[i].entries * sizes[i].size;
  if (setup->probes != 0)
    sum += hash_memory(setup->slots + HEIRS_ROOM, 8, sizeof(struct watched));
  if (setup->probes & PROBE_BIT(PROBE_BLOCKIO))
    sum += hash_memory(IN_FLIGHT_ROOM, 8, 32);
  if (setup->probes & PROBE_BIT(PROBE_TCPCONNECT))
    sum += hash_memory(IN_FLIGHT_ROOM, 8, 32);
  return sum;
}

/* --- whom to watch --- */

int watch_process(struct bpf_programs *programs, uint32_t pid,
                  const struct watched *entry) {
  return bpf_map_update_elem(programs->fds.watch, &pid, entry, BPF_ANY);
}

int unwatch_process(struct bpf_programs *programs, uint32_t pid) {
  return bpf_map_delete_elem(programs->fds.watch, &pid);
}

int commit_watched(struct bpf_programs *programs) {
  uint32_t first = 0, next = programs->epoch + 1;
  int error = bpf_map_update_elem(programs->fds.epoch, &first, &next, BPF_ANY);
  if (error == 0)
    programs->epoch = next;
  return error;
}

/* --- results --- */

int read_results(struct bpf_programs *programs, enum probe_map map,
                 unsigned first, unsigned n, void *out) {
  unsigned elements = programs->state.maps[map].elements;
  unsigned wanted = n * elements, got = wanted;
  uint32_t before = first * elements - 1, after; /* a batch begins behind it */
  uint32_t *keys = malloc(wanted * sizeof(*keys));
  if (keys == NULL)
    return -ENOMEM;
  int error = bpf_map_lookup_batch(programs->fds.results[map],
                                   first == 0 ? NULL : &before, &after, keys,
                                   out, &got, NULL);
  free(keys);
  if (error == -ENOENT) /* the end of the array */
    error = 0;
  return error == 0 && got != wanted ? -EIO : error;
}

/* --- processes that ended --- */

/* Those from `first` on in the ring, which ends before its end. */
static int read_ring(int ring, uint64_t first, struct exit_record *out,
                     unsigned n) {
  uint32_t before = (uint32_t)(first % EXITS) - 1, after, got = n;
  uint32_t *keys = malloc(n * sizeof(*keys));
  if (keys == NULL)
    return -ENOMEM;
  int error = bpf_map_lookup_batch(ring, first % EXITS == 0 ? NULL : &before,
                                   &after, keys, out, &got, NULL);
  free(keys);
  return error != 0 && error != -ENOENT ? error : (int)got;
}

int read_exits(struct bpf_programs *programs, struct exit_record *out,
               unsigned most, uint64_t *lost) {
  uint64_t count, *next = &programs->exits_read;
  uint32_t first = 0;
  int error = bpf_map_lookup_elem(programs->fds.exit_count, &first, &count);
  if (error != 0)
    return error;
  if (count - *next > EXITS) {
    *lost += count - *next - EXITS;
    *next = count - EXITS;
  }
  unsigned n = (unsigned)(count - *next), to_end = EXITS - *next % EXITS;
  n = n < most ? n : most;
  n = n < to_end ? n : to_end;
  int got = n == 0 ? 0 : read_ring(programs->fds.exits, *next, out, n);
  int kept = 0;
  /* Until one that is not written yet: what is in its place is older. */
  for (int i = 0; i < got && out[i].number > *next; i++) {
    if (out[i].number == ++*next)
      out[kept++] = out[i];
    else
      ++*lost; /* overwritten while we read */
  }
  return got < 0 ? got : kept;
}

int read_cells(struct bpf_programs *programs, struct syscall_cells *out) {
  uint32_t first = 0;
  return bpf_map_lookup_elem(programs->fds.cells, &first, out);
}

int read_losses(struct bpf_programs *programs, uint64_t out[PROBE_LOSSES]) {
  for (uint32_t i = 0; i < PROBE_LOSSES; i++) {
    int error = bpf_map_lookup_elem(programs->fds.losses, &i, &out[i]);
    if (error != 0)
      return error;
  }
  return 0;
}

/* --- what it takes --- */

/* A program that serves several probes counts for the first of them. */
static bool counts_for(const struct bpf_programs *programs, int program,
                       enum probe probe) {
  unsigned serves = program_probes(program) & programs->state.probes;
  return programs->program_fds[program] >= 0 && (serves & PROBE_BIT(probe)) &&
         (serves & (PROBE_BIT(probe) - 1)) == 0;
}

void read_cost(struct bpf_programs *programs, enum probe probe,
               struct probe_cost *out) {
  *out = (struct probe_cost){0};
  for (int i = 0; i < PROGRAMS; i++) {
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    if (!counts_for(programs, i, probe) ||
        bpf_obj_get_info_by_fd(programs->program_fds[i], &info, &size) != 0)
      continue;
    out->run_ns += info.run_time_ns;
    out->runs += info.run_cnt;
    out->missed += info.recursion_misses;
  }
}

int count_entries(int map, unsigned room) {
  enum { KEY_MOST = 8, VALUE_MOST = 64 };
  uint32_t next, count = room;
  char *keys = malloc((size_t)room * (KEY_MOST + VALUE_MOST));
  if (keys == NULL)
    return -1;
  int error = bpf_map_lookup_batch(
      map, NULL, &next, keys, keys + (size_t)room * KEY_MOST, &count, NULL);
  free(keys);
  return error == 0 || error == -ENOENT ? (int)count : -1;
}

static uint64_t map_memory(int fd) {
  char path[64], line[128];
  unsigned long long bytes = 0;
  snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
  FILE *info = fopen(path, "re");
  while (info != NULL && fgets(line, sizeof(line), info) != NULL)
    if (sscanf(line, "memlock: %llu", &bytes) == 1)
      break;
  if (info != NULL)
    fclose(info);
  return bytes;
}

uint64_t memory_taken(const struct map_fds *fds) {
  uint64_t bytes = map_memory(fds->watch) + map_memory(fds->requests) +
                   map_memory(fds->connects) + map_memory(fds->exits);
  for (int i = 0; i < PROBE_MAPS; i++)
    bytes += map_memory(fds->results[i]);
  return bytes;
}

void read_fill(struct bpf_programs *programs, int *requests, int *connects) {
  *requests = count_entries(programs->fds.requests, IN_FLIGHT_ROOM);
  *connects = count_entries(programs->fds.connects, IN_FLIGHT_ROOM);
}
