/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <stdio.h>

void cells_init(struct cells *cells) {
  *cells = (struct cells){.end = CELL_FIRST};
  for (unsigned i = 0; i < SYSCALL_CELLS; i++)
    cells->number[i] = -1;
  cells->first[CELL_COMPAT] = CELL_COMPAT;
  snprintf(cells->name[CELL_OTHER], SYSCALL_NAME_SIZE, "other");
}

static void enter(struct cells *cells, const struct bpf_module *module,
                  unsigned cell, int number) {
  if (cells->number[cell] != number)
    module->syscall_name(number, cells->name[cell], SYSCALL_NAME_SIZE);
  cells->number[cell] = number;
  cells->first[cell] = (uint8_t)cell;
  for (unsigned i = CELL_FIRST; i < cell; i++)
    if (cells->number[i] == number)
      cells->first[cell] = cells->first[i];
}

int cells_update(struct cells *cells, const struct bpf_module *module,
                 struct bpf_programs *programs) {
  struct syscall_cells now;
  int status = module->read_cells(programs, &now);
  if (status != 0)
    return status;
  unsigned used = now.used;
  if (used > SYSCALL_CELLS - CELL_FIRST)
    used = SYSCALL_CELLS - CELL_FIRST;
  cells->end = CELL_FIRST + used;
  for (unsigned i = CELL_FIRST; i < cells->end; i++)
    enter(cells, module, i, now.number[i]);
  return 0;
}

int cells_find(const struct cells *cells, int number) {
  for (unsigned i = CELL_FIRST; i < cells->end; i++)
    if (cells->number[i] == number)
      return (int)i;
  return -1;
}

struct calls cells_sum(const struct cells *cells,
                       const struct calls of[SYSCALL_CELLS], unsigned first) {
  struct calls sum = of[first];
  for (unsigned i = first + 1; i < cells->end; i++) {
    if (cells->first[i] != first)
      continue;
    sum.calls += of[i].calls;
    sum.ns += of[i].ns;
  }
  return sum;
}
