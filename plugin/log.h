/* SPDX-License-Identifier: MIT */
/*
 * One line to the operator.
 *
 * The rooms below collectd's callbacks say what went wrong through this one
 * function, so that they build and test without collectd.  proctrace.c hands
 * the line to collectd's log; a test that links the rooms brings its own.
 */
#ifndef PROCTRACE_LOG_H
#define PROCTRACE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/* The text needs no newline and no plugin name. */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
