/* SPDX-License-Identifier: MIT */
/*
 * A proc file system in memory, of the fuzzer's bytes.
 *
 * The linker puts its functions in the place of the C library's (--wrap): every
 * path below MEMFS_ROOT is found here, any other where it always was.
 *
 * Its text is files, parted by a byte 0x1e: a path below the root, '=' and the
 * content; a path alone takes the file away.  A directory's content is the
 * names in it, with blanks between.  A content that begins with
 *   !a   cannot be opened: a letter for each error
 *   ?a   cannot be read
 *   *9   is what follows, repeated up to so many times 4 KiB
 */
#ifndef PROCTRACE_TESTS_MEMFS_H
#define PROCTRACE_TESTS_MEMFS_H

#include "fuzz.h"

#define MEMFS_ROOT "/fuzzed"

/* Empty; is_proc: what statfs(2) says of it. */
void memfs_begin(bool is_proc);

/* Change files; the text must last. */
void memfs_change(struct input text);

/* A file of these bytes, whatever they begin with; they must last. */
void memfs_put(const char *path, const void *data, size_t length);
void memfs_remove(const char *path);

/* What a file holds; 0 or an errno. */
int memfs_content(const char *path, struct input *content);

/* Descriptors that are open. */
unsigned memfs_descriptors(void);

#endif
