/* SPDX-License-Identifier: MIT
 *
 * What the kernel alone asks for the files that the plugin reads of each
 * process. Nothing is looked at.
 */
#ifndef PROCTRACE_TESTS_BENCH_FLOOR_H
#define PROCTRACE_TESTS_BENCH_FLOOR_H

/* Each lists /proc, fetches of all processes, and returns their number. */
long floor_open(void); /* stat, status, io, schedstat, and the size of fd */
long floor_kept(void); /* the same from descriptors that stay open */
long floor_stat(void); /* stat only */

/* Descriptors of a process that floor_kept() keeps. */
enum { FLOOR_DESCRIPTORS = 5 };

#endif
