/* SPDX-License-Identifier: MIT */
#include "known.h"

#include "procfile.h"
#include "room.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As population.c believes that who is missing may live. */
#define INCOMPLETE_INTERVALS 10

const char *const kept_names[KEPTS] = {"stat", "status", "io", "schedstat",
                                       "fd"};

static void drop_descriptors(struct known_table *table, struct known *known) {
  for (int i = 0; i < KEPTS; i++) {
    if (known->fds[i] >= 0) {
      close(known->fds[i]);
      table->descriptors--;
    }
    known->fds[i] = -1;
  }
}

void known_give_back(struct known_table *table) {
  for (size_t i = 0; i < table->count; i++)
    drop_descriptors(table, table->list[i]);
  table->max_descriptors /= 2;
}

int known_descriptor(struct known_table *table, struct known *known,
                     enum kept which) {
  if (known->fds[which] >= 0 || table->descriptors >= table->max_descriptors)
    return known->fds[which];
  char path[PROC_PATH_SIZE];
  proc_path(path, known->pid, 0, kept_names[which]);
  int flags = which == KEPT_FD ? O_PATH : O_RDONLY;
  known->fds[which] = openat(table->root_fd, path, flags | O_CLOEXEC);
  if (known->fds[which] >= 0)
    table->descriptors++;
  return known->fds[which];
}

/*
 * The place of this pid, or where it would stand.  Processes come in order:
 * mostly it is the one behind the last.
 */
static size_t known_place(struct known_table *table, pid_t pid) {
  size_t low = 0, high = table->count;
  size_t hint = table->hint;
  if (hint < high && table->list[hint]->pid == pid)
    low = high = hint;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table->list[middle]->pid < pid)
      low = middle + 1;
    else
      high = middle;
  }
  table->hint = low;
  return low;
}

struct known *known_find(struct known_table *table, pid_t pid) {
  size_t place = known_place(table, pid);
  if (place == table->count || table->list[place]->pid != pid)
    return NULL;
  table->hint = place + 1;
  return table->list[place];
}

static void known_init(struct known *known, const struct task *task) {
  *known = (struct known){.pid = task->pid, .start = task->start};
  for (int i = 0; i < KEPTS; i++)
    known->fds[i] = -1;
}

static void known_clear(struct known_table *table, struct known *known) {
  drop_descriptors(table, known);
  free(known->threads);
}

struct known *known_get(struct known_table *table, const struct task *task) {
  struct known *known = known_find(table, task->pid);
  if (known == NULL) {
    known = malloc(sizeof(*known));
    if (known == NULL ||
        !make_room(table->list, table->capacity, table->count + 1)) {
      free(known);
      return NULL;
    }
    known_init(known, task);
    size_t place = table->hint;
    memmove(&table->list[place + 1], &table->list[place],
            (table->count - place) * sizeof(struct known *));
    table->list[place] = known;
    table->count++;
    table->hint = place + 1;
  } else if (known->start != task->start) {
    known_clear(table, known);
    known_init(known, task);
  }
  known->interval = table->interval;
  return known;
}

void known_interval(struct known_table *table) {
  size_t kept = 0;
  unsigned most = table->incomplete ? INCOMPLETE_INTERVALS : 2;
  for (size_t i = 0; i < table->count; i++) {
    struct known *known = table->list[i];
    if (table->interval - known->interval < most) {
      table->list[kept++] = known;
    } else {
      known_clear(table, known);
      free(known);
    }
  }
  table->count = kept;
  table->interval++;
  table->incomplete = false;
}

void known_free(struct known_table *table) {
  for (size_t i = 0; i < table->count; i++) {
    known_clear(table, table->list[i]);
    free(table->list[i]);
  }
  free(table->list);
}
