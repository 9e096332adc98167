/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void cells_init(struct cells *cells) {
  *cells = (struct cells){.end = CELL_FIRST};
  for (unsigned i = 0; i < SYSCALL_CELLS; i++)
    cells->number[i] = -1;
  cells->own[CELL_COMPAT] = CELL_COMPAT;
  snprintf(cells->name[CELL_OTHER], SYSCALL_NAME_SIZE, "other");
}

int cells_find(const struct cells *cells, int number) {
  for (unsigned i = CELL_FIRST; i < cells->end; i++)
    if (cells->number[i] == number)
      return (int)i;
  return -1;
}

/* Or -1: it has no name yet. */
static int own_cell(struct cells *cells, const struct bpf_module *module,
                    int number) {
  int found = cells_find(cells, number);
  if (found >= 0)
    return found;
  if (cells->end == SYSCALL_CELLS)
    return CELL_OTHER;
  unsigned cell = cells->end;
  if (!module->syscall_name(number, cells->name[cell], SYSCALL_NAME_SIZE))
    return -1;
  cells->number[cell] = number;
  return (int)cells->end++;
}

int cells_update(struct cells *cells, const struct bpf_module *module,
                 struct bpf_programs *programs) {
  struct syscall_cells now;
  int status = module->read_cells(programs, &now);
  if (status != 0)
    return status;
  for (unsigned i = 0; i < now.used && i < SYSCALL_CELLS - CELL_FIRST; i++) {
    int cell = own_cell(cells, module, now.number[CELL_FIRST + i]);
    if (cell < 0)
      return -ENOMEM;
    cells->own[CELL_FIRST + i] = (uint8_t)cell;
  }
  return 0;
}

void cells_translate(const struct cells *cells,
                     struct calls calls[SYSCALL_CELLS]) {
  struct calls theirs[SYSCALL_CELLS];
  memcpy(theirs, calls, sizeof(theirs));
  memset(calls, 0, sizeof(theirs));
  for (unsigned i = 0; i < SYSCALL_CELLS; i++) {
    calls[cells->own[i]].calls += theirs[i].calls;
    calls[cells->own[i]].ns += theirs[i].ns;
  }
}
