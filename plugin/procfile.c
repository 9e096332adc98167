/* SPDX-License-Identifier: MIT */
#include "procfile.h"

#include "room.h"
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY 8192
#define LAST_CAPACITY (1 << 20)

/* snprintf() is a tenth of the cost of reading a small file of /proc. */
static char *put_number(char *at, pid_t number) {
  char digits[16];
  int n = 0;
  do
    digits[n++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (n > 0)
    *at++ = digits[--n];
  return at;
}

void proc_path(char path[PROC_PATH_SIZE], pid_t pid, pid_t tid,
               const char *name) {
  char *at = put_number(path, pid);
  if (tid != 0) {
    at = stpcpy(at, "/task/");
    at = put_number(at, tid);
  }
  *at++ = '/';
  strcpy(at, name);
}

static bool reserve(struct text *text, size_t capacity) {
  if (text->capacity >= capacity)
    return true;
  char *larger = realloc(text->data, capacity);
  if (larger == NULL)
    return false;
  text->data = larger;
  text->capacity = capacity;
  return true;
}

bool error_may_pass(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM ||
         error == EIO || error == EBADMSG;
}

static ssize_t read_once(int fd, char *data, size_t size) {
  ssize_t n;
  do
    n = pread(fd, data, size, 0);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

ssize_t proc_reread(int fd, struct text *text) {
  if (!reserve(text, FIRST_CAPACITY))
    return -ENOMEM;
  ssize_t n;
  while ((n = read_once(fd, text->data, text->capacity)) ==
             (ssize_t)text->capacity &&
         text->capacity < LAST_CAPACITY)
    if (!reserve(text, text->capacity * 2))
      return -ENOMEM;
  return n;
}

ssize_t proc_read(int root_fd, const char *path, struct text *text) {
  int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  ssize_t n = proc_reread(fd, text);
  close(fd);
  return n;
}

ssize_t proc_read_head(int root_fd, const char *path, struct text *text,
                       size_t most) {
  if (!reserve(text, most))
    return -ENOMEM;
  int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  ssize_t n = read_once(fd, text->data, most);
  close(fd);
  return n;
}

ssize_t proc_read_link(int root_fd, const char *path, struct text *text) {
  if (!reserve(text, PATH_MAX))
    return -ENOMEM;
  ssize_t n = readlinkat(root_fd, path, text->data, PATH_MAX);
  return n < 0 ? -errno : n;
}

bool proc_numbers_add(struct proc_numbers *list, pid_t number) {
  if (!make_room(list->numbers, list->capacity, list->count + 1))
    return false;
  list->numbers[list->count++] = number;
  return true;
}

void proc_numbers_sort(struct proc_numbers *list) {
  for (size_t i = 1; i < list->count; i++) {
    if (list->numbers[i] <= list->numbers[i - 1]) {
      qsort(list->numbers, list->count, sizeof(pid_t), compare_pids);
      return;
    }
  }
}

/* The number that is the whole name, or -1.  The kernel prints no 0 before
 * others: 007 is not 7 again. */
static pid_t number_of(const char *name) {
  int64_t number = 0;
  const char *at = name;
  if (name[0] == '0' && name[1] != '\0')
    return -1;
  while (*at >= '0' && *at <= '9' && number <= INT32_MAX)
    number = number * 10 + (*at++ - '0');
  return at == name || *at != '\0' || number > INT32_MAX ? -1 : (pid_t)number;
}

/* getdents64() and not readdir(): opendir() would allocate 32 KiB each time,
 * for every process with threads. */
int proc_list(int root_fd, const char *path, struct proc_numbers *out) {
  _Alignas(struct dirent64) char buffer[32768];
  out->count = 0;
  int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int status = 0;
  for (;;) {
    ssize_t n = getdents64(fd, buffer, sizeof(buffer));
    if (n <= 0) {
      status = n < 0 ? -errno : 0;
      break;
    }
    for (ssize_t at = 0; at < n && status == 0;) {
      const struct dirent64 *entry = (const void *)(buffer + at);
      pid_t number = number_of(entry->d_name);
      if (number >= 0 && !proc_numbers_add(out, number))
        status = -ENOMEM;
      at += entry->d_reclen;
    }
    if (status != 0)
      break;
  }
  close(fd);
  return status;
}
