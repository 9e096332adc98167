/* SPDX-License-Identifier: MIT */
/*
 * A BPF module of another build: nothing in it may be called.
 */
#include "bpf_module.h"

#include <stdlib.h>

static struct bpf_programs *open_programs(bool with_threads,
                                          const struct probe_setup *setup,
                                          char *reason, size_t reason_size) {
  (void)with_threads;
  (void)setup;
  (void)reason;
  (void)reason_size;
  abort();
}

extern const struct bpf_module proctrace_bpf_module;

const struct bpf_module proctrace_bpf_module = {
    .abi = 0,
    .open = open_programs,
};
