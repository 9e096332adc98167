/* SPDX-License-Identifier: MIT */
/*
 * collectd's meta data, as far as the plugin uses it, and what tests read.
 */
#ifndef PROCTRACE_TESTS_META_H
#define PROCTRACE_TESTS_META_H

#include <collectd/core/daemon/plugin.h>

meta_data_t *meta_clone(const meta_data_t *meta);

/* The value of an entry as text; NULL when there is none. */
const char *meta_text(const meta_data_t *meta, const char *key);

#endif
