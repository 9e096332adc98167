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

static struct bpf_programs *open_real(bool with_threads,
                                      const struct probe_setup *setup,
                                      char *reason, size_t reason_size);

static int begin_pass(struct bpf_programs *programs) {
  return ++passes % 3 == 0 ? -EIO : real->begin_pass(programs);
}

/* All but these two is the real one's, once that is open. */
extern struct bpf_module proctrace_bpf_module;

struct bpf_module proctrace_bpf_module = {
    .abi = PROCTRACE_ABI,
    .open = open_real,
};

static struct bpf_programs *open_real(bool with_threads,
                                      const struct probe_setup *setup,
                                      char *reason, size_t reason_size) {
  void *handle = dlopen(".libs/proctrace_bpf.so", RTLD_NOW | RTLD_LOCAL);
  real = handle == NULL ? NULL : dlsym(handle, BPF_MODULE_SYMBOL);
  if (real == NULL) {
    snprintf(reason, reason_size, "%s", dlerror());
    return NULL;
  }
  proctrace_bpf_module = *real;
  proctrace_bpf_module.open = open_real;
  proctrace_bpf_module.begin_pass = begin_pass;
  return real->open(with_threads, setup, reason, reason_size);
}
