/* SPDX-License-Identifier: MIT */
/*
 * Finds the BPF module, without which the plugin runs on procfs.
 */
#ifndef PROCTRACE_BPF_LOADER_H
#define PROCTRACE_BPF_LOADER_H

#include "bpf_module.h"

/*
 * The module at this absolute path, NULL for the one that was installed with
 * us.  It stays loaded for good.  NULL, and one line in `reason`.
 */
const struct bpf_module *bpf_loader_open(const char *path, char *reason,
                                         size_t reason_size);

#endif
