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

#include "../bpf/proctrace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one symbol that the module exports: a struct bpf_module. */
#define BPF_MODULE_SYMBOL "proctrace_bpf_module"

/* All that is loaded: the task iterator, and probes on request. */
struct bpf_programs;

enum probe {
  PROBE_SYSCALL,
  PROBE_RUNQUEUE,
  PROBE_BLOCKIO,
  PROBE_TCPCONNECT,
  PROBE_MMAP,
  PROBES
};
#define PROBE_BIT(probe) (1u << (probe))

/* What the operator wants of the probes. */
struct probe_setup {
  unsigned probes;          /* bits of enum probe */
  unsigned host;            /* those of them that tell of the whole host too */
  bool syscall_latency;     /* false: syscall counts only */
  int named[LATENCY_NAMES]; /* system calls with a latency of their own */
  unsigned named_count;
  unsigned slots;       /* SLOT_HOST and one for each process */
  unsigned shards_most; /* no more of them, whatever the number of CPUs */
};

/* The arrays of results, by what is in an element. */
enum probe_map {
  MAP_SYSCALL,    /* struct syscall_stats, cut after what is wanted */
  MAP_NAMED,      /* struct named_stats */
  MAP_SCHED,      /* struct sched_stats */
  MAP_BLOCK,      /* struct block_stats */
  MAP_TCPCONNECT, /* struct tcpconnect_stats */
  PROBE_MAPS
};

/* What became of the setup. */
struct probe_state {
  unsigned probes; /* those that run */
  /* Of an array: elements for each slot, and bytes of an element; no elements:
   * it is not there. */
  struct {
    unsigned elements, size;
  } maps[PROBE_MAPS];
  bool exits;               /* records of processes that end */
  bool exact_submitter;     /* blockio: a request is told of who made it */
  uint64_t memory;          /* bytes of kernel memory that the maps take */
  char reason[PROBES][256]; /* why one that was wanted does not run */
};

/* What a probe costs, since it was loaded. */
struct probe_cost {
  uint64_t run_ns, runs; /* 0 where kernel.bpf_stats_enabled is */
  uint64_t missed;       /* runs that the kernel left out (recursion) */
};

struct bpf_module {
  uint32_t abi; /* PROCTRACE_ABI; nothing else is looked at before it fits */

  /*
   * Load the iterator; with_threads asks for a struct thread_numbers of each
   * thread.  NULL, and one line in `reason`: what is missing or who refused.
   */
  struct bpf_programs *(*open)(bool with_threads,
                               const struct probe_setup *setup, char *reason,
                               size_t reason_size);

  /*
   * The same, of what `proctrace-bpf load` has pinned below this directory;
   * takes no capability.  Whoever has it open has it alone.
   */
  struct bpf_programs *(*open_pinned)(const char *directory, char *reason,
                                      size_t reason_size);

  /* As they were loaded: with numbers of each thread, with which setup. */
  bool (*with_threads)(const struct bpf_programs *programs);
  const struct probe_setup *(*setup)(const struct bpf_programs *programs);

  /*
   * A descriptor that gives one pass over all tasks as bpf/proctrace.h says,
   * whole records in each read(2); the caller closes it.  Or a negative errno:
   * -ESTALE where other programs are pinned now.
   */
  int (*begin_pass)(struct bpf_programs *programs);

  /* What became of the probes; valid until close(). */
  const struct probe_state *(*probes)(const struct bpf_programs *programs);

  /* Bytes of kernel memory that this setup would take at most for results, for
   * whom to watch and for what is in flight. */
  uint64_t (*memory_of)(const struct probe_setup *setup);

  /* Watch a process, or no longer; pid is its kernel_pid.  Only after commit()
   * does every thread of it know.  0 or a negative errno. */
  int (*watch)(struct bpf_programs *programs, uint32_t pid,
               const struct watched *entry);
  int (*unwatch)(struct bpf_programs *programs, uint32_t pid);
  int (*commit)(struct bpf_programs *programs);

  /* Copy the elements of `n` slots from `first` on.  0 or a negative errno. */
  int (*read)(struct bpf_programs *programs, enum probe_map map, unsigned first,
              unsigned n, void *out);
  int (*read_cells)(struct bpf_programs *programs, struct syscall_cells *out);
  /* Up to so many records of processes that ended, each once and in their
   * order; how many, or a negative errno.  `lost` grows by those that were
   * overwritten. */
  int (*read_exits)(struct bpf_programs *programs, struct exit_record *out,
                    unsigned most, uint64_t *lost);
  int (*read_losses)(struct bpf_programs *programs, uint64_t out[PROBE_LOSSES]);
  void (*read_cost)(struct bpf_programs *programs, enum probe probe,
                    struct probe_cost *out);
  /* Entries of the maps of what is in flight; -1: not to be had now. */
  void (*read_fill)(struct bpf_programs *programs, int *requests,
                    int *connects);

  /* A system call's name in `out`, "nr<N>" for one without (false: there is no
   * memory to find it); and the number that a name has on this machine, or
   * -1. */
  bool (*syscall_name)(int number, char *out, size_t size);
  int (*syscall_number)(const char *name);

  void (*close)(struct bpf_programs *programs);
};

#endif
