/* SPDX-License-Identifier: MIT
 *
 * rounds N ROUNDS
 * The plugin's procfs source alone, with the default field groups, and its BPF
 * source with selection and ledger, all that there is of a sample but its
 * dispatch, beside the floor that the kernel sets. Round after round each reads
 * all processes, so that whatever else the machine does hits all alike. Prints
 * for each the median of µs of CPU time for a process, and the median of how
 * many times that of the floor in the same round, as lines of the bench's
 * results.
 *
 * The floor is a process of its own: one with threads, as the source has them,
 * pays more for each system call.
 */
#include "bpf_source.h"
#include "floor.h"
#include "log.h"
#include "measure.h"
#include "procfs.h"
#include "select.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPARE_DESCRIPTORS = 100 };

#define GROUPS                                                                 \
  (GROUP_BASIC | GROUP_STATE | GROUP_MEMORY | GROUP_CPU |                      \
   GROUP_CONTEXTSWITCH | GROUP_IO | GROUP_FILES | GROUP_SCHED)

/* Reads everything of all processes; returns their number. */
static long source_all(struct source *source) {
  static struct snapshot snapshot;
  static size_t *all, capacity;
  snapshot_reset(&snapshot);
  if (source->scan(source, &snapshot) != 0)
    exit(1);
  if (snapshot.count > capacity) {
    capacity = snapshot.count * 2;
    all = realloc(all, capacity * sizeof(*all));
    if (all == NULL)
      exit(1);
    for (size_t i = 0; i < capacity; i++)
      all[i] = i;
  }
  source->detail(source, &snapshot, all, snapshot.count, GROUPS);
  return (long)snapshot.count;
}

/* The same, up to the values of one group of all. */
static long source_selected(struct source *source) {
  static struct snapshot snapshot;
  static char name[] = "all";
  static struct rule rule = {.name = name};
  static struct selection *selection;
  if (selection == NULL)
    selection =
        selection_new(&(struct selection_options){.rules = &rule,
                                                  .rule_count = 1,
                                                  .max_processes = INT_MAX,
                                                  .look_ms = INT_MAX});
  snapshot_reset(&snapshot);
  if (selection == NULL || source->scan(source, &snapshot) != 0 ||
      selection_update(selection, source, &snapshot) != 0)
    exit(1);
  source->detail(source, &snapshot, selection->watched,
                 selection->watched_count, GROUPS);
  ledger_update(selection, &snapshot);
  return (long)snapshot.count;
}

static struct source *source_of(long descriptors) {
  struct procfs_options options = {.root = "/proc",
                                   .max_descriptors = (unsigned)descriptors,
                                   .interval_ms = 10000};
  struct source *source = procfs_new(&options);
  if (source == NULL)
    exit(1);
  return source;
}

/* NULL where there is none. */
static struct source *bpf_source_of(const char *module) {
  char path[PATH_MAX], reason[512];
  struct source *procfs = source_of(0);
  struct bpf_source_options options = {.module = path, .root = "/proc"};
  struct source *source =
      realpath(module, path) == NULL
          ? NULL
          : bpf_source_new(&options, procfs, reason, sizeof(reason));
  if (source == NULL)
    procfs->free(procfs);
  return source;
}

/* The floor's process: on request it does one round. */
struct server {
  int to, from;
};

struct answer {
  double us;
  long processes;
};

static _Noreturn void serve(int requests, int answers) {
  long (*floor)(void);
  while (read(requests, &floor, sizeof(floor)) == sizeof(floor)) {
    double start = own_cpu_us();
    struct answer answer = {.processes = floor()};
    answer.us = own_cpu_us() - start;
    if (write(answers, &answer, sizeof(answer)) != sizeof(answer))
      break;
  }
  _exit(0);
}

static struct server server_new(void) {
  int requests[2], answers[2];
  if (pipe(requests) != 0 || pipe(answers) != 0)
    exit(1);
  pid_t pid = fork();
  if (pid < 0)
    exit(1);
  if (pid == 0) {
    close(requests[1]);
    serve(requests[0], answers[1]);
  }
  return (struct server){.to = requests[1], .from = answers[0]};
}

static struct answer floor_round(const struct server *server,
                                 long (*floor)(void)) {
  struct answer answer;
  if (write(server->to, &floor, sizeof(floor)) != sizeof(floor) ||
      read(server->from, &answer, sizeof(answer)) != sizeof(answer))
    exit(1);
  return answer;
}

/* Either a floor or a source and what is done with it. */
struct way {
  const char *name;
  long (*floor)(void);
  long (*with_source)(struct source *source);
  struct source *source;
  double us[SAMPLES_LIMIT], times[SAMPLES_LIMIT];
};

/* A source may not be there. */
static bool is_there(const struct way *way) {
  return way->source != NULL || way->floor != NULL;
}

static struct answer round_of(const struct way *way,
                              const struct server *server) {
  if (way->source == NULL)
    return floor_round(server, way->floor);
  double start = own_cpu_us();
  struct answer answer = {.processes = way->with_source(way->source)};
  answer.us = own_cpu_us() - start;
  return answer;
}

/* One after the other, so often; returns the number of processes. */
static long run(struct way *ways, int count, int rounds,
                const struct way *reference, const struct server *server) {
  struct answer answer = {0};
  for (int i = -1; i < rounds; i++) { /* the first one only warms up */
    for (int w = 0; w < count; w++) {
      if (!is_there(&ways[w]))
        continue;
      answer = round_of(&ways[w], server);
      if (i < 0)
        continue;
      ways[w].us[i] = answer.us / (double)answer.processes;
      ways[w].times[i] = ways[w].us[i] / reference->us[i];
    }
  }
  return answer.processes;
}

static void tell(struct way *way, const char *n, int rounds, long processes) {
  if (!is_there(way))
    return;
  printf("%s %s us %.3f\n", way->name, n, median(way->us, rounds));
  printf("%s %s times %.3f\n", way->name, n, median(way->times, rounds));
  printf("%s %s all %ld\n", way->name, n, processes);
}

int main(int argc, char **argv) {
  int rounds = samples_of(argc, 3, argv);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  long budget = (long)files.rlim_cur - SPARE_DESCRIPTORS;

  static struct way ways[] = {
      {.name = "floor", .floor = floor_open},
      {.name = "source", .with_source = source_all},
      {.name = "source-kept", .with_source = source_all},
      {.name = "source-bpf", .with_source = source_selected},
      {.name = "floor-stat", .floor = floor_stat},
      {.name = "floor-kept", .floor = floor_kept}};
  struct server server = server_new();
  int count = floor_stat() * FLOOR_DESCRIPTORS < budget ? 6 : 5;
  ways[1].source = source_of(0);
  ways[2].source = source_of(budget);
  ways[3].source = bpf_source_of(".libs/proctrace_bpf.so");
  /* Once more with nothing between that drives it out of the caches. */
  struct way warm = {.name = "source-bpf-warm",
                     .with_source = source_selected,
                     .source = ways[3].source};
  long processes = run(ways, count, rounds, &ways[0], &server);
  run(&warm, 1, rounds, &ways[0], &server);
  close(server.to); /* which ends it */
  for (int w = 0; w < count; w++)
    tell(&ways[w], argv[1], rounds, processes);
  tell(&warm, argv[1], rounds, processes);
  for (int w = 0; w < count; w++)
    if (ways[w].source != NULL)
      ways[w].source->free(ways[w].source);
  wait(NULL);
  return 0;
}
