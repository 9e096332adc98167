/* SPDX-License-Identifier: MIT */
/*
 * Names that no process can abuse.
 *
 * A process chooses its name; what becomes of it must not be able to forge an
 * identifier of collectd, a path of Graphite, a label of Prometheus or a
 * terminal's escape, on any way that a value takes.
 */
#ifndef PROCTRACE_NAMING_H
#define PROCTRACE_NAMING_H

#include <stddef.h>
#include <sys/types.h>

/* The longest name is 64 characters. */
#define NAME_SIZE 65
/* A name, '-' and a pid. */
#define INSTANCE_SIZE (NAME_SIZE + 11)

/*
 * Write `text` to `out`, with every byte outside of [A-Za-z0-9_+@-] turned to
 * '_', cut to 64 characters.  "" becomes "_".
 */
void name_clean(char out[NAME_SIZE], const char *text);

/*
 * The same for a group: a '_' is appended to host, self and other, which are
 * ours, and to a name that ends in -<digits>, which would look like a process.
 */
void name_clean_group(char out[NAME_SIZE], const char *text);

/* The plugin instance of one process: its name, cleaned, and its pid. */
void name_process(char out[INSTANCE_SIZE], const char *name, pid_t pid);

#endif
