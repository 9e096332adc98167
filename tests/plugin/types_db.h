/* SPDX-License-Identifier: MIT */
/*
 * collectd's own types.db: what a value list of a type must look like.
 */
#ifndef PROCTRACE_TESTS_TYPES_DB_H
#define PROCTRACE_TESTS_TYPES_DB_H

#include <stddef.h>

enum { DATA_SOURCES_MAX = 8 };

struct data_source {
  int kind; /* DS_TYPE_* of collectd */
  double min, max;
};

struct data_type {
  char name[64];
  size_t sources_num;
  struct data_source sources[DATA_SOURCES_MAX];
};

/*
 * The type of this name; NULL when types.db does not have it.  The file is
 * read at the first call; that it is missing ends the program.
 */
const struct data_type *types_db_find(const char *name);

#endif
