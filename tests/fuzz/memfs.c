/* SPDX-License-Identifier: MIT */
#include "memfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILES_MOST 128
#define OPEN_MOST 512
#define PATH_SIZE 128
/* Above all that the kernel gives. */
#define FIRST_DESCRIPTOR (1 << 24)
/* So many names in one getdents64(2), so that there are several. */
#define NAMES_AT_ONCE 5

struct file {
  char path[PATH_SIZE];
  struct input content;
  bool is_plain; /* its first bytes say nothing */
};

static struct {
  struct file files[FILES_MOST];
  size_t count;
  bool is_proc;
  struct {
    bool in_use;
    size_t done; /* names of a directory that were listed, or bytes read */
    char path[PATH_SIZE];
  } open[OPEN_MOST];
  unsigned descriptors;
} memfs;
/* The plugin's helper thread reads, too. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- files --- */

static struct file *find(const char *path) {
  for (size_t i = 0; i < memfs.count; i++)
    if (strcmp(memfs.files[i].path, path) == 0)
      return &memfs.files[i];
  return NULL;
}

void memfs_begin(bool is_proc) {
  memfs.count = 0;
  memfs.is_proc = is_proc;
}

static void put(const struct file *file) {
  struct file *old = find(file->path);
  if (old != NULL)
    *old = *file;
  else if (memfs.count < FILES_MOST)
    memfs.files[memfs.count++] = *file;
}

void memfs_put(const char *path, const void *data, size_t length) {
  struct file file = {.content = {data, (const uint8_t *)data + length},
                      .is_plain = true};
  snprintf(file.path, sizeof(file.path), "%s", path);
  put(&file);
}

void memfs_remove(const char *path) {
  struct file *file = find(path);
  if (file != NULL)
    *file = memfs.files[--memfs.count];
}

static void change_file(struct input text) {
  struct file file = {.is_plain = false};
  struct input path = take_until(&text, '=');
  if (left(&path) >= PATH_SIZE)
    return;
  memcpy(file.path, path.at, left(&path));
  file.content = text;
  if (path.end == text.end && left(&text) == 0) /* no '=' */
    memfs_remove(file.path);
  else
    put(&file);
}

void memfs_change(struct input text) {
  while (left(&text) > 0)
    change_file(take_until(&text, 0x1e));
}

unsigned memfs_descriptors(void) { return memfs.descriptors; }

/* What fails of a file: '!' or '?'; 0 where nothing does. */
static int error_of(const struct file *file, char what) {
  static const int errors[] = {EACCES, EPERM,  ENOENT, ESRCH, EIO,
                               EMFILE, ENFILE, ENOMEM, EINVAL};
  struct input content = file->content;
  if (file->is_plain || take_byte(&content) != (uint8_t)what)
    return 0;
  return errors[take_byte(&content) % (sizeof(errors) / sizeof(errors[0]))];
}

int memfs_content(const char *path, struct input *content) {
  const struct file *file = find(path);
  if (file == NULL)
    return ENOENT;
  *content = file->content;
  return error_of(file, '!');
}

/* The first bytes of a file; how many there were. */
static size_t copy_content(const struct file *file, char *out, size_t size) {
  struct input content = file->content;
  size_t length = left(&content);
  if (!file->is_plain && length > 2 && content.at[0] == '*') {
    length = content.at[1] % 16u * 4096u;
    content.at += 2;
  }
  size_t n = length < size ? length : size, unit = left(&content);
  for (size_t at = 0; at < n; at += unit)
    memcpy(out + at, content.at, n - at < unit ? n - at : unit);
  return n;
}

/* --- descriptors --- */

static bool is_ours(int fd) {
  return fd >= FIRST_DESCRIPTOR && fd < FIRST_DESCRIPTOR + OPEN_MOST;
}

static int failed(int error) {
  errno = error;
  return -1;
}

static int give_descriptor(const char *path) {
  int place = 0;
  while (place < OPEN_MOST && memfs.open[place].in_use)
    place++;
  if (place == OPEN_MOST)
    return failed(EMFILE);
  memfs.open[place].in_use = true;
  memfs.open[place].done = 0;
  strcpy(memfs.open[place].path, path);
  memfs.descriptors++;
  return FIRST_DESCRIPTOR + place;
}

/* Of an open descriptor; NULL: its process is gone. */
static const struct file *file_of(int fd) {
  CHECK(memfs.open[fd - FIRST_DESCRIPTOR].in_use);
  return find(memfs.open[fd - FIRST_DESCRIPTOR].path);
}

/* A path of the plugin, from the root; false: it is none of ours. */
static bool resolve(int directory, const char *path, char out[PATH_SIZE]) {
  if (strncmp(path, MEMFS_ROOT, strlen(MEMFS_ROOT)) == 0) {
    path += strlen(MEMFS_ROOT);
    path += *path == '/';
  } else if (!is_ours(directory)) {
    return false;
  }
  snprintf(out, PATH_SIZE, "%s", path);
  return true;
}

static int open_path(const char *path) {
  const struct file *file = find(path);
  if (path[0] == '\0')
    return give_descriptor(path);
  if (file == NULL)
    return failed(ENOENT);
  int error = error_of(file, '!');
  return error != 0 ? failed(error) : give_descriptor(path);
}

static ssize_t read_content(int fd, void *out, size_t size) {
  const struct file *file = file_of(fd);
  if (file == NULL)
    return failed(ESRCH);
  int error = error_of(file, '?');
  return error != 0 ? failed(error) : (ssize_t)copy_content(file, out, size);
}

/* --- directories --- */

/* The name in a directory with this number; false: there are no more. */
static bool name_at(const struct file *file, size_t number, char name[64]) {
  struct input names = file->content;
  for (size_t i = 0; left(&names) > 0; i++) {
    struct input word = take_until(&names, ' ');
    if (i < number)
      continue;
    size_t length = left(&word) < 63 ? left(&word) : 63;
    memcpy(name, word.at, length);
    name[length] = '\0';
    return true;
  }
  return false;
}

/* A directory has no name twice. */
static bool is_first(const struct file *file, size_t number, const char *name) {
  char other[64];
  for (size_t i = 0; i < number; i++)
    if (name_at(file, i, other) && strcmp(name, other) == 0)
      return false;
  return true;
}

static ssize_t list(int fd, char *out, size_t size) {
  const struct file *file = file_of(fd);
  size_t *listed = &memfs.open[fd - FIRST_DESCRIPTOR].done;
  ssize_t n = 0;
  char name[64];
  if (file == NULL)
    return 0;
  if (error_of(file, '?') != 0)
    return failed(error_of(file, '?'));
  for (int i = 0; i < NAMES_AT_ONCE && name_at(file, *listed, name); i++) {
    struct dirent64 *entry = (struct dirent64 *)(void *)(out + n);
    CHECK((size_t)n + sizeof(*entry) <= size);
    if (is_first(file, (*listed)++, name)) {
      entry->d_ino = *listed;
      entry->d_type = DT_DIR;
      entry->d_reclen = (unsigned short)((offsetof(struct dirent64, d_name) +
                                          strlen(name) + 8) /
                                         8 * 8);
      strcpy(entry->d_name, name);
      n += entry->d_reclen;
    }
  }
  return n == 0 && name_at(file, *listed, name) ? list(fd, out, size) : n;
}

static int status_of(const char *path, struct stat *out) {
  const struct file *file = find(path);
  if (file == NULL)
    return failed(ENOENT);
  if (error_of(file, '!') != 0)
    return failed(error_of(file, '!'));
  struct input content = file->content;
  *out = (struct stat){.st_size = (off_t)left(&content)};
  out->st_uid = take_byte(&content) % 3u;
  return 0;
}

/* --- in the place of the C library's --- */

#define WRAP(type, name, ...)                                                  \
  type __real_##name(__VA_ARGS__);                                             \
  type __wrap_##name(__VA_ARGS__);                                             \
  type __wrap_##name(__VA_ARGS__)

static mode_t mode_of(int flags, va_list arguments) {
  return flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
}

WRAP(int, openat, int directory, const char *path, int flags, ...) {
  char ours[PATH_SIZE];
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  if (!resolve(directory, path, ours))
    return __real_openat(directory, path, flags, mode);
  pthread_mutex_lock(&lock);
  int fd = open_path(ours);
  pthread_mutex_unlock(&lock);
  return fd;
}

WRAP(int, open, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return __wrap_openat(AT_FDCWD, path, flags, mode);
}

WRAP(int, close, int fd) {
  if (!is_ours(fd))
    return __real_close(fd);
  pthread_mutex_lock(&lock);
  CHECK(memfs.open[fd - FIRST_DESCRIPTOR].in_use);
  memfs.open[fd - FIRST_DESCRIPTOR].in_use = false;
  memfs.descriptors--;
  pthread_mutex_unlock(&lock);
  return 0;
}

WRAP(ssize_t, pread, int fd, void *out, size_t size, off_t offset) {
  if (!is_ours(fd))
    return __real_pread(fd, out, size, offset);
  CHECK(offset == 0);
  pthread_mutex_lock(&lock);
  ssize_t n = read_content(fd, out, size);
  pthread_mutex_unlock(&lock);
  return n;
}

/* All of a file at once, then its end. */
WRAP(ssize_t, read, int fd, void *out, size_t size) {
  if (!is_ours(fd))
    return __real_read(fd, out, size);
  size_t *done = &memfs.open[fd - FIRST_DESCRIPTOR].done;
  ssize_t n = *done > 0 ? 0 : __wrap_pread(fd, out, size, 0);
  *done += n > 0 ? (size_t)n : 0;
  return n;
}

/* Of streams the plugin opens <root>/self/status alone. */
WRAP(FILE *, fopen, const char *path, const char *mode) {
  char status[32];
  if (strncmp(path, MEMFS_ROOT, strlen(MEMFS_ROOT)) != 0)
    return __real_fopen(path, mode);
  int length = snprintf(status, sizeof(status), "NSpid:\t%d\n", (int)getpid());
  FILE *file = fmemopen(NULL, sizeof(status), "w+");
  CHECK(file != NULL);
  fwrite(status, 1, (size_t)length, file);
  rewind(file);
  return file;
}

WRAP(ssize_t, getdents64, int fd, void *out, size_t size) {
  if (!is_ours(fd))
    return __real_getdents64(fd, out, size);
  pthread_mutex_lock(&lock);
  ssize_t n = list(fd, out, size);
  pthread_mutex_unlock(&lock);
  return n;
}

WRAP(ssize_t, readlinkat, int directory, const char *path, char *out,
     size_t size) {
  char ours[PATH_SIZE];
  if (!resolve(directory, path, ours))
    return __real_readlinkat(directory, path, out, size);
  pthread_mutex_lock(&lock);
  const struct file *file = find(ours);
  int error = file == NULL ? ENOENT : error_of(file, '!');
  ssize_t n =
      error != 0 ? failed(error) : (ssize_t)copy_content(file, out, size);
  pthread_mutex_unlock(&lock);
  return n;
}

WRAP(int, fstatat, int directory, const char *path, struct stat *out,
     int flags) {
  char ours[PATH_SIZE];
  if (!resolve(directory, path, ours))
    return __real_fstatat(directory, path, out, flags);
  pthread_mutex_lock(&lock);
  int status = status_of(ours, out);
  pthread_mutex_unlock(&lock);
  return status;
}

WRAP(int, fstat, int fd, struct stat *out) {
  if (!is_ours(fd))
    return __real_fstat(fd, out);
  pthread_mutex_lock(&lock);
  int status = status_of(memfs.open[fd - FIRST_DESCRIPTOR].path, out);
  pthread_mutex_unlock(&lock);
  return status;
}

WRAP(int, fstatfs, int fd, struct statfs *out) {
  if (!is_ours(fd))
    return __real_fstatfs(fd, out);
  *out =
      (struct statfs){.f_type = memfs.is_proc ? PROC_SUPER_MAGIC : TMPFS_MAGIC};
  return 0;
}
