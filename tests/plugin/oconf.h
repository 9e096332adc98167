/* SPDX-License-Identifier: MIT */
/*
 * Text in collectd.conf's syntax to the tree that collectd hands to plugins.
 */
#ifndef PROCTRACE_TESTS_OCONF_H
#define PROCTRACE_TESTS_OCONF_H

#include <collectd/liboconfig/oconfig.h>

/*
 * The items of the text are the children of the root.  A syntax error is an
 * error of the test and ends the program.
 */
oconfig_item_t *oconf_parse(const char *text);
void oconf_free(oconfig_item_t *root);

/* What an item holds, and not the item. */
void oconf_free_content(oconfig_item_t *item);

#endif
