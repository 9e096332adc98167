/* SPDX-License-Identifier: MIT */
/*
 * The BPF module, but every third pass of it fails: it opens the real one,
 * which lies in the build directory that tests run in.
 */
#include "bpf_module.h"

#include "../bpf/proctrace.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

static const struct bpf_module *real;
static unsigned passes;

static struct bpf_tasks *open_tasks(bool with_threads, char *reason,
                                    size_t reason_size) {
  void *handle = dlopen(".libs/proctrace_bpf.so", RTLD_NOW | RTLD_LOCAL);
  real = handle == NULL ? NULL : dlsym(handle, BPF_MODULE_SYMBOL);
  if (real != NULL)
    return real->open_tasks(with_threads, reason, reason_size);
  snprintf(reason, reason_size, "%s", dlerror());
  return NULL;
}

static int begin_pass(struct bpf_tasks *tasks) {
  return ++passes % 3 == 0 ? -EIO : real->begin_pass(tasks);
}

static void close_tasks(struct bpf_tasks *tasks) { real->close_tasks(tasks); }

extern const struct bpf_module proctrace_bpf_module;

const struct bpf_module proctrace_bpf_module = {
    .abi = PROCTRACE_ABI,
    .open_tasks = open_tasks,
    .begin_pass = begin_pass,
    .close_tasks = close_tasks,
};
