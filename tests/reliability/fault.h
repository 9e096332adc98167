/* SPDX-License-Identifier: MIT */
/*
 * Calls that fail on purpose.
 *
 * The functions of the C library through which the plugin, its module and their
 * libraries ask for memory, files, threads and BPF are defined here, in the
 * executable, where the dynamic linker finds them first.  They count what the
 * plugin calls (host_in_plugin()), let one call fail that was chosen before,
 * and pass all others on.
 */
#ifndef PROCTRACE_TESTS_FAULT_H
#define PROCTRACE_TESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault {
  FAULT_NONE,
  FAULT_MEMORY,   /* malloc, calloc, realloc, and who calls them: strdup, ... */
  FAULT_OPEN,     /* open, openat, fopen, opendir */
  FAULT_READ,     /* read, pread */
  FAULT_CUT,      /* the same, but that they give half of the bytes */
  FAULT_LIST,     /* getdents64 */
  FAULT_STAT,     /* fstat, fstatat, fstatfs, readlinkat */
  FAULT_THREAD,   /* pthread_create */
  FAULT_BPF,      /* bpf(2) */
  FAULT_DISPATCH, /* plugin_dispatch_values; the host refuses it */
  FAULTS
};

/* From now on count, from 0, and let the n-th call of this kind (from 1) fail
 * with this errno; FAULT_NONE: none fails, and it is kept from where they come.
 */
void fault_arm(enum fault kind, unsigned nth, int error);

/* Calls of a kind since then. */
unsigned fault_calls(enum fault kind);
/* The numbers of those calls that came from where none had come from before, by
 * the functions on the stack: how many. */
#define FAULT_PLACES 4096
unsigned fault_first_calls(enum fault kind, unsigned out[FAULT_PLACES]);
/* Whether the one that was chosen has come, and failed. */
bool fault_has_struck(void);

/* Blocks of memory that were asked for since then and not freed. */
size_t fault_blocks(void);
/* Print where the fault struck, and up to so many of these blocks: size and
 * caller. */
void fault_print(size_t most);

/* From now on CLOCK_BOOTTIME stands still, at so many seconds. */
void fault_set_uptime(int64_t seconds);

#endif
