/* SPDX-License-Identifier: MIT */
/*
 * collectd's callbacks, and nothing else.
 *
 * One read callback, which collectd never runs twice at the same time: so no
 * locks.  Every callback returns 0, whatever happens: a configuration callback
 * that fails ends the daemon, and a read callback that fails is called less
 * and less often.
 */
#include "blocked.h"
#include "bpf_loader.h"
#include "bpf_source.h"
#include "herald.h"
#include "host.h"
#include "log.h"
#include "metrics.h"
#include "monotonic.h"
#include "options.h"
#include "presence.h"
#include "probes.h"
#include "procfs.h"
#include "pss.h"
#include "report.h"
#include "report_notices.h"

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
  struct probes *probes; /* NULL: none is wanted, or can be */
  unsigned generation;   /* of the programs that they know */
  struct host_reader host;
  struct snapshot snapshot;
  struct selection *selection;
  struct pss pss;
  struct report report;
  struct notices notices;
  struct blocked blocked;
  struct herald *herald;                   /* NULL: nothing is notified */
  bool said_refused, said_full, said_busy; /* of notices */
  double interval;                         /* seconds */
  int last_error;                          /* of reading, said once */
  unsigned said;  /* a bit for each enum loss that was logged */
  double overrun; /* longest read that was complained of, seconds; 0: none */
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

/* All that this read has lost; of each kind one line, at its first time. */
static void take_losses(struct proctrace *p) {
  for (int i = 0; i < LOSS_COUNT; i++) {
    p->report.losses[i] += p->snapshot.losses[i];
    if (p->snapshot.losses[i] == 0 || p->said & 1u << i ||
        loss_texts[i].message == NULL)
      continue;
    const char *type = loss_texts[i].type;
    log_warning("%s (said once; self/%s-%s %s)", loss_texts[i].message, type,
                loss_texts[i].type_instance,
                strcmp(type, "count") == 0 ? "shows how many" : "counts on");
    p->said |= 1u << i;
  }
}

/* At the first time, and when it got twice as bad. */
static void say_overrun(struct proctrace *p, double took) {
  if (took <= p->interval || took < 2 * p->overrun)
    return;
  log_warning("a read took %.2f s, longer than the interval of %g s: values "
              "come late, or seldom; raise the Interval, or watch less (said "
              "again at twice that; self/duration-read has each)",
              took, p->interval);
  p->overrun = took;
}

/* --- read --- */

static void read_pss(struct proctrace *p) {
  struct pss *pss = &p->pss;
  pss_update(pss, p->source, &p->snapshot, p->selection);
  /* Rounds are of whole intervals, and may take longer than they should:
   * collectd would miss their values if they promised to come more often. */
  if (pss->complete)
    p->report.pss_interval =
        p->interval * (pss->age > pss->intervals ? pss->age : pss->intervals);
}

/* The source may have other programs now, or none. */
static void follow_programs(struct proctrace *p) {
  if (p->probes == NULL || p->generation == bpf_source_generation(p->source))
    return;
  if (probes_attach(p->probes, p->selection, bpf_source_programs(p->source),
                    options.probes.wanted))
    p->generation = bpf_source_generation(p->source);
}

static void say_notices(struct proctrace *p) {
  if (herald_was_refused(p->herald) && !p->said_refused) {
    log_warning("nobody takes notifications: load a plugin that does, such as "
                "logfile, syslog, exec or notify_email (said once)");
    p->said_refused = true;
  }
  if (p->notices.full && p->notices.most > 0 && !p->said_full) {
    log_warning("more than %d notifications in an interval: the others follow "
                "in the next ones, if they still hold (said once)",
                NOTICES_MOST);
    p->said_full = true;
  }
  if (p->notices.full && p->notices.most == 0 && !p->said_busy) {
    log_warning("a plugin that takes notifications takes its time: others "
                "follow when it is done, if they still hold (said once)");
    p->said_busy = true;
  }
}

/* While the last ones are on their way there is no room for others. */
static void notify(struct proctrace *p) {
  if (p->herald == NULL)
    return;
  notices_reset(&p->notices, herald_is_free(p->herald) ? NOTICES_MOST : 0);
  if (options.notify.gone != 0)
    presence_update(p->selection, &p->snapshot, options.notify.gone,
                    &p->notices);
  if (options.notify.blocked != 0)
    blocked_update(&p->blocked, p->selection, &p->snapshot,
                   options.notify.blocked, &p->notices);
  if (p->notices.count > 0)
    herald_give(p->herald, &p->notices);
  say_notices(p);
}

/* What is read of the watched processes, beside PSS. */
static unsigned groups_to_read(void) {
  unsigned groups =
      options.collect & ~(unsigned)(GROUP_PSS | COLLECT_HISTOGRAM);
  return options.notify.blocked != 0 ? groups | GROUP_BLOCKED : groups;
}

static int proctrace_read(user_data_t *unused) {
  (void)unused;
  struct proctrace *p = running;
  if (p == NULL) /* init has failed and said why */
    return 0;
  int64_t began = monotonic_ns();
  snapshot_reset(&p->snapshot);
  host_read(&p->host, &p->snapshot.host, p->snapshot.losses);
  int status = p->source->scan(p->source, &p->snapshot);
  if (status == 0) {
    status = selection_update(p->selection, p->source, &p->snapshot);
    p->snapshot.losses[LOSS_MEMORY] += status == -ENOMEM;
  }
  if (status != 0) {
    if (status != p->last_error)
      log_error("cannot read the processes: %s", strerror(-status));
    p->last_error = status;
    p->snapshot.losses[LOSS_ENDED] += p->snapshot.ended_count;
    take_losses(p);
    return 0;
  }
  p->last_error = 0;
  p->source->detail(p->source, &p->snapshot, p->selection->watched,
                    p->selection->watched_count, groups_to_read());
  if (options.collect & GROUP_PSS)
    read_pss(p);
  follow_programs(p);
  if (p->probes != NULL)
    probes_update(p->probes, p->selection, &p->snapshot);
  ledger_update(p->selection, &p->snapshot);
  p->snapshot.losses[LOSS_MEMORY] += p->selection->no_memory;
  p->snapshot.losses[LOSS_MAX_PROCESSES] += p->selection->not_reported;
  p->snapshot.losses[LOSS_MAX_GROUPS] += p->selection->no_group;
  take_losses(p);
  report_send(&p->report, &p->snapshot, p->selection, p->probes,
              p->source->name, began);
  notify(p);
  say_overrun(p, (double)(monotonic_ns() - began) / 1e9);
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
  probes_free(p->probes);
  if (p->source != NULL)
    p->source->free(p->source);
  host_close(&p->host);
  snapshot_free(&p->snapshot);
  selection_free(p->selection);
  blocked_free(&p->blocked);
  herald_free(p->herald);
  free(p);
}

/* With pins and no line of a probe: whatever is loaded. */
static bool probes_wanted(void) {
  return options.probes.wanted != 0 || options.pin_path != NULL;
}

/* What costs every call is decided once, by who loads. */
static void say_what_pins_decide(void) {
  const struct probe_options *probes = &options.probes;
  if (probes->latency_of_count > 0 || probes->host != 0 ||
      !probes->syscall_latency)
    log_line(LOG_LEVEL_INFO,
             "with PinPath, Latency, LatencyOf and Host of a Probe are what "
             "`proctrace-bpf load` was told: --count-only, --latency-of, "
             "--host");
}

/* False: none is wanted, or the module is not there, which bpf_source.c says.
 */
static bool plan_probes(struct probe_setup *setup) {
  char ignored[512];
  unsigned heirs = 0;
  for (size_t i = 0; i < options.rule_count; i++)
    heirs += options.rules[i].children;
  if (options.probes.wanted == 0)
    return false;
  const struct bpf_module *module =
      bpf_loader_open(options.bpf_module, ignored, sizeof(ignored));
  if (module != NULL)
    probes_plan(&options.probes, module, options.max_processes, heirs, setup);
  return module != NULL;
}

static void open_probes(struct proctrace *p) {
  struct book_style style = {
      .percentile_count = options.probes.percentile_count,
      .names = options.probes.names,
      .by_time = options.probes.syscall_latency,
      .histogram = options.collect & COLLECT_HISTOGRAM,
  };
  memcpy(style.percentiles, options.probes.percentiles,
         sizeof(style.percentiles));
  p->probes = probes_new(bpf_source_module(p->source), &style);
  if (p->probes == NULL)
    log_error("no probe runs: no memory");
}

/* BPF where it can be had, with procfs for the rest; one line says why not. */
static void open_source(struct proctrace *p, const char *root,
                        unsigned interval_ms) {
  struct source *procfs = procfs_new(&(struct procfs_options){
      .root = root,
      .max_descriptors = descriptor_budget(),
      .interval_ms = interval_ms,
  });
  p->source = procfs;
  if (options.source == SOURCE_PROCFS && options.probes.wanted != 0)
    log_error("probes need Source \"auto\" or \"bpf\": none runs");
  if (procfs == NULL || options.source == SOURCE_PROCFS)
    return;
  char reason[512];
  struct probe_setup setup;
  bool probed = options.pin_path == NULL && plan_probes(&setup);
  struct source *bpf = bpf_source_new(
      &(struct bpf_source_options){
          .module = options.bpf_module,
          .root = root,
          .threads = options.collect & GROUP_THREADS,
          .pins = options.pin_path,
          .probes = probed ? &setup : NULL,
      },
      procfs, reason, sizeof(reason));
  if (bpf == NULL) {
    bool wanted = options.source == SOURCE_BPF || probes_wanted();
    log_line(wanted ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
             "values come from procfs and not from BPF%s: %s",
             options.probes.wanted != 0 ? ", and no probe runs" : "", reason);
    return;
  }
  p->source = bpf;
  if (options.pin_path != NULL)
    say_what_pins_decide();
  if (probes_wanted())
    open_probes(p);
}

static struct proctrace *proctrace_new(void) {
  struct proctrace *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return NULL;
  const char *root = options.proc_root != NULL ? options.proc_root : "/proc";
  double interval = CDTIME_T_TO_DOUBLE(plugin_get_interval());
  open_source(p, root, (unsigned)(interval * 1000));
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
      .probes = options.probes.wanted,
  };
  if (options.notify.gone != 0 || options.notify.blocked != 0) {
    report_notices_init();
    p->herald = herald_new(report_notices);
    if (p->herald == NULL)
      log_error("nothing is notified: no thread can be started for it");
  }
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
    log_error("nothing is reported, for want of memory or of what the line "
              "before names: restart collectd when that is mended");
  return 0;
}

static int proctrace_shutdown(void) {
  if (running != NULL)
    proctrace_free(running);
  running = NULL;
  options_free(&options);
  options_init(&options);
  return 0;
}

static int proctrace_config(oconfig_item_t *block) {
  options_read(&options, block);
  return 0;
}

void module_register(void);

__attribute__((visibility("default"))) void module_register(void) {
  /* Refused, and complained of by collectd, where the plugin is there already,
   * under another name: that one reads, and its callbacks must stay. */
  if (plugin_register_complex_read(NULL, "proctrace", proctrace_read, 0,
                                   NULL) != 0)
    return;
  options_init(&options);
  plugin_register_complex_config("proctrace", proctrace_config);
  plugin_register_init("proctrace", proctrace_init);
  plugin_register_shutdown("proctrace", proctrace_shutdown);
}
