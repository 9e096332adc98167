/* SPDX-License-Identifier: MIT */
/*
 * Loads the task iterator and those probes that are wanted and that the kernel
 * takes.
 *
 * All are in one object, and libbpf loads an object as a whole: when a program
 * is refused, it is loaded again without the probes that need that one.
 */
#include "bpf_pins.h"
#include "bpf_programs.h"

#include "bpf/proctrace.skel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Before Linux 6.4 a log that does not fit hides why a program was refused. */
#define VERIFIER_LOG_SIZE (8 << 20)

/* --- who needs what --- */

#define EXIT_RECORDS PROBE_BIT(PROBES) /* wanted without being asked for */
#define ALL (PROBE_BIT(PROBES + 1) - 1)
#define SYSCALL PROBE_BIT(PROBE_SYSCALL)
#define RUNQUEUE PROBE_BIT(PROBE_RUNQUEUE)
#define BLOCKIO PROBE_BIT(PROBE_BLOCKIO)
#define TCPCONNECT PROBE_BIT(PROBE_TCPCONNECT)
#define MMAP PROBE_BIT(PROBE_MMAP)

static const struct {
  const char *name;
  unsigned probes;
} programs_of[PROGRAMS] = {
    {"visit_task", 0}, /* the iterator is always there */
    {"task_newtask", ALL & ~EXIT_RECORDS},
    /* In this order: each exit that is seen is seen freed, too. */
    {"sched_process_free", EXIT_RECORDS},
    {"sched_process_exit", ALL},
    {"sys_enter", SYSCALL | MMAP | TCPCONNECT},
    {"sys_exit", SYSCALL | TCPCONNECT},
    {"sched_switch", RUNQUEUE},
    {"sched_wakeup", RUNQUEUE},
    {"sched_wakeup_new", RUNQUEUE},
    {"block_io_start", BLOCKIO},
    {"block_rq_insert", BLOCKIO},
    {"block_rq_issue", BLOCKIO},
    {"block_rq_merge", BLOCKIO},
    {"block_rq_complete", BLOCKIO},
    {"inet_sock_set_state", TCPCONNECT},
};

const char *program_name(int program) { return programs_of[program].name; }

unsigned program_probes(int program) { return programs_of[program].probes; }

static int find_program(const char *name, size_t length) {
  for (int i = 0; i < PROGRAMS; i++)
    if (strlen(programs_of[i].name) == length &&
        memcmp(programs_of[i].name, name, length) == 0)
      return i;
  return -1;
}

/* --- reasons --- */

/* What libbpf said: its last warning explains more than the errno that follows,
 * and the first that names a program tells which one was refused. */
static struct {
  char last[256];
  int program; /* -1: none was named */
} warnings;

__attribute__((format(printf, 2, 0))) static int
keep_warning(enum libbpf_print_level level, const char *format,
             va_list arguments) {
  static const char names[] = "libbpf: prog '";
  if (level != LIBBPF_WARN)
    return 0;
  vsnprintf(warnings.last, sizeof(warnings.last), format, arguments);
  warnings.last[strcspn(warnings.last, "\n")] = '\0';
  if (warnings.program < 0 &&
      strncmp(warnings.last, names, sizeof(names) - 1) == 0) {
    const char *name = warnings.last + sizeof(names) - 1;
    warnings.program = find_program(name, strcspn(name, "'"));
  }
  return 0;
}

/* The verifier's verdict stands before its statistics, in the last line. */
static const char *verdict(char *log) {
  char *statistics = strstr(log, "\nprocessed ");
  if (statistics != NULL)
    *statistics = '\0';
  char *line = strrchr(log, '\n');
  return line != NULL ? line + 1 : log;
}

static void explain_load(int error, char *log, char *reason, size_t size) {
  const char *detail = log[0] != '\0' ? verdict(log) : warnings.last;
  const char *what =
      warnings.program > 0 ? programs_of[warnings.program].name : NULL;
  char text[100];
  libbpf_strerror(error, text, sizeof(text));
  if (error == EPERM)
    snprintf(reason, size,
             "no right to load BPF programs: it takes CAP_BPF and CAP_PERFMON, "
             "and a filter of system calls (seccomp, SystemCallFilter) that "
             "lets bpf() through");
  else if (what != NULL)
    snprintf(reason, size, "the kernel refuses the program %s: %s (%s)", what,
             text, detail);
  else
    snprintf(reason, size, "%s the task iterator: %s (%s)",
             error >= __LIBBPF_ERRNO__START ? "libbpf cannot read"
                                            : "the kernel refuses",
             text, detail);
}

/* --- what the running kernel has --- */

static bool has_kfunc(const struct btf *btf, const char *name) {
  return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

static bool has_tracepoint(const struct btf *btf, const char *name) {
  char type[80];
  snprintf(type, sizeof(type), "btf_trace_%s", name);
  return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

static bool has_helper(const struct btf *btf, const char *name) {
  int id = btf__find_by_name_kind(btf, "bpf_func_id", BTF_KIND_ENUM);
  const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);
  if (type == NULL)
    return false;
  const struct btf_enum *values = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); i++)
    if (strcmp(btf__name_by_offset(btf, values[i].name_off), name) == 0)
      return true;
  return false;
}

struct kernel {
  bool rdonly_cast, block_io_start;
};

/* False after a reason. */
static bool ask_kernel(struct kernel *kernel, char *reason, size_t size) {
  struct btf *btf = btf__load_vmlinux_btf();
  if (btf == NULL) {
    snprintf(reason, size, "the kernel has no BTF (%s: %s)",
             "/sys/kernel/btf/vmlinux", strerror(errno));
    return false;
  }
  /* The last of the helpers that we call to come, with Linux 5.19. */
  bool modern = has_helper(btf, "BPF_FUNC_map_lookup_percpu_elem");
  if (!modern)
    snprintf(reason, size,
             "the kernel is too old: its BPF lacks the helper "
             "map_lookup_percpu_elem (Linux 5.19)");
  kernel->rdonly_cast = has_kfunc(btf, "bpf_rdonly_cast");
  kernel->block_io_start = has_tracepoint(btf, "block_io_start");
  btf__free(btf);
  return modern;
}

/* --- one attempt --- */

static void configure(struct bpf_programs *programs, bool with_threads,
                      const struct kernel *kernel) {
  const struct probe_setup *setup = &programs->setup;
  unsigned probes = setup->probes;
  bool latency = probes & SYSCALL && setup->syscall_latency;
  struct bpf_config config = {
      .cpus = (unsigned)libbpf_num_possible_cpus(),
      .shards = programs->shards,
      .tick_ns = (unsigned)(1000000000 / sysconf(_SC_CLK_TCK)),
      .mmap = SYS_mmap,
      .connect = SYS_connect,
      .named_count = latency ? setup->named_count : 0,
      .has_rdonly_cast = kernel->rdonly_cast,
      .threads = with_threads,
      .thread_state = latency || probes & (RUNQUEUE | TCPCONNECT),
      .shared_shards = programs->shards < (unsigned)libbpf_num_possible_cpus(),
      .syscalls = (probes & SYSCALL) != 0,
      .latency = latency,
      .mmaps = (probes & MMAP) != 0,
      .connects = (probes & TCPCONNECT) != 0,
      .host_syscalls = (setup->host & probes & SYSCALL) != 0,
      .host_waits = (setup->host & probes & RUNQUEUE) != 0,
      .exits = (probes & EXIT_RECORDS) != 0,
  };
  memcpy(config.named, setup->named, sizeof(config.named));
  programs->skeleton->rodata_config->config = config;
}

static bool is_to_load(const struct bpf_programs *programs, int program,
                       const struct kernel *kernel) {
  const char *name = programs_of[program].name;
  unsigned probes = programs->setup.probes;
  if (program == 0)
    return true;
  if (strcmp(name, "sys_exit") == 0 && !programs->setup.syscall_latency)
    probes &= ~SYSCALL;
  if (strcmp(name, "block_io_start") == 0 && !kernel->block_io_start)
    return false;
  if ((strcmp(name, "block_rq_insert") == 0 ||
       strcmp(name, "block_rq_issue") == 0) &&
      kernel->block_io_start)
    return false;
  return (programs_of[program].probes & probes) != 0;
}

static void choose_programs(struct bpf_programs *programs,
                            const struct kernel *kernel) {
  for (int i = 0; i < PROGRAMS; i++) {
    struct bpf_program *program = bpf_object__find_program_by_name(
        programs->skeleton->obj, programs_of[i].name);
    bpf_program__set_autoload(program, is_to_load(programs, i, kernel));
  }
}

static struct bpf_map *results_map(const struct proctrace_bpf *skeleton,
                                   enum probe_map map) {
  struct bpf_map *const results[PROBE_MAPS] = {
      [MAP_SYSCALL] = skeleton->maps.syscalls,
      [MAP_NAMED] = skeleton->maps.named,
      [MAP_SCHED] = skeleton->maps.scheds,
      [MAP_BLOCK] = skeleton->maps.blocks,
      [MAP_TCPCONNECT] = skeleton->maps.tcpconnects,
  };
  return results[map];
}

static void size_maps(struct bpf_programs *programs) {
  const struct probe_setup *setup = &programs->setup;
  struct proctrace_bpf *skeleton = programs->skeleton;
  struct map_size sizes[PROBE_MAPS];
  size_results(setup, programs->shards, sizes);
  for (int i = 0; i < PROBE_MAPS; i++) {
    struct bpf_map *results = results_map(skeleton, i);
    unsigned entries = sizes[i].entries;
    bpf_map__set_max_entries(results, entries > 0 ? entries : 1);
    if (i == MAP_SYSCALL)
      bpf_map__set_value_size(results, sizes[i].size);
    programs->state.maps[i].elements = entries / setup->slots;
    programs->state.maps[i].size = sizes[i].size;
  }
  bpf_map__set_max_entries(skeleton->maps.watch, setup->slots + HEIRS_ROOM);
  bpf_map__set_max_entries(skeleton->maps.requests,
                           setup->probes & BLOCKIO ? IN_FLIGHT_ROOM : 1);
  bpf_map__set_max_entries(skeleton->maps.connects,
                           setup->probes & TCPCONNECT ? IN_FLIGHT_ROOM : 1);
}

static void note_maps(struct bpf_programs *programs) {
  struct proctrace_bpf *skeleton = programs->skeleton;
  programs->fds = (struct map_fds){
      .watch = bpf_map__fd(skeleton->maps.watch),
      .epoch = bpf_map__fd(skeleton->maps.data_epoch),
      .losses = bpf_map__fd(skeleton->maps.losses),
      .cells = bpf_map__fd(skeleton->maps.data_cells),
      .requests = bpf_map__fd(skeleton->maps.requests),
      .connects = bpf_map__fd(skeleton->maps.connects),
      .exits = bpf_map__fd(skeleton->maps.exits),
      .exit_count = bpf_map__fd(skeleton->maps.data_exits),
  };
  for (int i = 0; i < PROBE_MAPS; i++)
    programs->fds.results[i] = bpf_map__fd(results_map(skeleton, i));
}

/* False, with warnings.program: this one is refused. */
static bool attach(struct bpf_programs *programs) {
  for (int i = 0; i < PROGRAMS; i++) {
    struct bpf_program *program = bpf_object__find_program_by_name(
        programs->skeleton->obj, programs_of[i].name);
    struct bpf_link *link = NULL;
    programs->program_fds[i] = -1;
    if (!bpf_program__autoload(program))
      continue;
    programs->program_fds[i] = bpf_program__fd(program);
    link = i == 0 ? bpf_program__attach_iter(program, NULL)
                  : bpf_program__attach(program);
    if (link == NULL) {
      warnings.program = i;
      return false;
    }
    if (i == 0)
      programs->iterator = link;
    else
      programs->links[i] = link;
  }
  return true;
}

static void unload(struct bpf_programs *programs) {
  bpf_link__destroy(programs->iterator);
  programs->iterator = NULL;
  for (int i = 0; i < PROGRAMS; i++) {
    bpf_link__destroy(programs->links[i]);
    programs->links[i] = NULL;
  }
  proctrace_bpf__destroy(programs->skeleton);
  programs->skeleton = NULL;
}

static bool try_load(struct bpf_programs *programs, bool with_threads,
                     const struct kernel *kernel, char *log, char *reason,
                     size_t size) {
  struct bpf_object_open_opts options;
  /* Padding as well: libbpf takes what it does not know for an option. */
  memset(&options, 0, sizeof(options));
  options.sz = sizeof(options);
  options.kernel_log_buf = log;
  options.kernel_log_size = VERIFIER_LOG_SIZE;
  log[0] = warnings.last[0] = '\0';
  warnings.program = -1;
  errno = 0;
  programs->skeleton = proctrace_bpf__open_opts(&options);
  int error = programs->skeleton == NULL ? errno : 0;
  if (error == 0) {
    configure(programs, with_threads, kernel);
    choose_programs(programs, kernel);
    size_maps(programs);
    error = -proctrace_bpf__load(programs->skeleton);
  }
  if (error == 0 && !attach(programs))
    error = errno;
  if (error == 0) {
    note_maps(programs);
    return true;
  }
  explain_load(error, log, reason, size);
  unload(programs);
  return false;
}

/* --- as many as can be had --- */

/* Without those probes that need the program that was refused; all of them
 * where it is not known, or the iterator, which does more with probes. */
static void drop_probes(struct bpf_programs *programs, const char *reason) {
  unsigned refused =
      warnings.program > 0 ? programs_of[warnings.program].probes : ALL;
  for (int i = 0; i < PROBES; i++)
    if (programs->setup.probes & refused & PROBE_BIT(i))
      snprintf(programs->state.reason[i], sizeof(programs->state.reason[i]),
               "%s", reason);
  programs->setup.probes &= ~refused;
}

static bool load_most(struct bpf_programs *programs, bool with_threads,
                      char *log, char *reason, size_t size) {
  struct kernel kernel;
  if (!ask_kernel(&kernel, reason, size))
    return false;
  while (!try_load(programs, with_threads, &kernel, log, reason, size)) {
    if (programs->setup.probes == 0)
      return false;
    drop_probes(programs, reason);
  }
  programs->state.exits = programs->setup.probes & EXIT_RECORDS;
  programs->setup.probes &= ~EXIT_RECORDS;
  programs->state.probes = programs->setup.probes;
  programs->state.exact_submitter = kernel.block_io_start;
  programs->state.memory = memory_taken(&programs->fds);
  return true;
}

struct bpf_programs *open_programs(bool with_threads,
                                   const struct probe_setup *setup,
                                   char *reason, size_t size) {
  struct bpf_programs *programs = calloc(1, sizeof(*programs));
  char *log = malloc(VERIFIER_LOG_SIZE);
  if (programs == NULL || log == NULL) {
    snprintf(reason, size, "out of memory");
    free(programs);
    free(log);
    return NULL;
  }
  programs->setup = *setup;
  programs->setup.probes |= EXIT_RECORDS;
  programs->shards = count_shards(setup);
  programs->threads = with_threads;
  libbpf_print_fn_t others = libbpf_set_print(keep_warning);
  bool loaded = load_most(programs, with_threads, log, reason, size);
  libbpf_set_print(others);
  free(log);
  if (loaded)
    return programs;
  free(programs);
  return NULL;
}

void close_programs(struct bpf_programs *programs) {
  if (programs->pins != NULL)
    close_pinned(programs);
  else
    unload(programs);
  free(programs);
}
