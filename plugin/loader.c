/* SPDX-License-Identifier: MIT */
/*
 * proctrace-bpf: loads the BPF programs and goes, so that collectd needs no
 * privilege.  What stays is pinned (bpf_pins.h).
 */
#include "bpf_pins.h"
#include "bpf_programs.h"
#include "log.h"
#include "metrics.h"
#include "probes_plan.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, IN_PART = 3 };

extern const struct bpf_module proctrace_bpf_module;

struct request {
  const char *directory, *group;
  struct probe_options probes;
  unsigned processes;
  bool threads, json;
};

static const char usage[] =
    "usage: proctrace-bpf load [OPTION...] | unload [--pin DIR] |\n"
    "                     status [--pin DIR] [--json]\n"
    "\n"
    "Loads proctrace's BPF programs and pins them, so that a collectd without\n"
    "any privilege reads them (option PinPath of its plugin proctrace).\n"
    "\n"
    "  --pin DIR            on a BPF file system [" PINS_DEFAULT "]\n"
    "  --json               status as JSON\n"
    "of load:\n"
    "  --group NAME|GID     may read them, and say whom to watch [collectd]\n"
    "  --probes LIST        of syscall, runqueue, blockio, tcpconnect, mmap\n"
    "                       [all five], or the word none: the task iterator\n"
    "                       alone\n"
    "  --max-processes N    watched at a time [1000]\n"
    "  --memory MIB         bound of the memory for results [32]\n"
    "  --count-only         of system calls, no latency\n"
    "  --latency-of LIST    system calls with a latency of their own, up to 4\n"
    "  --host LIST          of syscall, runqueue: of the whole host as well\n"
    "  --threads            numbers of each thread (option PerThread)\n"
    "\n"
    "Lists are parted by commas. Exit status: 0 done, 1 failed, 2 wrong "
    "usage,\n"
    "3 loaded, but for a probe that the kernel refused.\n";

/* --- arguments --- */

#define ALL_PROBES (PROBE_BIT(PROBES) - 1)
/* Block I/O is told of the host in any case; connects and mmap never are. */
#define HOST_PROBES (PROBE_BIT(PROBE_SYSCALL) | PROBE_BIT(PROBE_RUNQUEUE))

static bool read_probes(char *list, const char *option, unsigned possible,
                        unsigned *out) {
  *out = 0;
  if (strcmp(list, "none") == 0)
    return true;
  for (char *name = strtok(list, ","); name != NULL; name = strtok(NULL, ",")) {
    enum probe i = 0;
    while (i < PROBES &&
           !(possible & PROBE_BIT(i) && strcmp(name, probe_names[i]) == 0))
      i++;
    if (i == PROBES) {
      log_error("%s %s: there are syscall, runqueue%s", option, name,
                possible == ALL_PROBES ? ", blockio, tcpconnect and mmap" : "");
      return false;
    }
    *out |= PROBE_BIT(i);
  }
  return true;
}

static bool read_names(char *list, struct probe_options *probes) {
  for (char *name = strtok(list, ","); name != NULL; name = strtok(NULL, ",")) {
    if (proctrace_bpf_module.syscall_number(name) < 0) {
      log_error("--latency-of %s: this machine has no such system call", name);
      return false;
    }
    if (probes->latency_of_count == LATENCY_NAMES) {
      log_error("--latency-of: at most %d system calls", LATENCY_NAMES);
      return false;
    }
    probes->latency_of[probes->latency_of_count++] = name;
  }
  return true;
}

static bool read_number(const char *text, const char *option, unsigned most,
                        unsigned *out) {
  char *end;
  errno = 0;
  unsigned long number = strtoul(text, &end, 10);
  if (errno == 0 && end != text && *end == '\0' && text[0] != '-' &&
      number >= 1 && number <= most) {
    *out = (unsigned)number;
    return true;
  }
  log_error("%s %s: want a number from 1 to %u", option, text, most);
  return false;
}

enum option_id {
  OPTION_HELP = 'h',
  OPTION_PIN = 256,
  OPTION_JSON,
  OPTION_GROUP,
  OPTION_PROBES,
  OPTION_PROCESSES,
  OPTION_MEMORY,
  OPTION_COUNT_ONLY,
  OPTION_LATENCY_OF,
  OPTION_HOST,
  OPTION_THREADS,
};

static const struct option options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"pin", required_argument, NULL, OPTION_PIN},
    {"json", no_argument, NULL, OPTION_JSON},
    {"group", required_argument, NULL, OPTION_GROUP},
    {"probes", required_argument, NULL, OPTION_PROBES},
    {"max-processes", required_argument, NULL, OPTION_PROCESSES},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"count-only", no_argument, NULL, OPTION_COUNT_ONLY},
    {"latency-of", required_argument, NULL, OPTION_LATENCY_OF},
    {"host", required_argument, NULL, OPTION_HOST},
    {"threads", no_argument, NULL, OPTION_THREADS},
    {0},
};

static bool read_option(int option, struct request *request) {
  switch (option) {
  case OPTION_PIN:
    if (optarg[0] != '/')
      log_error("--pin %s: want an absolute path", optarg);
    request->directory = optarg;
    return optarg[0] == '/';
  case OPTION_JSON:
    return request->json = true;
  case OPTION_GROUP:
    request->group = optarg;
    return true;
  case OPTION_PROBES:
    return read_probes(optarg, "--probes", ALL_PROBES, &request->probes.wanted);
  case OPTION_PROCESSES:
    return read_number(optarg, "--max-processes", 1000000, &request->processes);
  case OPTION_MEMORY:
    return read_number(optarg, "--memory", 65536, &request->probes.memory_mib);
  case OPTION_COUNT_ONLY:
    request->probes.syscall_latency = false;
    return true;
  case OPTION_LATENCY_OF:
    return read_names(optarg, &request->probes);
  case OPTION_HOST:
    return read_probes(optarg, "--host", HOST_PROBES, &request->probes.host);
  case OPTION_THREADS:
    return request->threads = true;
  default:
    return false;
  }
}

/* --- load --- */

/* By name, or by number: in a container the host's groups have no names. */
static bool find_group(const char *name, gid_t *out) {
  const struct group *group = getgrnam(name);
  char *end;
  errno = 0;
  unsigned long number = strtoul(name, &end, 10);
  if (group != NULL)
    *out = group->gr_gid;
  else if (isdigit((unsigned char)name[0]) && *end == '\0' && errno == 0 &&
           number < (gid_t)-1)
    *out = (gid_t)number;
  else {
    log_error("there is no group %s; make it (groupadd --system %s) or name "
              "another with --group",
              name, name);
    return false;
  }
  return true;
}

/* The group has to get there: systemd closes /sys/fs/bpf to all but root. */
static void check_way(const char *directory, gid_t group) {
  char path[512];
  struct stat info;
  snprintf(path, sizeof(path), "%s", directory);
  for (char *end = strrchr(path, '/'); end != NULL && end != path;
       end = strrchr(path, '/')) {
    *end = '\0';
    if (stat(path, &info) == 0 && !(info.st_mode & S_IXOTH) &&
        !(info.st_gid == group && info.st_mode & S_IXGRP))
      log_warning("%s lets only its owner and group through, and so no "
                  "collectd that is an ordinary user; chgrp %u %s && chmod "
                  "g+x %s opens the way to the group of the pins",
                  path, (unsigned)group, path, path);
  }
}

/* Those that were wanted and do not run; how many. */
static unsigned say_refused(const struct probe_setup *setup,
                            const struct bpf_programs *programs) {
  unsigned refused = 0;
  for (enum probe i = 0; i < PROBES; i++) {
    if (!(setup->probes & ~programs->state.probes & PROBE_BIT(i)))
      continue;
    log_error("the probe %s does not run: %s", probe_names[i],
              programs->state.reason[i]);
    refused++;
  }
  return refused;
}

static int load(struct request *request) {
  char reason[512];
  gid_t group;
  struct probe_setup setup;
  if (!find_group(request->group, &group))
    return FAILED;
  probes_plan(&request->probes, &proctrace_bpf_module, request->processes, 0,
              &setup);
  struct bpf_programs *programs =
      open_programs(request->threads, &setup, reason, sizeof(reason));
  if (programs == NULL) {
    log_error("%s", reason);
    return FAILED;
  }
  int status = say_refused(&setup, programs) > 0 ? IN_PART : DONE;
  if (!pin_programs(programs, request->directory, group, reason,
                    sizeof(reason))) {
    log_error("%s", reason);
    status = FAILED;
  } else {
    check_way(request->directory, group);
  }
  close_programs(programs);
  return status;
}

static int unload(struct request *request) {
  char reason[512];
  if (remove_pins(request->directory, reason, sizeof(reason)))
    return DONE;
  log_error("%s", reason);
  return FAILED;
}

/* --- status --- */

/* A string of ours: no control characters, but quotes there may be. */
static void print_quoted(const char *text) {
  putchar('"');
  for (; *text != '\0'; text++)
    printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
  putchar('"');
}

static void print_probe(struct bpf_programs *programs, enum probe probe,
                        bool json) {
  const char *reason = programs->state.reason[probe];
  bool runs = programs->state.probes & PROBE_BIT(probe);
  struct probe_cost cost;
  read_cost(programs, probe, &cost);
  if (json) {
    printf("%s\n    {\"name\": \"%s\", \"attached\": %s", probe == 0 ? "" : ",",
           probe_names[probe], runs ? "true" : "false");
    if (runs)
      printf(", \"run_ns\": %llu, \"runs\": %llu, \"missed\": %llu",
             (unsigned long long)cost.run_ns, (unsigned long long)cost.runs,
             (unsigned long long)cost.missed);
    if (reason[0] != '\0') {
      printf(", \"reason\": ");
      print_quoted(reason);
    }
    putchar('}');
  } else if (!runs) {
    printf("probe %-11s %s\n", probe_names[probe],
           reason[0] != '\0' ? reason : "not wanted");
  } else if (cost.runs == 0) {
    printf("probe %-11s attached\n", probe_names[probe]);
  } else {
    printf("probe %-11s attached, %llu runs, %llu ns each\n",
           probe_names[probe], (unsigned long long)cost.runs,
           (unsigned long long)(cost.run_ns / cost.runs));
  }
}

static void print_losses(struct bpf_programs *programs, bool json) {
  uint64_t losses[PROBE_LOSSES] = {0};
  if (read_losses(programs, losses) != 0)
    return;
  if (json)
    printf(",\n  \"dropped\": {");
  else
    printf("dropped          ");
  for (int i = 0; i < PROBE_LOSSES; i++)
    printf(json ? "%s\"%s\": %llu" : "%s%s %llu", i == 0 ? "" : ", ",
           probe_loss_names[i], (unsigned long long)losses[i]);
  fputs(json ? "}" : "\n", stdout);
}

static void print_status(const struct request *request,
                         struct bpf_programs *programs, int watched) {
  pid_t reader = find_reader(request->directory);
  int requests, connects;
  unsigned long long memory = programs->state.memory;
  read_fill(programs, &requests, &connects);
  if (request->json) {
    printf("{\n  \"version\": \"" PROCTRACE_VERSION "\",\n  \"pins\": ");
    print_quoted(programs->pins);
    printf(",\n  \"reader\": %d,\n  \"watched\": %d,\n  \"slots\": %u,\n"
           "  \"requests\": %d,\n  \"connects\": %d,\n  \"memory\": %llu,\n"
           "  \"probes\": [",
           (int)reader, watched, programs->setup.slots, requests, connects,
           memory);
  } else {
    printf("pins             %s\n", programs->pins);
    if (reader != 0)
      printf("reader           process %d\n", (int)reader);
    else
      printf("reader           nobody\n");
    printf("watched          %d of %u\n"
           "in flight        %d block requests, %d TCP connects\n"
           "kernel memory    %llu bytes\n",
           watched, programs->setup.slots - 1, requests, connects, memory);
  }
  for (enum probe i = 0; i < PROBES; i++)
    print_probe(programs, i, request->json);
  if (request->json)
    printf("\n  ]");
  print_losses(programs, request->json);
  if (request->json)
    printf("\n}\n");
}

static int status(struct request *request) {
  char reason[512];
  struct bpf_programs *programs =
      look_at_pinned(request->directory, reason, sizeof(reason));
  if (programs == NULL) {
    log_error("%s", reason);
    return FAILED;
  }
  print_status(request, programs, count_watched(programs));
  close_programs(programs);
  return DONE;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*run)(struct request *request);
  } commands[] = {{"load", load}, {"unload", unload}, {"status", status}};
  struct request request = {
      .directory = PINS_DEFAULT,
      .group = "collectd",
      .probes = {.wanted = ALL_PROBES,
                 .syscall_latency = true,
                 .memory_mib = 32},
      .processes = 1000,
  };
  int option;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    if (option == OPTION_HELP) {
      fputs(usage, stdout);
      return DONE;
    }
    if (!read_option(option, &request))
      return USAGE;
  }
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    if (optind == argc - 1 && strcmp(argv[optind], commands[i].name) == 0)
      return commands[i].run(&request);
  fputs(usage, stderr);
  return USAGE;
}
