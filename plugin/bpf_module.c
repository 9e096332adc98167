/* SPDX-License-Identifier: MIT */
/*
 * The BPF module: libbpf and libseccomp, and nobody else's business.
 */
#include "bpf_pins.h"
#include "bpf_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <seccomp.h>

#include <stdio.h>
#include <stdlib.h>

static int begin_pass(struct bpf_programs *programs) {
  if (programs->pins != NULL)
    return open_pinned_iterator(programs);
  return bpf_iter_create(bpf_link__fd(programs->iterator));
}

static const struct probe_state *
get_state(const struct bpf_programs *programs) {
  return &programs->state;
}

static bool has_threads(const struct bpf_programs *programs) {
  return programs->threads;
}

static const struct probe_setup *
get_setup(const struct bpf_programs *programs) {
  return &programs->setup;
}

/* What it warns of while it loads is taken for the reason; anything else would
 * go to the daemon's standard error. */
__attribute__((constructor)) static void quieten_libbpf(void) {
  libbpf_set_print(NULL);
}

/* libseccomp has one answer for "no such call" and "no memory". */
static bool name_syscall(int number, char *out, size_t size) {
  errno = 0;
  char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
  if (name == NULL && errno == ENOMEM)
    return false;
  if (name != NULL)
    snprintf(out, size, "%s", name);
  else
    snprintf(out, size, "nr%d", number);
  free(name);
  return true;
}

/* libseccomp has numbers below zero for calls of other architectures. */
static int number_syscall(const char *name) {
  int number = seccomp_syscall_resolve_name(name);
  return number >= 0 ? number : -1;
}

extern const struct bpf_module proctrace_bpf_module;

__attribute__((visibility("default")))
const struct bpf_module proctrace_bpf_module = {
    .abi = PROCTRACE_ABI,
    .open = open_programs,
    .open_pinned = open_pinned,
    .with_threads = has_threads,
    .setup = get_setup,
    .begin_pass = begin_pass,
    .probes = get_state,
    .memory_of = memory_of,
    .watch = watch_process,
    .unwatch = unwatch_process,
    .commit = commit_watched,
    .read = read_results,
    .read_cells = read_cells,
    .read_exits = read_exits,
    .read_losses = read_losses,
    .read_cost = read_cost,
    .read_fill = read_fill,
    .syscall_name = name_syscall,
    .syscall_number = number_syscall,
    .close = close_programs,
};
