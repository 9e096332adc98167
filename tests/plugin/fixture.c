/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534
#define START_TIME (FAKE_BOOT_TIME + 10000)

static bool unprivileged; /* by become_unprivileged() */

int fixture_setup(void **state) {
  (void)state;
  fakeproc_create();
  host_set_now(START_TIME);
  host_set_interval(INTERVAL);
  return 0;
}

int fixture_end(void **state) {
  (void)state;
  if (unprivileged && (seteuid(0) || setegid(0)))
    return -1;
  unprivileged = false;
  host_stop();
  fakeproc_remove();
  return 0;
}

void configure(const char *options) {
  char text[8192];
  snprintf(text, sizeof(text), "<Plugin proctrace>\n%s\n</Plugin>\n", options);
  for (char *p = text; *p; p++)
    *p = *p == ';' ? '\n' : *p == '\'' ? '"' : *p;
  host_configure(text);
}

void start(const char *options) {
  char root[4200];
  snprintf(root, sizeof(root), "ProcRoot '%s'; Source 'procfs'",
           fakeproc_root());
  host_load();
  configure(root);
  configure(options);
  host_init();
}

/* All that can go wrong where BPF may be had is the plugin's to tell. */
static void must_be_from_bpf(void) {
  if (host_log_count(ANY_SEVERITY, "not from BPF") == 0)
    return;
  host_log_print();
  if (geteuid() == 0 && access("/sys/kernel/btf/vmlinux", R_OK) == 0 &&
      host_log_count(ANY_SEVERITY, "no right to load BPF") == 0 &&
      host_log_count(ANY_SEVERITY, "the kernel is too old") == 0)
    fail_msg("BPF does not work");
  skip();
}

void start_bpf(const char *module, const char *options, const char *more) {
  char path[PATH_MAX], text[PATH_MAX + 100];
  assert_non_null(realpath(module, path));
  snprintf(text, sizeof(text), "Source 'bpf'; BpfModule '%s'", path);
  host_load();
  configure(text);
  configure(options);
  configure(more);
  host_init();
  must_be_from_bpf();
}

static void failed(const char *file, int line) {
  host_log_print();
  _fail(file, line);
}

/* Line by line: cmocka cuts longer texts, and the newline with them. */
static void print_lines(const char *text) {
  for (; *text; text += strcspn(text, "\n") + 1)
    print_error("%.*s\n", (int)strcspn(text, "\n"), text);
}

void read_at(const char *file, int line, unsigned times) {
  while (times--) {
    const char *complaints = host_read_once();
    if (!*complaints)
      continue;
    print_lines(complaints);
    failed(file, line);
  }
}

static const struct series *must_find(const char *file, int line,
                                      const char *id) {
  const struct series *series = series_find(id);
  if (!series) {
    char same_instance[3 * DATA_MAX_NAME_LEN];
    snprintf(same_instance, sizeof(same_instance), "%.*s/*",
             (int)strcspn(id, "/"), id);
    print_error("%s was not sent; of the same instance:\n", id);
    show(same_instance);
    failed(file, line);
  }
  return series;
}

void sent_at(const char *file, int line, const char *id, const double *values,
             size_t values_num) {
  const struct series *series = must_find(file, line, id);
  bool same = series->values_len == values_num;
  for (size_t i = 0; same && i < values_num; i++)
    same = series_value(series, i) == values[i];
  if (same)
    return;
  print_error("expected");
  for (size_t i = 0; i < values_num; i++)
    print_error(" %.15g", values[i]);
  print_error(" but was sent\n");
  show(id);
  failed(file, line);
}

void sent_count_at(const char *file, int line, unsigned n,
                   const char *pattern) {
  unsigned count = series_each(pattern, NULL, NULL);
  if (count == n)
    return;
  print_error("expected %u of %s but sent were %u\n", n, pattern, count);
  show(pattern);
  failed(file, line);
}

double value_at(const char *file, int line, const char *id, size_t source) {
  return series_value(must_find(file, line, id), source);
}

void sent_meta_at(const char *file, int line, const char *id, const char *key,
                  const char *text) {
  const char *found = series_meta(must_find(file, line, id), key);
  if (found && !strcmp(found, text))
    return;
  print_error("%s of %s is %s, expected %s\n", key, id,
              found ? found : "missing", text);
  failed(file, line);
}

void said_at(const char *file, int line, unsigned n, int severity,
             const char *text) {
  unsigned count = host_log_count(severity, text);
  if (count == n)
    return;
  print_error("expected %u log lines of severity %d with \"%s\", got %u\n", n,
              severity, text, count);
  failed(file, line);
}

void notified_at(const char *file, int line, unsigned n, int severity,
                 const char *id, const char *text) {
  /* A thread of the plugin's hands them over. */
  for (int tries = 0;
       tries < 500 && host_notification_count(ANY_SEVERITY, "", "") < n;
       tries++)
    usleep(10000);
  unsigned all = host_notification_count(ANY_SEVERITY, "", "");
  if (host_notification_count(severity, id, text) == n && all == n) {
    host_notifications_forget();
    return;
  }
  print_error("expected %u notifications of %s with \"%s\", got\n", n, id,
              text);
  host_notifications_print();
  failed(file, line);
}

static void show_one(const struct series *series, void *data) {
  (void)data;
  print_error("  %s", series->id);
  for (size_t i = 0; i < series->values_len; i++)
    print_error(" %.15g", series_value(series, i));
  print_error("\n");
}

void show(const char *pattern) { series_each(pattern, show_one, NULL); }

void become_unprivileged(void) {
  if (geteuid())
    skip();
  if (setegid(NOBODY) || seteuid(NOBODY))
    fail_msg("cannot become another user");
  unprivileged = true;
  /* Else the kernel hides even our own files in /proc from us. */
  prctl(PR_SET_DUMPABLE, 1);
}
