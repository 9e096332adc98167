/* SPDX-License-Identifier: MIT */
#include "fakebpf.h"

#include "histogram.h"
#include "memfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct fake_kernel fake_kernel;

/* --- the arrays --- */

#define MAP(member, elements_, type)                                           \
  { fake_kernel.member, sizeof(fake_kernel.member[0]), elements_, sizeof(type) }
static const struct {
  void *array;
  size_t slot;
  unsigned elements, size;
} maps[PROBE_MAPS] = {
    [MAP_SYSCALL] = MAP(syscalls, FAKE_SHARDS, struct syscall_stats),
    [MAP_NAMED] = MAP(named, FAKE_SHARDS *LATENCY_NAMES, struct named_stats),
    [MAP_SCHED] = MAP(scheds, FAKE_SHARDS, struct sched_stats),
    [MAP_BLOCK] = MAP(blocks, 1, struct block_stats),
    [MAP_TCPCONNECT] = MAP(connects, 1, struct tcpconnect_stats),
};

void fake_begin(void) {
  memset(&fake_kernel, 0, sizeof(fake_kernel));
  fake_kernel.setup.slots = FAKE_SLOTS;
  fake_kernel.state.exits = true;
  for (unsigned i = 0; i < PROBE_MAPS; i++) {
    fake_kernel.state.maps[i].elements = maps[i].elements;
    fake_kernel.state.maps[i].size = maps[i].size;
  }
}

/* The first number that comes gets the first cell. */
static unsigned cell_of(unsigned number) {
  struct syscall_cells *cells = &fake_kernel.cells;
  if (number >= SYSCALL_NUMBERS)
    return CELL_OTHER;
  unsigned cell = cells->cell[number];
  if (cell == 0 && cells->used < SYSCALL_CELLS - CELL_FIRST) {
    cell = CELL_FIRST + cells->used++;
    cells->cell[number] = (uint8_t)cell;
    cells->number[cell] = (uint16_t)number;
  }
  return cell < SYSCALL_CELLS ? cell : CELL_OTHER;
}

static void call(unsigned slot, unsigned shard, unsigned number, uint64_t ns) {
  struct syscall_stats *stats = &fake_kernel.syscalls[slot][shard];
  struct syscall_cell *cell = &stats->cells[cell_of(number)];
  cell->calls++;
  cell->ns += ns;
  stats->buckets[histogram_index(ns)]++;
}

static void request(unsigned slot, unsigned operation, uint64_t ns) {
  struct block_operation *of = &fake_kernel.blocks[slot].of[operation];
  of->requests++;
  of->ns += ns;
  of->buckets[histogram_index(ns)]++;
}

void fake_event(enum latency kind, unsigned slot, unsigned shard,
                unsigned number, uint64_t ns) {
  unsigned bucket = histogram_index(ns);
  switch (kind) {
  case LATENCY_SYSCALL:
    call(slot, shard, number, ns);
    break;
  case LATENCY_RUNQUEUE:
    fake_kernel.scheds[slot][shard].waits++;
    fake_kernel.scheds[slot][shard].buckets[bucket]++;
    break;
  case LATENCY_BLOCKIO_READ:
    request(slot, BLOCK_READ, ns);
    break;
  case LATENCY_BLOCKIO_WRITE:
    request(slot, BLOCK_WRITE, ns);
    break;
  case LATENCY_TCPCONNECT:
    fake_kernel.connects[slot].timed++;
    fake_kernel.connects[slot].failed[number % ERRNOS]++;
    fake_kernel.connects[slot].buckets[bucket]++;
    break;
  default:
    fake_kernel.named[slot][shard][0].buckets[bucket]++;
  }
}

/* --- records --- */

static uint64_t take_small(struct input *input) {
  return take_bytes(input, take_byte(input) % 7u);
}

static struct raw_cputime take_cputime(struct input *input) {
  return (struct raw_cputime){
      .utime = take_small(input),
      .stime = take_small(input),
      .runtime = take_small(input),
      .shown_utime = take_small(input),
      .shown_stime = take_small(input),
  };
}

void fake_process_numbers(struct input *input, struct process_record *process) {
  *process = (struct process_record){
      .parent = take_byte(input),
      .kernel_pid = take_byte(input),
      .flags = (uint32_t)take_bytes(input, 4),
      .threads = take_byte(input),
      .states = {take_byte(input), take_byte(input)},
      .files = take_small(input),
      .files_limit = take_number(input),
      .cpu = take_cputime(input),
      .minflt = take_small(input),
      .voluntary = take_small(input),
      .reaped_minflt = take_small(input),
      .rchar = take_small(input),
      .vm = take_small(input),
      .rss = (int64_t)take_small(input),
  };
  /* Some fill it without an end. */
  memset(process->comm, 'a' + process->parent % 3,
         process->parent % 2 ? 1 : sizeof(process->comm));
}

static char *append(char *at, const void *part, size_t size) {
  memcpy(at, part, size);
  return at + size;
}

/* A thread of the last leader, of one to come, or a leader itself. */
static char *take_record(struct input *input, bool with_threads, uint32_t *tid,
                         uint32_t *leader, char *at) {
  uint8_t kind = take_byte(input);
  *tid += 1 + take_byte(input) % 4u;
  if (kind % 3 == 0)
    *leader = *tid;
  struct task_record head = {
      .has = take_byte(input) & (HAS_WAIT | HAS_IO | HAS_MEMORY | HAS_FILES |
                                 HAS_EXACT_RSS | HAS_SUMS),
      .tid = *tid,
      .pid = kind % 3 == 2 ? *tid + 1 + kind / 3 % 4u : *leader,
      .state = take_byte(input) % 12u,
      .start = take_byte(input) % 4u * UINT64_C(1000000000),
      .wait = take_small(input),
  };
  head.has |= head.pid == head.tid ? HAS_PROCESS : 0;
  head.has |= with_threads ? HAS_THREAD : 0;
  at = append(at, &head, sizeof(head));
  if (head.has & HAS_PROCESS) {
    struct process_record process;
    fake_process_numbers(input, &process);
    at = append(at, &process, sizeof(process));
  }
  if (head.has & HAS_THREAD) {
    struct thread_numbers numbers = {.cpu = take_cputime(input)};
    memset(numbers.comm, 'y', sizeof(numbers.comm));
    at = append(at, &numbers, sizeof(numbers));
  }
  return at;
}

size_t fake_records(struct input *input, bool with_threads, char *out) {
  uint32_t tid = 0, leader = 1;
  char *at = out;
  for (unsigned n = take_byte(input) % FAKE_RECORDS; n > 0 && left(input) > 0;
       n--)
    at = take_record(input, with_threads, &tid, &leader, at);
  return (size_t)(at - out);
}

/* --- the module --- */

static struct bpf_programs *fake_open(bool with_threads,
                                      const struct probe_setup *setup,
                                      char *reason, size_t reason_size) {
  (void)reason, (void)reason_size;
  CHECK(setup->slots >= 1 && setup->slots <= FAKE_SLOTS);
  fake_kernel.with_threads = with_threads;
  fake_kernel.setup = *setup;
  fake_kernel.state.probes = setup->probes;
  return (struct bpf_programs *)&fake_kernel;
}

static bool fake_with_threads(const struct bpf_programs *programs) {
  (void)programs;
  return fake_kernel.with_threads;
}

static const struct probe_setup *
fake_setup(const struct bpf_programs *programs) {
  (void)programs;
  return &fake_kernel.setup;
}

static const struct probe_state *
fake_probes(const struct bpf_programs *programs) {
  (void)programs;
  return &fake_kernel.state;
}

/* The file "tasks" says what the kernel will write. */
static int fake_begin_pass(struct bpf_programs *programs) {
  static _Alignas(8) char records[FAKE_RECORDS_SIZE];
  struct input tasks;
  int error = memfs_content("tasks", &tasks);
  (void)programs;
  if (error != 0)
    return -error;
  memfs_put("records", records,
            fake_records(&tasks, fake_kernel.with_threads, records));
  return open(MEMFS_ROOT "/records", O_RDONLY | O_CLOEXEC);
}

static uint64_t fake_memory_of(const struct probe_setup *setup) {
  return (uint64_t)setup->slots * setup->shards_most * 4096;
}

static int fake_watch(struct bpf_programs *programs, uint32_t pid,
                      const struct watched *entry) {
  struct input ignored;
  unsigned i = 0;
  (void)programs;
  CHECK(entry->slot > 0 && entry->slot < fake_kernel.setup.slots);
  CHECK(entry->heirs == SLOT_NONE ||
        (entry->heirs > 0 && entry->heirs < fake_kernel.setup.slots));
  while (i < fake_kernel.watched_count && fake_kernel.watched[i].pid != pid)
    i++;
  if (i == FAKE_WATCHED)
    return -E2BIG;
  if (memfs_content("watch", &ignored) == EIO)
    return -EIO;
  fake_kernel.watched_count += i == fake_kernel.watched_count;
  fake_kernel.watched[i].pid = pid;
  fake_kernel.watched[i].entry = *entry;
  return 0;
}

static int fake_unwatch(struct bpf_programs *programs, uint32_t pid) {
  (void)programs;
  for (unsigned i = 0; i < fake_kernel.watched_count; i++)
    if (fake_kernel.watched[i].pid == pid) {
      fake_kernel.watched[i] = fake_kernel.watched[--fake_kernel.watched_count];
      return 0;
    }
  return -ENOENT;
}

static int fake_commit(struct bpf_programs *programs) {
  (void)programs;
  return 0;
}

static int fake_read(struct bpf_programs *programs, enum probe_map map,
                     unsigned first, unsigned n, void *out) {
  struct input ignored;
  (void)programs;
  CHECK(first + n <= fake_kernel.setup.slots);
  if (memfs_content("maps", &ignored) == EIO)
    return -EIO;
  memcpy(out, (char *)maps[map].array + first * maps[map].slot,
         n * maps[map].slot);
  return 0;
}

static int fake_read_cells(struct bpf_programs *programs,
                           struct syscall_cells *out) {
  (void)programs;
  *out = fake_kernel.cells;
  return 0;
}

/* The file "exits": of each process that ended its pid, then its numbers. */
static int fake_read_exits(struct bpf_programs *programs,
                           struct exit_record *out, unsigned most,
                           uint64_t *lost) {
  struct input exits;
  unsigned n = 0;
  (void)programs;
  if (memfs_content("exits", &exits) != 0)
    return 0;
  *lost += left(&exits) > 200;
  for (; n < most && left(&exits) > 0; n++) {
    out[n] = (struct exit_record){.head.pid = take_byte(&exits),
                                  .head.has = HAS_IO | HAS_SUMS};
    out[n].head.start = take_byte(&exits) % 4u * UINT64_C(1000000000);
    fake_process_numbers(&exits, &out[n].process);
  }
  memfs_remove("exits"); /* each once */
  return (int)n;
}

static int fake_read_losses(struct bpf_programs *programs,
                            uint64_t out[PROBE_LOSSES]) {
  (void)programs;
  memset(out, 0, PROBE_LOSSES * sizeof(*out));
  return 0;
}

static void fake_read_cost(struct bpf_programs *programs, enum probe probe,
                           struct probe_cost *out) {
  (void)programs;
  *out = (struct probe_cost){.run_ns = 5, .runs = probe};
}

static void fake_read_fill(struct bpf_programs *programs, int *requests,
                           int *connects) {
  (void)programs;
  *requests = *connects = 1;
}

static bool fake_syscall_name(int number, char *out, size_t size) {
  snprintf(out, size, "nr%d", number);
  return true;
}

/* "nr7" is 7. */
static int fake_syscall_number(const char *name) {
  int number;
  return sscanf(name, "nr%d", &number) == 1 ? number : -1;
}

static void fake_close(struct bpf_programs *programs) { (void)programs; }

const struct bpf_module fake_module = {
    .abi = PROCTRACE_ABI,
    .open = fake_open,
    .with_threads = fake_with_threads,
    .setup = fake_setup,
    .begin_pass = fake_begin_pass,
    .probes = fake_probes,
    .memory_of = fake_memory_of,
    .watch = fake_watch,
    .unwatch = fake_unwatch,
    .commit = fake_commit,
    .read = fake_read,
    .read_cells = fake_read_cells,
    .read_exits = fake_read_exits,
    .read_losses = fake_read_losses,
    .read_cost = fake_read_cost,
    .read_fill = fake_read_fill,
    .syscall_name = fake_syscall_name,
    .syscall_number = fake_syscall_number,
    .close = fake_close,
};
