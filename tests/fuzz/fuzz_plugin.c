/* SPDX-License-Identifier: MIT */
/*
 * The whole plugin, from its configuration to collectd, over a proc file system
 * of any text.
 *
 * The first byte chooses a configuration, and whether it is a real proc.  Then
 * intervals, parted by a byte 0x1d: what changes before each (memfs.h).  Where
 * the source is BPF, the files "tasks", "exits" and "events" are what happens
 * in the kernel (fakebpf.c), and "watch" and "maps" say what fails.
 */
#include "fakebpf.h"
#include "memfs.h"

#include "../plugin/oconf.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/core/daemon/plugin.h>

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVALS_MOST 8 /* fewer than a group that is empty stays */
/* Seconds: so long that on a slow machine the plugin's helper thread, which
 * reads the input, is never given up and left behind. */
#define INTERVAL 600

static const char everything[] =
    "Process a\nProcessMatch \"\\\\1\" \"^(..*)\"\n<Top>\nCount 3\n</Top>\n"
    "Collect state memory cpu contextswitch io files sched wchan pss\n"
    "PerThread true\nMaxThreads 5\nPssInterval 600\nPssBudget 1\n"
    "CommandLine true\n<Notify gone>\nIntervals 1\n</Notify>\n"
    "<Notify blocked>\nIntervals 1\n</Notify>\n";
static const char selects[] =
    "<Select root>\nUser 0\nChildren true\n</Select>\n"
    "<Select box>\nCgroup \"/box\"\n</Select>\n"
    "<Select tool>\nExecutable \"/bin/a\"\n</Select>\n"
    "<Select file>\nPidFile \"" MEMFS_ROOT "/pid\"\n</Select>\n"
    "<Select seven>\nPid 7\n</Select>\nPerProcess false\n";
static const char little_room[] =
    "<Top most>\nCount 2\nBy cpu rss io wait\n</Top>\nMaxProcesses 2\n"
    "Process b\nPerGroup false\nOther false\nMaxDescriptors 0\n"
    "<Notify gone>\nIntervals 1\n</Notify>\n"
    "<Notify blocked>\nIntervals 1\n</Notify>\n";
static const char probed[] =
    "ProcessMatch \"\\\\1\" \"^(.)\"\n"
    "<Select heirs>\nProcess b\nChildren true\n</Select>\n"
    "Collect state memory cpu io sched files histogram\nMaxProcesses 4\n"
    "<Probe syscall>\nLatencyOf nr1 nr2\nHost true\nNames 2\n</Probe>\n"
    "Probe runqueue\nProbe blockio\nProbe tcpconnect\nProbe mmap\n";
static const char probed_threads[] =
    "Process a\nPerThread true\nProbe syscall\nMaxProcesses 1\n<Top>\nCount 9\n"
    "</Top>\n";
static const char *const configurations[] = {
    everything, "", selects, little_room, probed, probed_threads};
#define CONFIGURATIONS (sizeof(configurations) / sizeof(configurations[0]))

/* --- what was sent --- */

#define SERIES 8192 /* a power of two */

static struct {
  struct {
    uint64_t identifier; /* a hash; 0: none */
    unsigned read;
    derive_t values[2];
  } series[SERIES];
  size_t count;
  unsigned read;
  bool tame; /* no number is so large that a sum could go round */
} sent;

static uint64_t hash(uint64_t before, const char *text) {
  do
    before = (before ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  while (*text++ != '\0');
  return before;
}

static uint64_t identifier_of(const value_list_t *list) {
  uint64_t value = hash(UINT64_C(0xcbf29ce484222325), list->plugin_instance);
  return hash(hash(value, list->type), list->type_instance) | 1;
}

static size_t place_of(uint64_t identifier) {
  size_t place = identifier % SERIES;
  while (sent.series[place].identifier != 0 &&
         sent.series[place].identifier != identifier)
    place = (place + 1) % SERIES;
  return place;
}

static bool is_counter(const char *type) {
  static const char *const counters[] = {
      "contextswitch", "derive",     "disk_",         "io_",
      "operations",    "ps_cputime", "ps_pagefaults", "total_"};
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
    if (strncmp(type, counters[i], strlen(counters[i])) == 0)
      return true;
  return false;
}

/* Of host the kernel's own counters are told, and a process's pid may be
 * another one's now. */
static bool never_falls(const value_list_t *list) {
  const char *instance = list->plugin_instance;
  const char *minus = strrchr(instance, '-');
  bool is_process = minus != NULL && minus[1] != '\0' &&
                    strspn(minus + 1, "0123456789") == strlen(minus + 1);
  return sent.tame && !is_process && strcmp(instance, "host") != 0;
}

static void check_name(const char *name, bool may_be_empty) {
  CHECK(may_be_empty || name[0] != '\0');
  CHECK(memchr(name, '\0', DATA_MAX_NAME_LEN) != NULL);
  for (; *name != '\0'; name++)
    CHECK(isalnum((unsigned char)*name) || strchr("_+@-", *name) != NULL);
}

static void check_values(const value_list_t *list, bool is_counted,
                         size_t place) {
  CHECK(list->values_len >= 1 && list->values_len <= 3);
  for (size_t i = 0; i < list->values_len; i++) {
    if (!is_counted) {
      CHECK(isfinite(list->values[i].gauge) && list->values[i].gauge >= 0);
      continue;
    }
    CHECK(list->values_len <= 2 && list->values[i].derive >= 0);
    if (never_falls(list))
      CHECK(list->values[i].derive >= sent.series[place].values[i]);
    sent.series[place].values[i] = list->values[i].derive;
  }
}

/* --- collectd --- */

/* The plugin calls these. */
#define API __attribute__((visibility("default")))

static int (*configure)(oconfig_item_t *);
static plugin_read_cb read_callback;
static plugin_init_cb init_callback;
static plugin_shutdown_cb shutdown_callback;

API int plugin_register_complex_config(const char *type,
                                       int (*callback)(oconfig_item_t *)) {
  (void)type;
  configure = callback;
  return 0;
}

API int plugin_register_init(const char *name, plugin_init_cb callback) {
  (void)name;
  init_callback = callback;
  return 0;
}

API int plugin_register_complex_read(const char *group, const char *name,
                                     plugin_read_cb callback, cdtime_t interval,
                                     user_data_t const *user_data) {
  (void)group, (void)name, (void)interval, (void)user_data;
  read_callback = callback;
  return 0;
}

API int plugin_register_shutdown(const char *name,
                                 plugin_shutdown_cb callback) {
  (void)name;
  shutdown_callback = callback;
  return 0;
}

API int plugin_dispatch_values(value_list_t const *list) {
  uint64_t identifier = identifier_of(list);
  size_t place = place_of(identifier);
  CHECK(strcmp(list->plugin, "proctrace") == 0);
  check_name(list->plugin_instance, false);
  check_name(list->type, false);
  check_name(list->type_instance, true);
  CHECK(sent.series[place].read != sent.read); /* twice in this one */
  check_values(list, is_counter(list->type), place);
  CHECK(sent.count < SERIES / 2);
  sent.count += sent.series[place].identifier == 0;
  sent.series[place].identifier = identifier;
  sent.series[place].read = sent.read;
  return 0;
}

API void plugin_log(int severity, const char *format, ...) {
  char line[2048];
  va_list arguments;
  (void)severity;
  va_start(arguments, format);
  int n = vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  CHECK(n > 0 && n < 1100);
  for (const char *at = line; *at != '\0'; at++)
    CHECK((unsigned char)*at >= ' ' && *at != 0x7f);
}

API int plugin_dispatch_notification(const notification_t *of) {
  CHECK(strcmp(of->plugin, "proctrace") == 0);
  check_name(of->plugin_instance, false);
  check_name(of->type, false);
  check_name(of->type_instance, true);
  for (const char *at = of->message; *at != '\0'; at++)
    CHECK((unsigned char)*at >= ' ' && (unsigned char)*at < 0x7f);
  return 0;
}

API char *hostname_g = "fuzz";

API plugin_ctx_t plugin_get_ctx(void) { return (plugin_ctx_t){0}; }
API plugin_ctx_t plugin_set_ctx(plugin_ctx_t context) { return context; }

API cdtime_t plugin_get_interval(void) { return TIME_T_TO_CDTIME_T(INTERVAL); }

API cdtime_t cdtime(void) {
  return TIME_T_TO_CDTIME_T(1700000000 + INTERVAL * (time_t)sent.read);
}

/* --- BPF --- */

const struct bpf_module *__wrap_bpf_loader_open(const char *path, char *reason,
                                                size_t reason_size);

const struct bpf_module *__wrap_bpf_loader_open(const char *path, char *reason,
                                                size_t reason_size) {
  (void)path, (void)reason, (void)reason_size;
  return &fake_module;
}

/* The slot of a process as the kernel finds it, or the host's. */
static unsigned slot_of(uint8_t pid) {
  for (unsigned i = 0; i < fake_kernel.watched_count; i++)
    if (fake_kernel.watched[i].pid == pid)
      return fake_kernel.watched[i].entry.slot;
  return SLOT_HOST;
}

/* The file "events": what, of whom, a number of a call, a time. */
static void take_events(void) {
  struct input events;
  if (memfs_content("events", &events) != 0)
    return;
  while (left(&events) > 0) {
    uint8_t what = take_byte(&events);
    unsigned slot = slot_of(take_byte(&events));
    unsigned number = (unsigned)take_bytes(&events, 2);
    fake_event(what % FAKE_KINDS, slot, what / 16 % FAKE_SHARDS, number,
               take_number(&events) >> 16);
  }
}

/* --- an input --- */

#define DIGITS_MOST 12

static bool is_tame(struct input input) {
  unsigned digits = 0;
  for (; left(&input) > 0; input.at++) {
    digits = isdigit(*input.at) ? digits + 1 : 0;
    if (digits > DIGITS_MOST)
      return false;
  }
  return true;
}

void module_register(void);

static void start(size_t configuration) {
  char text[2048];
  snprintf(text, sizeof(text), "ProcRoot \"%s\"\nSource %s\n%s", MEMFS_ROOT,
           strstr(configurations[configuration], "Probe ") != NULL ? "bpf"
                                                                   : "procfs",
           configurations[configuration]);
  oconfig_item_t *root = oconf_parse(text);
  module_register();
  CHECK(configure(root) == 0);
  oconf_free(root);
  CHECK(init_callback() == 0);
}

void fuzz_plugin(struct input input) {
  uint8_t choice = take_byte(&input);
  memset(&sent, 0, sizeof(sent));
  sent.tame = is_tame(input);
  memfs_begin(choice & 0x10);
  fake_begin();
  start((choice & 0xfu) % CONFIGURATIONS);
  for (int i = 0; i < INTERVALS_MOST && left(&input) > 0; i++) {
    memfs_change(take_until(&input, 0x1d));
    take_events();
    sent.read++;
    CHECK(read_callback(NULL) == 0);
  }
  CHECK(shutdown_callback() == 0);
  CHECK(memfs_descriptors() == 0);
}
