/* SPDX-License-Identifier: MIT */
/*
 * The BPF module: libbpf, and nobody else's business.
 */
#include "bpf_module.h"

#include "../bpf/proctrace.h"

#include "bpf/tasks.skel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before Linux 6.4 a log that does not fit hides why a program was refused. */
#define VERIFIER_LOG_SIZE (8 << 20)

struct bpf_tasks {
  struct tasks_bpf *skeleton;
  struct bpf_link *link;
};

/* --- reasons --- */

/* libbpf's last warning; it explains more than the errno that follows. */
static char last_warning[256];

__attribute__((format(printf, 2, 0))) static int
keep_warning(enum libbpf_print_level level, const char *format,
             va_list arguments) {
  if (level == LIBBPF_WARN) {
    vsnprintf(last_warning, sizeof(last_warning), format, arguments);
    last_warning[strcspn(last_warning, "\n")] = '\0';
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
  const char *detail = log[0] != '\0' ? verdict(log) : last_warning;
  if (error == EPERM)
    snprintf(reason, size,
             "no right to load BPF programs; it takes CAP_BPF and CAP_PERFMON");
  else
    snprintf(reason, size, "the kernel refuses the task iterator: %s (%s)",
             strerror(error), detail);
}

/* --- what the running kernel has --- */

static bool has_kfunc(const struct btf *btf, const char *name) {
  return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
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

/* Set what the program wants to know of the kernel.  False after a reason. */
static bool ask_kernel(struct tasks_bpf *skeleton, char *reason, size_t size) {
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
  skeleton->rodata->has_rdonly_cast = has_kfunc(btf, "bpf_rdonly_cast");
  skeleton->rodata->cpus = (unsigned)libbpf_num_possible_cpus();
  btf__free(btf);
  return modern;
}

/* --- life --- */

static void close_tasks(struct bpf_tasks *tasks) {
  bpf_link__destroy(tasks->link);
  tasks_bpf__destroy(tasks->skeleton);
  free(tasks);
}

static bool load(struct bpf_tasks *tasks, bool with_threads, char *log,
                 char *reason, size_t size) {
  const struct bpf_object_open_opts options = {
      .sz = sizeof(options),
      .kernel_log_buf = log,
      .kernel_log_size = VERIFIER_LOG_SIZE,
  };
  tasks->skeleton = tasks_bpf__open_opts(&options);
  if (tasks->skeleton == NULL) {
    explain_load(errno, log, reason, size);
    return false;
  }
  if (!ask_kernel(tasks->skeleton, reason, size))
    return false;
  tasks->skeleton->rodata->with_threads = with_threads;
  int error = -tasks_bpf__load(tasks->skeleton);
  if (error == 0) {
    tasks->link =
        bpf_program__attach_iter(tasks->skeleton->progs.visit_task, NULL);
    error = tasks->link == NULL ? errno : 0;
  }
  if (error != 0)
    explain_load(error, log, reason, size);
  return error == 0;
}

static struct bpf_tasks *open_tasks(bool with_threads, char *reason,
                                    size_t size) {
  struct bpf_tasks *tasks = calloc(1, sizeof(*tasks));
  char *log = malloc(VERIFIER_LOG_SIZE);
  if (tasks == NULL || log == NULL) {
    snprintf(reason, size, "out of memory");
    free(tasks);
    free(log);
    return NULL;
  }
  log[0] = last_warning[0] = '\0';
  libbpf_print_fn_t others = libbpf_set_print(keep_warning);
  bool loaded = load(tasks, with_threads, log, reason, size);
  libbpf_set_print(others);
  free(log);
  if (loaded)
    return tasks;
  close_tasks(tasks);
  return NULL;
}

static int begin_pass(struct bpf_tasks *tasks) {
  return bpf_iter_create(bpf_link__fd(tasks->link));
}

extern const struct bpf_module proctrace_bpf_module;

__attribute__((visibility("default")))
const struct bpf_module proctrace_bpf_module = {
    .abi = PROCTRACE_ABI,
    .open_tasks = open_tasks,
    .begin_pass = begin_pass,
    .close_tasks = close_tasks,
};
