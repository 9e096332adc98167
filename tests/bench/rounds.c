/* SPDX-License-Identifier: MIT
 *
 * rounds N ROUNDS
 * The plugin's procfs source alone, with the default field groups, beside the
 * floor that the kernel sets. Round after round each reads all processes, so
 * that whatever else the machine does hits all alike. Prints for each the
 * median of µs of CPU time for a process, and the median of how many times that
 * of the floor in the same round, as lines of the bench's results.
 *
 * The floor is a process of its own: one with threads, as the source has them,
 * pays more for each system call.
 */
#include "floor.h"
#include "log.h"
#include "measure.h"
#include "procfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPARE_DESCRIPTORS = 100 };

void log_line(enum log_level level, const char *format, ...) {
  (void)level;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

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
  source->detail(source, &snapshot, all, snapshot.count,
                 GROUP_BASIC | GROUP_STATE | GROUP_MEMORY | GROUP_CPU |
                     GROUP_CONTEXTSWITCH | GROUP_IO | GROUP_FILES |
                     GROUP_SCHED);
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

static struct answer source_round(struct source *source) {
  double start = own_cpu_us();
  struct answer answer = {.processes = source_all(source)};
  answer.us = own_cpu_us() - start;
  return answer;
}

/* Either a floor or a source. */
struct way {
  const char *name;
  long (*floor)(void);
  struct source *source;
  double us[SAMPLES_LIMIT], times[SAMPLES_LIMIT];
};

int main(int argc, char **argv) {
  int rounds = samples_of(argc, 3, argv);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  long budget = (long)files.rlim_cur - SPARE_DESCRIPTORS;

  static struct way ways[] = {{.name = "floor", .floor = floor_open},
                              {.name = "source"},
                              {.name = "source-kept"},
                              {.name = "floor-stat", .floor = floor_stat},
                              {.name = "floor-kept", .floor = floor_kept}};
  struct server server = server_new();
  int count = floor_stat() * FLOOR_DESCRIPTORS < budget ? 5 : 4;
  ways[1].source = source_of(0);
  ways[2].source = source_of(budget);
  struct answer answer = {0};
  for (int i = -1; i < rounds; i++) { /* the first one only warms up */
    for (int w = 0; w < count; w++) {
      struct way *way = &ways[w];
      answer = way->source != NULL ? source_round(way->source)
                                   : floor_round(&server, way->floor);
      if (i >= 0) {
        way->us[i] = answer.us / (double)answer.processes;
        way->times[i] = way->us[i] / ways[0].us[i];
      }
    }
  }
  close(server.to); /* which ends it */
  for (int w = 0; w < count; w++) {
    struct way *way = &ways[w];
    printf("%s %s us %.3f\n", way->name, argv[1], median(way->us, rounds));
    printf("%s %s times %.3f\n", way->name, argv[1],
           median(way->times, rounds));
    printf("%s %s all %ld\n", way->name, argv[1], answer.processes);
    if (way->source != NULL)
      way->source->free(way->source);
  }
  wait(NULL);
  return 0;
}
