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

static int begin_pass(struct bpf_programs *programs) {
  return ++passes % 3 == 0 ? -EIO : real->begin_pass(programs);
}

/* All but that is the real one's. */
extern struct bpf_module proctrace_bpf_module;

struct bpf_module proctrace_bpf_module;

__attribute__((constructor)) static void open_real(void) {
  void *handle = dlopen(".libs/proctrace_bpf.so", RTLD_NOW | RTLD_LOCAL);
  real = handle == NULL ? NULL : dlsym(handle, BPF_MODULE_SYMBOL);
  if (real == NULL) {
    fprintf(stderr, "flaky: %s\n", dlerror());
    return; /* and has no ABI number */
  }
  proctrace_bpf_module = *real;
  proctrace_bpf_module.begin_pass = begin_pass;
}
