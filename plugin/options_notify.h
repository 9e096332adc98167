/* SPDX-License-Identifier: MIT */
/*
 * The option Notify.
 */
#ifndef PROCTRACE_OPTIONS_NOTIFY_H
#define PROCTRACE_OPTIONS_NOTIFY_H

#include "options.h"

struct oconfig_item_s;

void read_notify(struct options *options, const struct oconfig_item_s *item);

#endif
