/* SPDX-License-Identifier: MIT */
/*
 * Reading one file of /proc.
 *
 * Everything is relative to a descriptor of the proc root.  A seq_file gives
 * its whole text to one read() that is large enough, so that one read is one
 * consistent look; a read that fills the buffer is repeated with a larger one.
 */
#ifndef PROCTRACE_PROCFILE_H
#define PROCTRACE_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A buffer that grows; zero it at first, free(data) at the end. */
struct text {
  char *data;
  size_t capacity;
};

#define PROC_PATH_SIZE 64

/*
 * "<pid>/<name>", or "<pid>/task/<tid>/<name>" where tid is not 0.  The name
 * is one of ours and short.
 */
void proc_path(char path[PROC_PATH_SIZE], pid_t pid, pid_t tid,
               const char *name);

/* An error of this daemon or machine, and not of the file: no memory, no
 * descriptor, nothing (EIO) or only a part of it (EBADMSG) was read. */
bool error_may_pass(int error);

/*
 * The text of a file: its length, or a negative errno.  At most 1 MiB is
 * taken of it.
 */
ssize_t proc_read(int root_fd, const char *path, struct text *text);

/* Its first `most` bytes, where the rest would be dear. */
ssize_t proc_read_head(int root_fd, const char *path, struct text *text,
                       size_t most);

/* All of it, from a descriptor that is kept open. */
ssize_t proc_reread(int fd, struct text *text);

/* Where a link leads to. */
ssize_t proc_read_link(int root_fd, const char *path, struct text *text);

/* Whole numbers among the names in a directory, in the kernel's order. */
struct proc_numbers {
  pid_t *numbers;
  size_t count, capacity;
};

/* False: no memory. */
bool proc_numbers_add(struct proc_numbers *list, pid_t number);

/* Ascending; the kernel lists processes so already, a directory does not. */
void proc_numbers_sort(struct proc_numbers *list);

/* Fill `out` anew.  Returns 0 or a negative errno (what was found up to it
 * stays). */
int proc_list(int root_fd, const char *path, struct proc_numbers *out);

#endif
