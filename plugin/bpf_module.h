/* SPDX-License-Identifier: MIT */
/*
 * What the plugin and its BPF module promise each other.
 *
 * The module, proctrace_bpf.so, is all that links libbpf.  It is opened when
 * collectd starts us (bpf_loader.h), so that the plugin also runs where libbpf
 * is missing or too old.  Both sides are compiled with this header: a module
 * of another build says another ABI number and is not used.
 */
#ifndef PROCTRACE_BPF_MODULE_H
#define PROCTRACE_BPF_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one symbol that the module exports: a struct bpf_module. */
#define BPF_MODULE_SYMBOL "proctrace_bpf_module"

/* A loaded task iterator. */
struct bpf_tasks;

struct bpf_module {
  uint32_t abi; /* PROCTRACE_ABI; nothing else is looked at before it fits */

  /*
   * Load the iterator; with_threads asks for a struct thread_numbers of each
   * thread.  NULL, and one line in `reason`: what is missing or who refused.
   */
  struct bpf_tasks *(*open_tasks)(bool with_threads, char *reason,
                                  size_t reason_size);

  /*
   * A descriptor that gives one pass over all tasks as bpf/proctrace.h says,
   * whole records in each read(2); the caller closes it.  Or a negative errno.
   */
  int (*begin_pass)(struct bpf_tasks *tasks);

  void (*close_tasks)(struct bpf_tasks *tasks);
};

#endif
