/* SPDX-License-Identifier: MIT */
/*
 * Which system call is counted in which cell.
 *
 * In the kernel a number has a cell from its first call on, the same in all
 * slots; two CPUs that see it first at the same time may give it one each, and
 * programs that are loaded anew begin anew.  Here it has one for good.
 */
#ifndef PROCTRACE_CELLS_H
#define PROCTRACE_CELLS_H

#include "growth.h"

/* "sched_rr_get_interval_time64" is the longest. */
#define SYSCALL_NAME_SIZE 40

struct cells {
  unsigned end; /* those from CELL_FIRST to here have a number */
  int number[SYSCALL_CELLS];
  char name[SYSCALL_CELLS][SYSCALL_NAME_SIZE];
  uint8_t own[SYSCALL_CELLS]; /* of each cell of the kernel: ours */
};

void cells_init(struct cells *cells);

/* After the arrays were read: then all that is counted in them is known.  0 or
 * a negative errno. */
int cells_update(struct cells *cells, const struct bpf_module *module,
                 struct bpf_programs *programs);

/* From the kernel's cells to ours. */
void cells_translate(const struct cells *cells,
                     struct calls calls[SYSCALL_CELLS]);

/* The calls of a number, 32-bit ones apart, have a name to be told by. */
static inline bool cells_has_name(const struct cells *cells, unsigned cell) {
  return cell == CELL_OTHER || (cell >= CELL_FIRST && cell < cells->end);
}

/* The cell of a number, or -1: it was never called. */
int cells_find(const struct cells *cells, int number);

#endif
