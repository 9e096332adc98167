/* SPDX-License-Identifier: MIT */
/*
 * Hands notifications over in a thread of its own.
 *
 * collectd calls at once whoever takes notifications, and one that sends a mail
 * takes its time: values are not to wait for it.
 */
#ifndef PROCTRACE_HERALD_H
#define PROCTRACE_HERALD_H

#include "notices.h"

struct herald;

/* What hands them over; false: nobody took some. */
typedef bool herald_tell_fn(const struct notices *notices);

/* NULL: no memory, or no thread. */
struct herald *herald_new(herald_tell_fn *tell);

/* It has handed over all that it was given. */
bool herald_is_free(struct herald *herald);

/* Give it some, when it is free; what is quick is done when this returns. */
void herald_give(struct herald *herald, const struct notices *notices);

/* Nobody took some of those that were handed over. */
bool herald_was_refused(struct herald *herald);

/* Waits a moment for what is on its way. */
void herald_free(struct herald *herald);

#endif
