/* SPDX-License-Identifier: MIT */
/*
 * Room in an array that grows.
 */
#ifndef PROCTRACE_ROOM_H
#define PROCTRACE_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make sure that `count` elements fit into `array`, which is NULL at first and
 * has room for `capacity`; whoever has it frees it.  False: there is no memory,
 * and all is as it was.
 */
#define make_room(array, capacity, count)                                      \
  room_make(&(array), &(capacity), (count), sizeof(*(array)))
bool room_make(void *array, size_t *capacity, size_t count, size_t size);

#endif
