/* SPDX-License-Identifier: MIT */
#include "room.h"

#include <stdlib.h>
#include <string.h>

/*
 * Growth is by half: doubling would cost a machine of 10,000 processes up to
 * 3 MB that nobody uses.
 */
bool room_make(void *array, size_t *capacity, size_t count, size_t size) {
  void *old;
  if (count <= *capacity)
    return true;
  size_t wanted = *capacity + *capacity / 2 + 32;
  if (wanted < count)
    wanted = count;
  memcpy(&old, array, sizeof(old)); /* a pointer of any type */
  void *larger = realloc(old, wanted * size);
  if (larger == NULL)
    return false;
  memcpy(array, &larger, sizeof(larger));
  *capacity = wanted;
  /* cppcheck-suppress memleak ; the caller's pointer has it now */
  return true;
}
