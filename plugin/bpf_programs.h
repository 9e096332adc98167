/* SPDX-License-Identifier: MIT */
/*
 * The BPF module's own rooms: what is loaded (bpf_load.c), and what is asked of
 * it then (bpf_results.c).
 */
#ifndef PROCTRACE_BPF_PROGRAMS_H
#define PROCTRACE_BPF_PROGRAMS_H

#include "bpf_module.h"

#include <bpf/libbpf.h>

/* Every program of bpf/proctrace.bpf.c has one entry in programs_of[]. */
#define PROGRAMS 15

/* Maps besides those of results. */
struct map_fds {
  int watch, epoch, losses, cells, requests, connects, exits, exit_count;
  int results[PROBE_MAPS];
};

struct bpf_programs {
  struct proctrace_bpf *skeleton; /* NULL: pinned by somebody else */
  struct bpf_link *iterator;
  struct bpf_link *links[PROGRAMS];
  int program_fds[PROGRAMS]; /* -1: not there, or not to be seen */
  struct map_fds fds;
  struct probe_setup setup;
  struct probe_state state;
  unsigned shards;
  uint32_t epoch;
  bool threads; /* the iterator tells numbers of each thread */
  char *pins;   /* their directory, where it is pinned; see bpf_pins.h */
  char current[64];
  int lock;
  uint64_t exits_read; /* so many of the records that there ever were */
};

/* How many elements an array of results has, and of what size: none for a probe
 * that is not in setup->probes. */
struct map_size {
  unsigned entries, size;
};
void size_results(const struct probe_setup *setup, unsigned shards,
                  struct map_size sizes[PROBE_MAPS]);

/* A power of two: one for each CPU, if that is allowed. */
unsigned count_shards(const struct probe_setup *setup);

/* Of a program, in the order of links[]: its name, and the probes for which it
 * is loaded. */
const char *program_name(int program);
unsigned program_probes(int program);

/* bpf_load.c and bpf_results.c: what struct bpf_module says. */
struct bpf_programs *open_programs(bool with_threads,
                                   const struct probe_setup *setup,
                                   char *reason, size_t size);
void close_programs(struct bpf_programs *programs);

int watch_process(struct bpf_programs *programs, uint32_t pid,
                  const struct watched *entry);
int unwatch_process(struct bpf_programs *programs, uint32_t pid);
int commit_watched(struct bpf_programs *programs);
uint64_t memory_of(const struct probe_setup *setup);
int read_results(struct bpf_programs *programs, enum probe_map map,
                 unsigned first, unsigned n, void *out);
int read_cells(struct bpf_programs *programs, struct syscall_cells *out);
int read_exits(struct bpf_programs *programs, struct exit_record *out,
               unsigned most, uint64_t *lost);
int read_losses(struct bpf_programs *programs, uint64_t out[PROBE_LOSSES]);
void read_cost(struct bpf_programs *programs, enum probe probe,
               struct probe_cost *out);
/* Of a hash map with so much room, all at once, bucket by bucket: one key after
 * the other would begin anew whenever a key is gone that was just given.  -1:
 * it cannot be had now. */
int count_entries(int map, unsigned room);
void read_fill(struct bpf_programs *programs, int *requests, int *connects);
/* Bytes that the kernel keeps for the maps; all are made as large as they get.
 */
uint64_t memory_taken(const struct map_fds *fds);

/* Room in `watch` for children that no one has seen yet. */
#define HEIRS_ROOM 4096
/* Block requests and TCP handshakes in flight. */
#define IN_FLIGHT_ROOM 8192

#endif
