/* SPDX-License-Identifier: MIT */
/*
 * What the plugin tests say: given processes and options, a read, then what
 * was sent and said.
 *
 *   fake_process(7, "redis-server", .rss_kib = 4096);
 *   start("Process 'redis-server'");
 *   read_once();
 *   sent("redis-server-7/ps_rss", 4096 * 1024);
 *   not_sent("redis-server-7/bytes-pss");
 *
 * Every read of every test is also held against what no value list may be
 * (series.h).
 */
#ifndef PROCTRACE_TESTS_FIXTURE_H
#define PROCTRACE_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fakeproc.h"
#include "host.h"
#include "series.h"

/* A test with a fake /proc of its own; the plugin is unloaded after it. */
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_end)
#define RUN(tests)                                                             \
  (cmocka_set_message_output(CM_OUTPUT_TAP),                                   \
   cmocka_run_group_tests(tests, NULL, NULL))
int fixture_setup(void **state);
int fixture_end(void **state);

/* The interval of the reads unless a test sets another. */
#define INTERVAL 10

/*
 * Load the plugin with these options and the fake tree as ProcRoot, and init.
 * In options, lines are also parted by ';' and strings quoted by ' as well.
 */
void start(const char *options);
/* The same without init and without ProcRoot, for one more <Plugin> block. */
void configure(const char *options);

/*
 * Load it with two lists of options and this BPF module, to read the real
 * /proc; skips the test where BPF programs cannot be loaded.
 */
#define BPF_MODULE ".libs/proctrace_bpf.so"
#define FLAKY_MODULE "tests/bpf/.libs/flaky.so"
void start_bpf(const char *module, const char *options, const char *more);

/* Read once, or several times, an interval apart. */
#define read_once() read_at(__FILE__, __LINE__, 1)
#define read_times(n) read_at(__FILE__, __LINE__, n)
void read_at(const char *file, int line, unsigned times);

/* The last read sent this identifier with exactly these values. */
#define sent(id, ...)                                                          \
  sent_at(__FILE__, __LINE__, id, (const double[]){__VA_ARGS__},               \
          sizeof((const double[]){__VA_ARGS__}) / sizeof(double))
void sent_at(const char *file, int line, const char *id, const double *values,
             size_t values_num);

/* The last read sent so many identifiers that fit the fnmatch(3) pattern. */
#define sent_count(n, pattern) sent_count_at(__FILE__, __LINE__, n, pattern)
#define not_sent(pattern) sent_count_at(__FILE__, __LINE__, 0, pattern)
void sent_count_at(const char *file, int line, unsigned n, const char *pattern);

/* A value of the last read; the test fails when it was not sent. */
#define value(id) value_at(__FILE__, __LINE__, id, 0)
#define second_value(id) value_at(__FILE__, __LINE__, id, 1)
double value_at(const char *file, int line, const char *id, size_t source);

/* Meta data of a series of the last read, as text. */
#define sent_meta(id, key, text)                                               \
  sent_meta_at(__FILE__, __LINE__, id, "proctrace:" key, text)
void sent_meta_at(const char *file, int line, const char *id, const char *key,
                  const char *text);

/* Log lines of a severity that contain the text, n of them ("": of all). */
#define said(n, severity, text) said_at(__FILE__, __LINE__, n, severity, text)
void said_at(const char *file, int line, unsigned n, int severity,
             const char *text);

/* Since this was said last, there was no notification, or exactly one, of this
 * severity and identifier, whose message contains the text. */
#define quiet() notified_at(__FILE__, __LINE__, 0, ANY_SEVERITY, "", "")
#define notified(severity, id, text)                                           \
  notified_at(__FILE__, __LINE__, 1, severity, id, text)
void notified_at(const char *file, int line, unsigned n, int severity,
                 const char *id, const char *text);

/* Print every series of the last read that fits; for debugging a test. */
void show(const char *pattern);

/*
 * Run as a user without rights from here to the end of the test, as collectd
 * may; skips the test when we are not root.
 */
void become_unprivileged(void);

#endif
