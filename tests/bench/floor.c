/* SPDX-License-Identifier: MIT
 *
 * What the kernel alone asks; see floor.h.
 */
#include "floor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = FLOOR_DESCRIPTORS - 1, PID_LIMIT = 1 << 22 };

static const char *const names[FLOOR_DESCRIPTORS] = {"stat", "status", "io",
                                                     "schedstat", "fd"};
static char buffer[8192];

static char *path_of(const char *pid, const char *name) {
  static char path[64];
  char *end = stpcpy(stpcpy(path, "/proc/"), pid);
  *end++ = '/';
  strcpy(end, name);
  return path;
}

static void fetch(const char *pid, const char *name) {
  int fd = open(path_of(pid, name), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (read(fd, buffer, sizeof(buffer)) < 0)
    buffer[0] = '\0';
  close(fd);
}

static void fetch_stat(const char *pid) { fetch(pid, "stat"); }

static void fetch_open(const char *pid) {
  struct stat status;
  for (int i = 0; i < FILES; i++)
    fetch(pid, names[i]);
  stat(path_of(pid, "fd"), &status);
}

static void fetch_kept(const char *pid) {
  /* Of each pid; 0 where none was opened yet. */
  static int kept[PID_LIMIT][FLOOR_DESCRIPTORS];
  int *fds = kept[atoi(pid)];
  bool new = fds[0] == 0;
  for (int i = 0; new &&i < FLOOR_DESCRIPTORS; i++)
    fds[i] = open(path_of(pid, names[i]),
                  (i == FILES ? O_PATH : O_RDONLY) | O_CLOEXEC);
  for (int i = 0; i < FILES; i++)
    if (pread(fds[i], buffer, sizeof(buffer), 0) < 0)
      buffer[0] = '\0';
  struct stat status;
  fstat(fds[FILES], &status);
}

static long fetch_all(void (*fetch_of)(const char *pid)) {
  long processes = 0;
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
      continue;
    processes++;
    fetch_of(entry->d_name);
  }
  if (proc != NULL)
    closedir(proc);
  return processes;
}

long floor_open(void) { return fetch_all(fetch_open); }
long floor_kept(void) { return fetch_all(fetch_kept); }
long floor_stat(void) { return fetch_all(fetch_stat); }
