/* SPDX-License-Identifier: MIT */
#include "bpf_pins.h"

#include <bpf/bpf.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PATH_SIZE 512
#define LOAD_PREFIX "load-"

/* What is pinned as `layout`. */
struct layout {
  uint32_t abi, size; /* PROCTRACE_ABI, sizeof(struct layout) */
  struct probe_setup setup;
  struct probe_state state;
  uint32_t shards, threads;
};

/* --- the maps --- */

static const struct {
  const char *name;
  size_t fd; /* in struct map_fds */
  bool writable;
} maps[] = {
#define MAP(name, writable)                                                    \
  { #name, offsetof(struct map_fds, name), writable }
#define RESULT(name, map)                                                      \
  { name, offsetof(struct map_fds, results) + (map) * sizeof(int), false }
    MAP(watch, true),
    MAP(epoch, true),
    MAP(losses, false),
    MAP(cells, false),
    MAP(requests, false),
    MAP(connects, false),
    MAP(exits, false),
    MAP(exit_count, false),
    RESULT("syscalls", MAP_SYSCALL),
    RESULT("named", MAP_NAMED),
    RESULT("scheds", MAP_SCHED),
    RESULT("blocks", MAP_BLOCK),
    RESULT("tcpconnects", MAP_TCPCONNECT),
};
#define MAPS (sizeof(maps) / sizeof(maps[0]))

static int *fd_of(struct bpf_programs *programs, size_t map) {
  return (int *)((char *)&programs->fds + maps[map].fd);
}

/* --- trust --- */

/* False after a reason.  A directory has a group that may look into it. */
static bool is_trusted(const char *path, mode_t type, mode_t group_may,
                       char *reason, size_t size) {
  struct stat info;
  if (lstat(path, &info) != 0)
    snprintf(reason, size, "%s: %s", path, strerror(errno));
  else if ((info.st_mode & S_IFMT) != type)
    snprintf(reason, size, "%s is not what `proctrace-bpf load` makes", path);
  else if (info.st_uid != 0)
    snprintf(reason, size, "%s belongs to user %u and not to root", path,
             info.st_uid);
  else if (info.st_mode & (S_IWGRP | S_IRWXO) & ~group_may)
    snprintf(reason, size,
             "%s can be used by others than root and its group; chmod "
             "g-w,o-rwx %s",
             path, path);
  else
    return true;
  return false;
}

static bool is_bpffs(const char *path) {
  struct statfs info;
  return statfs(path, &info) == 0 && (unsigned long)info.f_type == BPF_FS_MAGIC;
}

static bool join(char out[PATH_SIZE], const char *directory, const char *name) {
  return snprintf(out, PATH_SIZE, "%s/%s", directory, name) < PATH_SIZE;
}

/* --- who has it --- */

pid_t find_reader(const char *directory) {
  char path[PATH_SIZE], line[256];
  struct stat info;
  if (!join(path, directory, "current") || stat(path, &info) != 0)
    return 0;
  FILE *locks = fopen("/proc/locks", "re");
  pid_t found = 0;
  while (locks != NULL && found == 0 &&
         fgets(line, sizeof(line), locks) != NULL) {
    int pid;
    unsigned major_, minor_;
    unsigned long inode;
    if (sscanf(line, "%*u: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major_, &minor_,
               &inode) == 4 &&
        inode == info.st_ino && makedev(major_, minor_) == info.st_dev)
      found = pid;
  }
  if (locks != NULL)
    fclose(locks);
  return found;
}

/* --- to read --- */

/* Which load is the current one: the name alone, as root has made it. */
static bool read_current(const char *directory, char out[64]) {
  char path[PATH_SIZE];
  ssize_t n = join(path, directory, "current") ? readlink(path, out, 63) : -1;
  if (n <= 0)
    return false;
  out[n] = '\0';
  return strncmp(out, LOAD_PREFIX, strlen(LOAD_PREFIX)) == 0 &&
         strchr(out, '/') == NULL;
}

static int open_pin(const char *directory, const char *name, bool writable,
                    char *reason, size_t size) {
  char path[PATH_SIZE];
  struct bpf_obj_get_opts options;
  memset(&options, 0, sizeof(options)); /* padding, too: see bpf_load.c */
  options.sz = sizeof(options);
  options.file_flags = writable ? 0 : BPF_F_RDONLY;
  if (!join(path, directory, name) ||
      !is_trusted(path, S_IFREG, writable ? S_IWGRP : 0, reason, size))
    return -1;
  int fd = bpf_obj_get_opts(path, &options);
  if (fd < 0)
    snprintf(reason, size, "%s: %s", path, strerror(-fd));
  return fd;
}

static bool read_layout(struct bpf_programs *programs, char *reason,
                        size_t size) {
  struct layout layout;
  struct bpf_map_info info = {0};
  uint32_t info_size = sizeof(info), first = 0;
  int fd = open_pin(programs->pins, "layout", false, reason, size);
  if (fd < 0)
    return false;
  bool ours = bpf_obj_get_info_by_fd(fd, &info, &info_size) == 0 &&
              info.value_size == sizeof(layout) &&
              bpf_map_lookup_elem(fd, &first, &layout) == 0 &&
              layout.abi == PROCTRACE_ABI && layout.size == sizeof(layout);
  close(fd);
  if (!ours) {
    snprintf(reason, size,
             "%s was pinned by another version of proctrace; run "
             "`proctrace-bpf load` of this one",
             programs->pins);
    return false;
  }
  programs->setup = layout.setup;
  programs->state = layout.state;
  programs->shards = layout.shards;
  programs->threads = layout.threads != 0;
  return true;
}

/* Its programs tell what they cost, to those who may know. */
static void open_programs_pins(struct bpf_programs *programs) {
  char name[64], ignored[PATH_SIZE + 64];
  for (int i = 0; i < PROGRAMS; i++) {
    snprintf(name, sizeof(name), "program-%s", program_name(i));
    programs->program_fds[i] =
        open_pin(programs->pins, name, false, ignored, sizeof(ignored));
  }
}

/* Whoever had it before has left what it watched. */
static void forget_watched(struct bpf_programs *programs) {
  uint32_t first = 0, pid;
  while (bpf_map_get_next_key(programs->fds.watch, NULL, &pid) == 0) {
    int error = bpf_map_delete_elem(programs->fds.watch, &pid);
    if (error != 0 && error != -ENOENT) /* -ENOENT: it has just ended */
      break;
  }
  bpf_map_lookup_elem(programs->fds.epoch, &first, &programs->epoch);
  commit_watched(programs);
  bpf_map_lookup_elem(programs->fds.exit_count, &first, &programs->exits_read);
}

static bool take(struct bpf_programs *programs, const char *directory,
                 char *reason, size_t size) {
  programs->lock = open(programs->pins, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (programs->lock >= 0 && flock(programs->lock, LOCK_EX | LOCK_NB) == 0)
    return true;
  if (programs->lock >= 0 && errno == EWOULDBLOCK)
    snprintf(reason, size, "%s: process %d reads it", directory,
             (int)find_reader(directory));
  else
    snprintf(reason, size, "%s: %s", programs->pins, strerror(errno));
  return false;
}

static bool open_all(struct bpf_programs *programs, const char *directory,
                     bool to_read, char *reason, size_t size) {
  char path[PATH_SIZE];
  if (!is_trusted(directory, S_IFDIR, 0, reason, size))
    return false;
  if (!read_current(directory, programs->current)) {
    if (errno == EACCES)
      snprintf(reason, size,
               "%s is not open to this user: it is not in the "
               "group that `proctrace-bpf load` names",
               directory);
    else
      snprintf(reason, size, "%s: nothing is loaded; run `proctrace-bpf load`",
               directory);
    return false;
  }
  if (!join(path, directory, programs->current) ||
      (programs->pins = strdup(path)) == NULL)
    return false;
  if (!is_trusted(path, S_IFDIR, 0, reason, size) ||
      !read_layout(programs, reason, size) ||
      (to_read && !take(programs, directory, reason, size)))
    return false;
  for (size_t i = 0; i < MAPS; i++) {
    int fd = open_pin(path, maps[i].name, maps[i].writable, reason, size);
    if (fd < 0)
      return false;
    *fd_of(programs, i) = fd;
  }
  open_programs_pins(programs);
  if (to_read)
    forget_watched(programs);
  return true;
}

static struct bpf_programs *open_pins(const char *directory, bool to_read,
                                      char *reason, size_t size) {
  struct bpf_programs *programs = calloc(1, sizeof(*programs));
  snprintf(reason, size, "out of memory");
  if (programs == NULL)
    return NULL;
  programs->lock = -1;
  memset(programs->program_fds, 0xff, sizeof(programs->program_fds));
  for (size_t i = 0; i < MAPS; i++)
    *fd_of(programs, i) = -1;
  if (open_all(programs, directory, to_read, reason, size))
    return programs;
  if (programs->pins != NULL)
    close_pinned(programs);
  free(programs);
  return NULL;
}

struct bpf_programs *open_pinned(const char *directory, char *reason,
                                 size_t size) {
  return open_pins(directory, true, reason, size);
}

struct bpf_programs *look_at_pinned(const char *directory, char *reason,
                                    size_t size) {
  return open_pins(directory, false, reason, size);
}

int count_watched(const struct bpf_programs *programs) {
  return count_entries(programs->fds.watch, programs->setup.slots + HEIRS_ROOM);
}

/* Whether the directory at this path is the one that we keep open: its name may
 * have come again. */
static bool is_ours(const struct bpf_programs *programs, const char *path) {
  struct stat there, ours;
  return stat(path, &there) == 0 && fstat(programs->lock, &ours) == 0 &&
         there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/* Another load may have taken its place: `current` stands beside it. */
int open_pinned_iterator(struct bpf_programs *programs) {
  char path[PATH_SIZE], current[64];
  const char *name = strrchr(programs->pins, '/');
  snprintf(path, sizeof(path), "%.*s", (int)(name - programs->pins),
           programs->pins);
  if (!read_current(path, current) || strcmp(current, programs->current) != 0 ||
      !is_ours(programs, programs->pins))
    return -ESTALE;
  if (!join(path, programs->pins, "iterator"))
    return -ENAMETOOLONG;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void close_pinned(struct bpf_programs *programs) {
  for (size_t i = 0; i < MAPS; i++)
    if (*fd_of(programs, i) >= 0)
      close(*fd_of(programs, i));
  for (int i = 0; i < PROGRAMS; i++)
    if (programs->program_fds[i] >= 0)
      close(programs->program_fds[i]);
  if (programs->lock >= 0)
    close(programs->lock);
  free(programs->pins);
  programs->pins = NULL;
}

/* --- to pin --- */

static bool give(const char *path, gid_t group, mode_t mode, char *reason,
                 size_t size) {
  if (chown(path, 0, group) == 0 && chmod(path, mode) == 0)
    return true;
  snprintf(reason, size, "%s: %s", path, strerror(errno));
  return false;
}

static bool pin(int fd, const char *directory, const char *name, gid_t group,
                mode_t mode, char *reason, size_t size) {
  char path[PATH_SIZE];
  if (!join(path, directory, name))
    return false;
  int error = -bpf_obj_pin(fd, path);
  if (error == 0)
    return give(path, group, mode, reason, size);
  snprintf(reason, size, "%s: %s", path, strerror(error));
  return false;
}

static bool pin_layout(struct bpf_programs *programs, const char *directory,
                       gid_t group, char *reason, size_t size) {
  struct layout layout;
  memset(&layout, 0, sizeof(layout)); /* padding too */
  layout.abi = PROCTRACE_ABI;
  layout.size = sizeof(layout);
  layout.setup = programs->setup;
  layout.state = programs->state;
  layout.shards = programs->shards;
  layout.threads = programs->threads;
  uint32_t first = 0;
  int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "layout", sizeof(first),
                          sizeof(layout), 1, NULL);
  int error = fd < 0 ? -fd : -bpf_map_update_elem(fd, &first, &layout, BPF_ANY);
  bool pinned =
      error == 0 && pin(fd, directory, "layout", group, 0440, reason, size);
  if (error != 0)
    snprintf(reason, size, "cannot make a map: %s", strerror(error));
  if (fd >= 0)
    close(fd);
  return pinned;
}

static bool pin_all(struct bpf_programs *programs, const char *directory,
                    gid_t group, char *reason, size_t size) {
  char name[64];
  for (size_t i = 0; i < MAPS; i++)
    if (!pin(*fd_of(programs, i), directory, maps[i].name, group,
             maps[i].writable ? 0660 : 0440, reason, size))
      return false;
  for (int i = 0; i < PROGRAMS; i++) {
    if (i > 0 && programs->links[i] == NULL)
      continue;
    snprintf(name, sizeof(name), "program-%s", program_name(i));
    if (!pin(programs->program_fds[i], directory, name, group, 0440, reason,
             size))
      return false;
    snprintf(name, sizeof(name), "link-%s", program_name(i));
    if (i > 0 && !pin(bpf_link__fd(programs->links[i]), directory, name, group,
                      0400, reason, size))
      return false;
  }
  return pin(bpf_link__fd(programs->iterator), directory, "iterator", group,
             0440, reason, size) &&
         pin_layout(programs, directory, group, reason, size) &&
         give(directory, group, 0750, reason, size);
}

/* --- loads that were --- */

static void remove_load(const char *directory) {
  DIR *list = opendir(directory);
  char path[PATH_SIZE];
  struct dirent *entry;
  while (list != NULL && (entry = readdir(list)) != NULL)
    if (entry->d_name[0] != '.' && join(path, directory, entry->d_name))
      unlink(path);
  if (list != NULL)
    closedir(list);
  rmdir(directory);
}

static bool is_load(const char *name) {
  return strncmp(name, LOAD_PREFIX, strlen(LOAD_PREFIX)) == 0;
}

/* All but this one; NULL: all. */
static void remove_loads(const char *directory, const char *but) {
  DIR *list = opendir(directory);
  char path[PATH_SIZE];
  struct dirent *entry;
  while (list != NULL && (entry = readdir(list)) != NULL)
    if (is_load(entry->d_name) &&
        (but == NULL || strcmp(entry->d_name, but) != 0) &&
        join(path, directory, entry->d_name))
      remove_load(path);
  if (list != NULL)
    closedir(list);
}

static bool name_load(const char *directory, char out[64]) {
  char path[PATH_SIZE];
  struct stat info;
  for (unsigned n = 1; n < 1000000; n++) {
    snprintf(out, 64, LOAD_PREFIX "%u", n);
    if (!join(path, directory, out))
      return false;
    if (lstat(path, &info) != 0)
      return errno == ENOENT;
  }
  return false;
}

/* The directory itself: ours, or made now. */
static bool prepare(const char *directory, gid_t group, char *reason,
                    size_t size) {
  if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
    snprintf(reason, size, "%s: %s", directory, strerror(errno));
    return false;
  }
  if (!is_trusted(directory, S_IFDIR, 0, reason, size))
    return false;
  if (!is_bpffs(directory)) {
    snprintf(reason, size,
             "%s is not on a BPF file system; mount one: mount -t bpf bpf "
             "/sys/fs/bpf",
             directory);
    rmdir(directory); /* if it is empty, it may be of now */
    return false;
  }
  if (give(directory, group, 0750, reason, size))
    return true;
  rmdir(directory); /* likewise */
  return false;
}

/* Two loaders at a time would each remove the other's. */
static int lock_loads(const char *directory, char *reason, size_t size) {
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 && flock(fd, LOCK_EX) == 0)
    return fd;
  snprintf(reason, size, "%s: %s", directory, strerror(errno));
  if (fd >= 0)
    close(fd);
  return -1;
}

static bool switch_current(const char *directory, const char *name,
                           char *reason, size_t size) {
  char next[PATH_SIZE], current[PATH_SIZE];
  if (join(next, directory, "next") && join(current, directory, "current")) {
    unlink(next);
    if (symlink(name, next) == 0 && rename(next, current) == 0)
      return true;
  }
  snprintf(reason, size, "%s: %s", current, strerror(errno));
  unlink(next);
  return false;
}

bool pin_programs(struct bpf_programs *programs, const char *directory,
                  gid_t group, char *reason, size_t size) {
  char name[64], path[PATH_SIZE];
  if (!prepare(directory, group, reason, size))
    return false;
  int lock = lock_loads(directory, reason, size);
  if (lock < 0)
    return false;
  bool made = name_load(directory, name) && join(path, directory, name) &&
              mkdir(path, 0700) == 0;
  bool done = made && pin_all(programs, path, group, reason, size) &&
              switch_current(directory, name, reason, size);
  if (!made)
    snprintf(reason, size, "%s: %s", directory, strerror(errno));
  else if (!done)
    remove_load(path);
  else
    remove_loads(directory, name);
  close(lock);
  return done;
}

bool remove_pins(const char *directory, char *reason, size_t size) {
  char path[PATH_SIZE];
  struct stat info;
  if (lstat(directory, &info) != 0 && errno == ENOENT)
    return true;
  if (!is_trusted(directory, S_IFDIR, 0, reason, size))
    return false;
  int lock = lock_loads(directory, reason, size);
  if (lock < 0)
    return false;
  if (join(path, directory, "current"))
    unlink(path);
  remove_loads(directory, NULL);
  int failed = rmdir(directory) == 0 ? 0 : errno;
  close(lock);
  if (failed != 0)
    snprintf(reason, size, "%s: %s", directory, strerror(failed));
  return failed == 0;
}
