/* SPDX-License-Identifier: MIT */
/*
 * The probes' books to value lists.
 */
#ifndef PROCTRACE_REPORT_PROBES_H
#define PROCTRACE_REPORT_PROBES_H

#include "metrics.h"
#include "probes.h"
#include "sender.h"

/* All that a book has; the plugin_instance is its owner's.  NULL: nothing. */
void send_book(struct sender *sender, enum scope scope,
               const struct probe_book *book);

/* Which of the wanted probes run, what they cost and what they lose. */
void send_probes_self(struct sender *sender);

#endif
