/* SPDX-License-Identifier: MIT */
/*
 * collectd's callbacks, and nothing else.
 *
 * One read callback, which collectd never runs twice at the same time: so no
 * locks.  Every callback returns 0, whatever happens: a configuration callback
 * that fails ends the daemon, and a read callback that fails is called less
 * and less often.
 */
#include "bpf_source.h"
#include "host.h"
#include "log.h"
#include "metrics.h"
#include "monotonic.h"
#include "options.h"
#include "procfs.h"
#include "pss.h"
#include "report.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/core/daemon/plugin.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* What lives from init to shutdown. */
struct proctrace {
  struct source *source;
  struct host_reader host;
  struct snapshot snapshot;
  struct selection *selection;
  struct pss pss;
  struct report report;
  double interval; /* seconds */
  int last_error;  /* of reading, said once */
  unsigned said;   /* a bit for each enum loss that was logged */
};

static struct options options;
static struct proctrace *running;

/* --- log --- */

void log_line(enum log_level level, const char *format, ...) {
  static const int severities[] = {
      [LOG_LEVEL_ERROR] = LOG_ERR,
      [LOG_LEVEL_WARNING] = LOG_WARNING,
      [LOG_LEVEL_INFO] = LOG_INFO,
  };
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  /* Paths and options are the operator's; still, no line but ours. */
  for (char *at = line; *at != '\0'; at++)
    if ((unsigned char)*at < ' ' || *at == 0x7f)
      *at = '?';
  plugin_log(severities[level], "proctrace: %s", line);
}

/* One line for each kind of loss, at its first time. */
static void say_losses(struct proctrace *p) {
  for (int i = 0; i < LOSS_COUNT; i++) {
    if (p->snapshot.losses[i] == 0 || p->said & 1u << i)
      continue;
    log_warning("%s (said once; self/%s-%s counts on)", loss_texts[i].message,
                loss_texts[i].type, loss_texts[i].type_instance);
    p->said |= 1u << i;
  }
}

/* --- read --- */

static void read_pss(struct proctrace *p) {
  pss_update(&p->pss, p->source, &p->snapshot, p->selection);
  /* A round that takes longer than it should: collectd would miss its values
   * if they promised to come more often. */
  unsigned took = (unsigned)(p->pss.age * p->interval);
  if (p->pss.complete)
    p->report.pss_interval =
        took > options.pss_interval ? took : options.pss_interval;
}

static int proctrace_read(user_data_t *unused) {
  (void)unused;
  struct proctrace *p = running;
  if (p == NULL) /* init has failed and said why */
    return 0;
  int64_t began = monotonic_ns();
  snapshot_reset(&p->snapshot);
  host_read(&p->host, &p->snapshot.host);
  int status = p->source->scan(p->source, &p->snapshot);
  if (status == 0)
    status = selection_update(p->selection, p->source, &p->snapshot);
  if (status != 0) {
    if (status != p->last_error)
      log_error("cannot read the processes: %s", strerror(-status));
    p->last_error = status;
    return 0;
  }
  p->last_error = 0;
  p->source->detail(p->source, &p->snapshot, p->selection->watched,
                    p->selection->watched_count,
                    options.collect & ~(unsigned)GROUP_PSS);
  if (options.collect & GROUP_PSS)
    read_pss(p);
  ledger_update(p->selection, &p->snapshot);
  say_losses(p);
  report_send(&p->report, &p->snapshot, p->selection, p->source->name, began);
  return 0;
}

/* --- life --- */

/* The rest of the daemon needs descriptors too, and some of its plugins can't
 * use those over 1023. */
static unsigned descriptor_budget(void) {
  if (options.max_descriptors != UINT_MAX)
    return options.max_descriptors;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 0;
  return limit.rlim_cur > 1024 ? 256 : (unsigned)limit.rlim_cur / 4;
}

static void proctrace_free(struct proctrace *p) {
  if (p->source != NULL)
    p->source->free(p->source);
  host_close(&p->host);
  snapshot_free(&p->snapshot);
  selection_free(p->selection);
  free(p);
}

/* BPF where it can be had, with procfs for the rest; one line says why not. */
static struct source *open_source(const char *root, unsigned interval_ms) {
  struct source *procfs = procfs_new(&(struct procfs_options){
      .root = root,
      .max_descriptors = descriptor_budget(),
      .interval_ms = interval_ms,
  });
  if (procfs == NULL || options.source == SOURCE_PROCFS)
    return procfs;
  char reason[512];
  struct source *bpf = bpf_source_new(
      &(struct bpf_source_options){
          .module = options.bpf_module,
          .root = root,
          .threads = options.collect & GROUP_THREADS,
      },
      procfs, reason, sizeof(reason));
  if (bpf != NULL)
    return bpf;
  log_line(options.source == SOURCE_BPF ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
           "values come from procfs and not from BPF: %s", reason);
  return procfs;
}

static struct proctrace *proctrace_new(void) {
  struct proctrace *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return NULL;
  const char *root = options.proc_root != NULL ? options.proc_root : "/proc";
  double interval = CDTIME_T_TO_DOUBLE(plugin_get_interval());
  p->source = open_source(root, (unsigned)(interval * 1000));
  int status = host_open(&p->host, root);
  p->selection = selection_new(&(struct selection_options){
      .rules = options.rules,
      .rule_count = options.rule_count,
      .tops = options.tops,
      .top_count = options.top_count,
      .max_processes = options.max_processes,
      .per_process = options.per_process,
      .command_lines = options.command_line,
      .look_ms = (unsigned)(interval * 1000 / 4),
  });
  p->snapshot.thread_limit = options.max_threads;
  p->interval = interval;
  p->pss = (struct pss){
      .budget = options.pss_budget,
      .intervals = (unsigned)(options.pss_interval / interval + 0.5),
  };
  p->report = (struct report){
      .collect = options.collect,
      .per_group = options.per_group,
      .other = options.other,
      .pss_interval = options.pss_interval,
  };
  if (p->source == NULL || status != 0 || p->selection == NULL) {
    proctrace_free(p);
    return NULL;
  }
  return p;
}

static int proctrace_init(void) {
  if (running != NULL)
    return 0;
  options_complete(&options);
  running = proctrace_new();
  if (running == NULL)
    log_error("nothing is reported");
  return 0;
}

static int proctrace_shutdown(void) {
  if (running != NULL)
    proctrace_free(running);
  running = NULL;
  options_free(&options);
  return 0;
}

static int proctrace_config(oconfig_item_t *block) {
  options_read(&options, block);
  return 0;
}

void module_register(void);

__attribute__((visibility("default"))) void module_register(void) {
  options_init(&options);
  plugin_register_complex_config("proctrace", proctrace_config);
  plugin_register_init("proctrace", proctrace_init);
  plugin_register_complex_read(NULL, "proctrace", proctrace_read, 0, NULL);
  plugin_register_shutdown("proctrace", proctrace_shutdown);
}
