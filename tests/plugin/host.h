/* SPDX-License-Identifier: MIT */
/*
 * The recording collectd: loads the plugin as collectd does, feeds it a
 * configuration, calls its callbacks, and keeps what it says.
 *
 * There is one, since collectd's API has no handle.  Time stands still but
 * for host_read_once(), which moves it on by one interval.
 */
#ifndef PROCTRACE_TESTS_HOST_H
#define PROCTRACE_TESTS_HOST_H

#include <stdbool.h>

#include <collectd/core/daemon/plugin.h>

/* Load the plugin anew, with all its variables as they were at the start. */
void host_load(void);

/* Load a copy of it from that path besides, as for a second LoadPlugin line
 * with another name: collectd refuses the second read callback, takes the last
 * ones of init and shutdown, and hands options to the first one. */
void host_load_copy(const char *path);

/* Text of a collectd.conf; each <Plugin proctrace> goes to the plugin. */
void host_configure(const char *text);

void host_init(void);

/*
 * One interval later: call the read callback.  Returns the complaints about
 * what it sent (series.h) or about the callback itself, "" when all is well.
 */
const char *host_read_once(void);

/* Whether this thread runs the plugin's code, or that of a library which it has
 * called; not while it is in a function of collectd's, which is ours. */
bool host_in_plugin(void);

/* As where collectd has no memory for another value list: of those to come, the
 * n-th is refused, from 1 on; 0: none. */
void host_refuse_dispatch(unsigned nth);
bool host_has_refused(void);
/* Value lists that were handed to us since the plugin was loaded. */
unsigned host_dispatched(void);

/* Seconds that the last read callback took. */
double host_read_duration(void);

/* How many descriptors and threads this process has. */
unsigned host_descriptors(void);
unsigned host_threads(void);

/* collectd takes so long, seconds, with the next value list that it is given.
 */
void host_delay(double seconds);

/* Call the plugin's shutdown, as collectd does at its end. */
void host_shutdown(void);

/* The same if that was not yet, and unload it; a second call does nothing. */
void host_stop(void);

/* The time of the last read, in seconds since the epoch. */
double host_now(void);
void host_set_now(double seconds);
void host_set_interval(double seconds);

/* Notifications of this severity (or of any) with this identifier (or any, "")
 * that contain the text, since the plugin was loaded or they were forgotten. */
unsigned host_notification_count(int severity, const char *id,
                                 const char *text);
/* As where no plugin of collectd takes them; until they are forgotten. */
void host_notifications_refuse(bool refuse);
/* Whoever takes them does not come back before this is false again. */
void host_notifications_hang(bool hang);
void host_notifications_forget(void);
void host_notifications_print(void);

/* Log lines of this severity (or of any) that contain the text ("" for all),
 * since the plugin was loaded or the lines were forgotten. */
#define ANY_SEVERITY -1
unsigned host_log_count(int severity, const char *text);
void host_log_forget(void);
/* For a message: all lines kept. */
void host_log_print(void);

#endif
