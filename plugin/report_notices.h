/* SPDX-License-Identifier: MIT */
/*
 * Notices to collectd's notifications.
 */
#ifndef PROCTRACE_REPORT_NOTICES_H
#define PROCTRACE_REPORT_NOTICES_H

#include "notices.h"

/* False: nobody takes them. */
bool report_notices(const struct notices *notices);

#endif
