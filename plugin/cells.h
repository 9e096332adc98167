/* SPDX-License-Identifier: MIT */
/*
 * Which system call is counted in which cell.
 *
 * A number has a cell from its first call on, the same in all slots; two CPUs
 * that see it first at the same time may give it one each.
 */
#ifndef PROCTRACE_CELLS_H
#define PROCTRACE_CELLS_H

#include "growth.h"

/* "sched_rr_get_interval_time64" is the longest. */
#define SYSCALL_NAME_SIZE 40

struct cells {
  unsigned end; /* those from CELL_FIRST to here have a number */
  int number[SYSCALL_CELLS];
  /* The first cell of the same number; its name is that of all. */
  uint8_t first[SYSCALL_CELLS];
  char name[SYSCALL_CELLS][SYSCALL_NAME_SIZE];
};

void cells_init(struct cells *cells);

/* After the arrays were read: then all that is counted in them is known.  0 or
 * a negative errno. */
int cells_update(struct cells *cells, const struct bpf_module *module,
                 struct bpf_programs *programs);

/* The calls of a number, 32-bit ones apart, have a name to be told by. */
static inline bool cells_has_name(const struct cells *cells, unsigned cell) {
  return cell == CELL_OTHER || (cell >= CELL_FIRST && cell < cells->end);
}

/* The first cell of a number, or -1: it was never called. */
int cells_find(const struct cells *cells, int number);

/* The sum over all cells of a number. */
struct calls cells_sum(const struct cells *cells,
                       const struct calls of[SYSCALL_CELLS], unsigned first);

#endif
