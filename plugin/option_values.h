/* SPDX-License-Identifier: MIT */
/*
 * Values of options, each of the kind that is wanted.
 *
 * What is of another kind is complained of, and not taken.
 */
#ifndef PROCTRACE_OPTION_VALUES_H
#define PROCTRACE_OPTION_VALUES_H

#include <stdbool.h>

struct oconfig_item_s;

/* What is left out for want of memory is complained of as well. */
#define NO_MEMORY "there is no memory for it, and it is left out"

/* One line: option, values and what would be right. */
void complain(const struct oconfig_item_s *item, const char *remedy);

/* A copy of a text, of the caller; NULL, and a complaint: no memory. */
char *copy_text(const struct oconfig_item_s *item, const char *text);

/* So many values, and lines of its own only where it is a block. */
bool has_shape(const struct oconfig_item_s *item, int values, bool is_block);

/* One string that is not empty, or NULL after a complaint. */
const char *get_text(const struct oconfig_item_s *item, const char *remedy);
/* A path from the root. */
bool get_path(const struct oconfig_item_s *item, char **out,
              const char *remedy);
bool get_whole(const struct oconfig_item_s *item, unsigned least, unsigned most,
               unsigned *out);
bool get_boolean(const struct oconfig_item_s *item, bool *out);

/* Without a complaint. */
bool is_whole(const struct oconfig_item_s *item, double least, double most);

#endif
