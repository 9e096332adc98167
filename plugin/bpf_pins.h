/* SPDX-License-Identifier: MIT */
/*
 * Programs that stay in the kernel, pinned below a directory of a BPF file
 * system.
 *
 *   DIR            0750 root:GROUP
 *   DIR/current -> load-<n>
 *   DIR/load-<n>   0750; a load in one piece:
 *     layout       what is pinned; read and compared first
 *     iterator     0440; a file that any reader may open and read
 *     watch, epoch 0660; whom to watch is the reader's to say
 *     ...          0440; results, counters, programs
 *     link-*       0400; what keeps the programs attached
 *
 * Everybody can write to the root of a BPF file system: what root does not own,
 * or somebody else could write to, is not used.
 */
#ifndef PROCTRACE_BPF_PINS_H
#define PROCTRACE_BPF_PINS_H

#include "bpf_programs.h"

#include <sys/types.h>

#define PINS_DEFAULT "/sys/fs/bpf/proctrace"

/* As struct bpf_module says. */
struct bpf_programs *open_pinned(const char *directory, char *reason,
                                 size_t size);
int open_pinned_iterator(struct bpf_programs *programs);
void close_pinned(struct bpf_programs *programs);

/*
 * For the loader.  Pin what was loaded, so that `current` is that, and take
 * away what was before it.  False after a reason: then nothing of it is left.
 */
bool pin_programs(struct bpf_programs *programs, const char *directory,
                  gid_t group, char *reason, size_t size);

/* Take everything away.  False after a reason. */
bool remove_pins(const char *directory, char *reason, size_t size);

/* To look at, beside whoever reads them. */
struct bpf_programs *look_at_pinned(const char *directory, char *reason,
                                    size_t size);
int count_watched(const struct bpf_programs *programs);

/* Who reads the pins now: a process, or 0 for nobody. */
pid_t find_reader(const char *directory);

#endif
