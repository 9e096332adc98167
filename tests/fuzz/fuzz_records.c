/* SPDX-License-Identifier: MIT */
/*
 * Records of the task iterator, and of processes that ended.
 *
 * After an 'r' the bytes are the records.  Else they describe passes over a
 * world as the kernel shows it: ids ascend, and numbers are the fuzzer's.
 */
#include "fakebpf.h"
#include "memfs.h"

#include "bpf_pass.h"
#include "procfs.h"

#include <stdlib.h>
#include <string.h>

#define PASSES_MOST 6
#define EVERYTHING (GROUP_BASIC * 2u - 1)

struct world {
  struct bpf_pass pass;
  struct snapshot snapshot;
  _Alignas(8) char records[FAKE_RECORDS_SIZE];
};

/* --- any bytes --- */

static void check_text(const char comm[COMM_SIZE]) {
  CHECK(memchr(comm, '\0', COMM_SIZE) != NULL);
}

static void check_snapshot(struct world *world) {
  struct snapshot *snapshot = &world->snapshot;
  CHECK(snapshot->count == world->pass.processes.count);
  for (size_t i = 0; i < snapshot->count; i++) {
    unsigned missing = bpf_pass_reveal(&world->pass, snapshot, i, EVERYTHING);
    const struct task *task = &snapshot->tasks[i];
    CHECK((missing & ~EVERYTHING) == 0);
    CHECK((missing & task->tried) == 0);
    CHECK(task->first_thread + task->threads <= snapshot->thread_count);
    check_text(task->comm);
  }
}

static void end_one(struct world *world, const struct exit_record *record) {
  struct ended ended = {.user = 0};
  bpf_pass_tell_ended(&world->pass, &world->snapshot, record, &ended);
  check_text(ended.task.comm);
  CHECK((ended.task.valid >> COUNTER_COUNT) == 0);
}

static void any_records(struct world *world, struct input input) {
  struct exit_record exit_record = {.user = 0};
  size_t size = left(&input);
  char *records = exact_copy(input.at, size);
  for (int i = 0; i < 2; i++) {
    snapshot_reset(&world->snapshot);
    bpf_pass_begin(&world->pass);
    int status = bpf_pass_take(&world->pass, &world->snapshot, records, size);
    if (status == 0)
      bpf_pass_end(&world->pass, &world->snapshot);
    else
      bpf_pass_drop(&world->pass, &world->snapshot);
    check_snapshot(world);
  }
  memcpy(&exit_record, records,
         size < sizeof(exit_record) ? size : sizeof(exit_record));
  end_one(world, &exit_record);
  free(records);
}

/* --- as the kernel writes them --- */

/* What never falls while it is the same process. */
static void check_growth(const struct bpf_pass *pass) {
  const struct process_list *old = &pass->old_processes,
                            *now = &pass->processes;
  for (size_t i = 0; i < now->count; i++)
    for (size_t j = 0; j < old->count; j++) {
      const struct process_seen *a = &old->processes[j];
      const struct process_seen *b = &now->processes[i];
      if (a->pid != b->pid || a->start != b->start)
        continue;
      CHECK(a->wait <= b->wait);
      CHECK(a->shown.utime + a->shown.stime <= b->shown.utime + b->shown.stime);
    }
}

/* Each thread of a process is told once. */
static void check_threads(const struct world *world) {
  const struct bpf_pass *pass = &world->pass;
  for (size_t i = 0; i < world->snapshot.count && pass->with_threads; i++) {
    const struct task *task = &world->snapshot.tasks[i];
    size_t threads = 0;
    for (size_t t = 0; t < pass->threads.count; t++)
      threads += pass->threads.threads[t].pid == task->pid;
    CHECK(task->threads == threads ||
          !(pass->processes.processes[i].given & GROUP_THREADS));
  }
}

static void passes(struct world *world, struct input input) {
  for (int i = 0; i < PASSES_MOST && left(&input) > 0; i++) {
    size_t length =
        fake_records(&input, world->pass.with_threads, world->records);
    snapshot_reset(&world->snapshot);
    bpf_pass_begin(&world->pass);
    char *records = exact_copy(world->records, length);
    CHECK(bpf_pass_take(&world->pass, &world->snapshot, records, length) == 0);
    free(records);
    bpf_pass_end(&world->pass, &world->snapshot);
    check_growth(&world->pass);
    check_snapshot(world);
    check_threads(world);
  }
}

/* --- both --- */

/* Those whose threads could not be added up are asked of procfs. */
static void begin_procfs(void) {
  static const char files[] =
      "3/stat=3 (a) S 1 3 3 0 -1 0 1 0 0 0 5 6 0 0 20 0 2 0 0 4096 7 0\n\x1e"
      "5/stat=5 (b) Z";
  memfs_begin(true);
  memfs_change((struct input){(const uint8_t *)files,
                              (const uint8_t *)files + sizeof(files) - 1});
}

void fuzz_records(struct input input) {
  static struct world world;
  uint8_t how = take_byte(&input);
  memset(&world, 0, sizeof(world));
  begin_procfs();
  world.snapshot.ticks = 100;
  world.snapshot.thread_limit = SIZE_MAX;
  world.pass = (struct bpf_pass){
      .ticks = 100,
      .page_size = 4096,
      .with_threads = how & 1,
      .procfs = procfs_new(&(struct procfs_options){.root = MEMFS_ROOT}),
  };
  CHECK(world.pass.procfs != NULL);
  if (how / 2 == 'r' / 2)
    any_records(&world, input);
  else
    passes(&world, input);
  world.pass.procfs->free(world.pass.procfs);
  bpf_pass_free(&world.pass);
  snapshot_free(&world.snapshot);
}
