/* SPDX-License-Identifier: MIT */
/*
 * Notices to collectd's notifications.
 */
#ifndef PROCTRACE_REPORT_NOTICES_H
#define PROCTRACE_REPORT_NOTICES_H

#include "notices.h"

/* collectd knows by the thread which plugin speaks: notices are the calling
 * thread's from now on, whoever hands them over. */
void report_notices_init(void);

/* False: nobody takes them. */
bool report_notices(const struct notices *notices);

#endif
