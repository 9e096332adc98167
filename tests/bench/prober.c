/* SPDX-License-Identifier: MIT
 *
 * prober MODULE
 * The plugin's probes without the plugin. Lines that are read, each with one
 * line of answer; what fails is answered with "- <reason>":
 *
 *   open WORD...  load probes; a WORD is one of their names, "latency" (of
 *                 system calls) or "host". Answers ms.
 *   watch PID     and its children; answers how many processes these are
 *   count EVENT   how many events (of events.c) of watched processes are
 * counted memory        of all maps, and the bound that was promised; bytes
 *   close         Answers ms.
 */
#include "bpf_loader.h"
#include "log.h"
#include "metrics.h"
#include "probes_plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The plugin's defaults. */
enum { MAX_PROCESSES = 1000, PROBE_MEMORY = 32 };

static const struct bpf_module *module;
static struct bpf_programs *programs;
static struct probe_setup setup;
static unsigned watched;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- open and close --- */

static unsigned probe_of(const char *name) {
  for (unsigned i = 0; i < PROBES; i++)
    if (strcmp(name, probe_names[i]) == 0)
      return i;
  exit(2);
}

static void plan(char *words) {
  struct probe_options options = {.memory_mib = PROBE_MEMORY};
  bool host = false;
  for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
    if (strcmp(word, "latency") == 0)
      options.syscall_latency = true;
    else if (strcmp(word, "host") == 0)
      host = true;
    else
      options.wanted |= PROBE_BIT(probe_of(word));
  options.host = host ? options.wanted : 0;
  probes_plan(&options, module, MAX_PROCESSES, 0, &setup);
}

static void close_probes(char *unused) {
  (void)unused;
  double start = now_ms();
  if (programs != NULL)
    module->close(programs);
  programs = NULL;
  watched = 0;
  printf("%.2f\n", now_ms() - start);
}

static void open_probes(char *words) {
  char reason[512];
  plan(words);
  double start = now_ms();
  programs = module->open(false, &setup, reason, sizeof(reason));
  double ms = now_ms() - start;
  if (programs == NULL) {
    printf("- %s\n", reason);
    return;
  }
  const struct probe_state *state = module->probes(programs);
  for (int i = 0; i < PROBES; i++)
    if (setup.probes & ~state->probes & PROBE_BIT(i)) {
      printf("- %s: %s\n", probe_names[i], state->reason[i]);
      module->close(programs);
      programs = NULL;
      return;
    }
  printf("%.2f\n", ms);
}

/* --- watch --- */

static int watch(const struct task_record *task,
                 const struct process_record *process) {
  struct watched entry = {.start =
                              task->start - (uint64_t)process->start_offset,
                          .slot = watched + 1,
                          .heirs = SLOT_NONE};
  if (entry.slot >= setup.slots)
    return -ENOSPC;
  int error = module->watch(programs, process->kernel_pid, &entry);
  if (error == 0)
    watched++;
  return error;
}

/* One pass over all tasks; those of the family are watched, if there is one.
 * Returns 0 or a negative errno. */
static int pass(uint32_t family) {
  static _Alignas(8) char buffer[1 << 16];
  int fd = module->begin_pass(programs);
  if (fd < 0)
    return fd;
  int error = 0;
  for (ssize_t size; (size = read(fd, buffer, sizeof(buffer))) != 0;) {
    if (size < 0 && errno == EAGAIN)
      continue;
    if (size < 0) {
      error = -errno;
      break;
    }
    for (const char *at = buffer; at < buffer + size;) {
      const struct task_record *task = (const void *)at;
      const struct process_record *process = (const void *)(task + 1);
      bool belongs = (task->has & HAS_PROCESS) &&
                     (task->pid == family || process->parent == family);
      if (belongs && family != 0 && error == 0)
        error = watch(task, process);
      at += sizeof(*task);
      at += task->has & HAS_PROCESS ? sizeof(*process) : 0;
      at += task->has & HAS_THREAD ? sizeof(struct thread_numbers) : 0;
    }
  }
  close(fd);
  return error;
}

/* The second pass is what the plugin does each interval: it gives the threads
 * their storage. */
static void watch_family(char *pid) {
  int error = pass((uint32_t)atol(pid));
  if (error == 0)
    error = module->commit(programs);
  if (error == 0)
    error = pass(0);
  if (error != 0)
    printf("- %s\n", strerror(-error));
  else
    printf("%u\n", watched);
}

/* --- count --- */

static uint64_t syscalls(const void *element) {
  const struct syscall_stats *stats = element;
  uint64_t calls = 0;
  for (int i = 0; i < SYSCALL_CELLS; i++)
    calls += stats->cells[i].calls;
  return calls;
}

static uint64_t mmaps(const void *element) {
  return ((const struct syscall_stats *)element)->mmaps;
}

static uint64_t wakeups(const void *element) {
  return ((const struct sched_stats *)element)->wakeups / 2;
}

static uint64_t reads(const void *element) {
  return ((const struct block_stats *)element)->of[BLOCK_READ].requests;
}

static const struct counter {
  const char *event;
  enum probe probe;
  enum probe_map map;
  uint64_t (*of)(const void *element);
} counters[] = {{"syscalls", PROBE_SYSCALL, MAP_SYSCALL, syscalls},
                {"shared", PROBE_SYSCALL, MAP_SYSCALL, syscalls},
                {"mmaps", PROBE_MMAP, MAP_SYSCALL, mmaps},
                {"rounds", PROBE_RUNQUEUE, MAP_SCHED, wakeups},
                {"reads", PROBE_BLOCKIO, MAP_BLOCK, reads}};

static const struct counter *counter_of(const char *event) {
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
    if (strcmp(counters[i].event, event) == 0 &&
        setup.probes & PROBE_BIT(counters[i].probe))
      return &counters[i];
  return NULL;
}

static void count_events(char *event) {
  const struct counter *counter = counter_of(event);
  if (counter == NULL) {
    puts("- no probe counts that");
    return;
  }
  unsigned elements = module->probes(programs)->maps[counter->map].elements;
  unsigned size = module->probes(programs)->maps[counter->map].size;
  char *stats = calloc((size_t)watched * elements, size);
  if (stats == NULL)
    exit(1);
  int error = module->read(programs, counter->map, 1, watched, stats);
  uint64_t count = 0;
  for (size_t i = 0; i < (size_t)watched * elements; i++)
    count += counter->of(stats + i * size);
  free(stats);
  if (error != 0)
    printf("- %s\n", strerror(-error));
  else
    printf("%llu\n", (unsigned long long)count);
}

static void show_memory(char *unused) {
  (void)unused;
  printf("%llu %llu\n", (unsigned long long)module->probes(programs)->memory,
         (unsigned long long)module->memory_of(&setup));
}

/* --- questions and answers --- */

static const struct command {
  const char *name;
  void (*run)(char *arguments);
  bool needs_programs;
} commands[] = {{"open", open_probes, false},
                {"watch", watch_family, true},
                {"count", count_events, true},
                {"memory", show_memory, true},
                {"close", close_probes, false}};

static void run(char *line) {
  char *arguments = line + strcspn(line, " ");
  if (*arguments != '\0')
    *arguments++ = '\0';
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
    if (strcmp(line, commands[i].name) != 0)
      continue;
    if (commands[i].needs_programs && programs == NULL)
      puts("- nothing is open");
    else
      commands[i].run(arguments);
    return;
  }
  exit(2);
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  char reason[512], line[200];
  module = bpf_loader_open(argv[1], reason, sizeof(reason));
  while (fgets(line, sizeof(line), stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (module != NULL)
      run(line);
    else
      printf("- %s\n", reason);
    fflush(stdout);
  }
  if (programs != NULL)
    module->close(programs);
  return 0;
}
