/* SPDX-License-Identifier: MIT */
#include "snapshot.h"

#include "room.h"

#include <stdlib.h>
#include <string.h>

#define APPEND(snapshot, array, count, capacity)                               \
  do {                                                                         \
    if (!make_room((snapshot)->array, (snapshot)->capacity,                    \
                   (snapshot)->count + 1))                                     \
      return NULL;                                                             \
    memset(&(snapshot)->array[(snapshot)->count], 0,                           \
           sizeof(*(snapshot)->array));                                        \
    return &(snapshot)->array[(snapshot)->count++];                            \
  } while (0)

struct task *snapshot_add_task(struct snapshot *snapshot) {
  APPEND(snapshot, tasks, count, capacity);
}

struct task *snapshot_add_thread(struct snapshot *snapshot) {
  APPEND(snapshot, threads, thread_count, thread_capacity);
}

struct ended *snapshot_add_ended(struct snapshot *snapshot) {
  APPEND(snapshot, ended, ended_count, ended_capacity);
}

struct wchan *snapshot_add_wchan(struct snapshot *snapshot) {
  APPEND(snapshot, wchans, wchan_count, wchan_capacity);
}

struct sleeper *snapshot_add_sleeper(struct snapshot *snapshot) {
  APPEND(snapshot, sleepers, sleeper_count, sleeper_capacity);
}

bool snapshot_add_missed(struct snapshot *snapshot, pid_t pid) {
  if (!make_room(snapshot->missed, snapshot->missed_capacity,
                 snapshot->missed_count + 1))
    return false;
  snapshot->missed[snapshot->missed_count++] = pid;
  return true;
}

int compare_pids(const void *a, const void *b) {
  pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
  return (left > right) - (left < right);
}

bool snapshot_has_missed(const struct snapshot *snapshot, pid_t pid) {
  return snapshot->missed_count > 0 &&
         bsearch(&pid, snapshot->missed, snapshot->missed_count, sizeof(pid_t),
                 compare_pids) != NULL;
}

bool snapshot_may_live(const struct snapshot *snapshot, pid_t pid) {
  return !snapshot->complete || snapshot_has_missed(snapshot, pid);
}

void snapshot_reset(struct snapshot *snapshot) {
  snapshot->count = 0;
  snapshot->thread_count = 0;
  snapshot->ended_count = 0;
  snapshot->wchan_count = 0;
  snapshot->sleeper_count = 0;
  snapshot->sleepers_cut = false;
  snapshot->missed_count = 0;
  snapshot->complete = false;
  snapshot->rebase = 0;
  memset(snapshot->losses, 0, sizeof(snapshot->losses));
}

void snapshot_free(struct snapshot *snapshot) {
  free(snapshot->tasks);
  free(snapshot->threads);
  free(snapshot->ended);
  free(snapshot->wchans);
  free(snapshot->sleepers);
  free(snapshot->missed);
  memset(snapshot, 0, sizeof(*snapshot));
}
