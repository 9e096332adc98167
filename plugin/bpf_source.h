/* SPDX-License-Identifier: MIT */
/*
 * The source that asks the kernel by BPF: every task in a few reads, no text.
 *
 * scan() has all numbers of all processes; detail() only says which of them
 * were asked for.  What the iterator does not see (texts that rules match on,
 * wait channels, PSS) comes from a procfs source, and so does everything of an
 * interval in which the iterator could not be read.
 */
#ifndef PROCTRACE_BPF_SOURCE_H
#define PROCTRACE_BPF_SOURCE_H

#include "bpf_module.h"
#include "source.h"

struct bpf_source_options {
  const char *module;               /* path; NULL: where it was installed */
  const char *root;                 /* procfs_options.root */
  bool threads;                     /* GROUP_THREADS will be asked for */
  const char *pins;                 /* NULL: load the programs */
  const struct probe_setup *probes; /* NULL: none is wanted */
};

/*
 * On top of a procfs source, which it then owns.  NULL, and one line in
 * `reason`: the procfs source stays the caller's.
 */
struct source *bpf_source_new(const struct bpf_source_options *options,
                              struct source *procfs, char *reason,
                              size_t reason_size);

/* What it has loaded, for the probes; the source's.  Pins may vanish in a scan,
 * then there are no programs (NULL), and come back, then there are others. */
const struct bpf_module *bpf_source_module(const struct source *source);
struct bpf_programs *bpf_source_programs(const struct source *source);
/* Another number with other programs. */
unsigned bpf_source_generation(const struct source *source);

#endif
