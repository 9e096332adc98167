/* SPDX-License-Identifier: MIT */
/*
 * A BPF module of another build: nothing in it may be called.
 */
#include "bpf_module.h"

#include <stdlib.h>

static struct bpf_tasks *open_tasks(bool with_threads, char *reason,
                                    size_t reason_size) {
  (void)with_threads;
  (void)reason;
  (void)reason_size;
  abort();
}

extern const struct bpf_module proctrace_bpf_module;

const struct bpf_module proctrace_bpf_module = {
    .abi = 0,
    .open_tasks = open_tasks,
};
