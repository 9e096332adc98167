/* SPDX-License-Identifier: MIT */
/*
 * Each call that can fail fails once.
 *
 *   faults [SCENARIO [KIND [NTH [ERRNO]]]]
 *
 * A scenario is a life of the plugin in the recording collectd: configuration,
 * init, some reads of processes that come and go, shutdown.  It runs once
 * without a fault, which counts the calls of each kind and keeps all values;
 * then once more for each of these calls, in a process of its own, where that
 * call fails.  What must hold of each of these lives:
 *
 *   - it goes on to its end, and within its time;
 *   - no memory is left but what a life without faults leaves, no descriptor
 *     and no thread;
 *   - what is sent of a process is what is sent without the fault; what a group
 *     lacks is what its member lacks; a counter may be late, but not ahead;
 *   - where a value is missing a line says so, or a counter of self; not more
 *     than a few lines;
 *   - two reads after the fault all values are there again, unless it hit the
 *     configuration or init, which are not repeated: then a line says so.
 */
#include "fault.h"

#include "../plugin/fakeproc.h"
#include "../plugin/host.h"
#include "../plugin/series.h"

#include <errno.h>
#include <execinfo.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>
#include <syslog.h>

#define READS_MOST 12
#define SERIES_MOST 1024
#define INTERVAL 10
#define UPTIME 10000
/* A read may miss values after a fault; the second one has them. */
#define RECOVERY 2

/* --- what a life without faults was --- */

struct value {
  char id[3 * DATA_MAX_NAME_LEN];
  bool gauge;
  double values[DATA_SOURCES_MAX];
};

struct life {
  unsigned calls[FAULTS], calls_before_reads[FAULTS];
  unsigned dispatched;
  size_t blocks;
  unsigned descriptors, threads;
  struct {
    struct value series[SERIES_MOST];
    size_t count;
  } reads[READS_MOST];
};

/* Of all processes that run a life. */
static struct life *whole;
static struct {
  char text[65536];
  size_t length;
} * verdict;

static void blame(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static void blame(const char *format, ...) {
  size_t room = sizeof(verdict->text) - verdict->length;
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(verdict->text + verdict->length, room, format, arguments);
  va_end(arguments);
  if (n > 0 && (size_t)n < room)
    verdict->length += (size_t)n;
}

/* --- scenarios --- */

struct scenario {
  const char *name;
  const char *options;
  unsigned reads,
      last_change; /* nothing changes after that read but counters */
  void (*begin)(void);
  void (*change)(unsigned read); /* before that read, from 1 on */
};

static struct fake_process *redis, *worker, *other, *late;
static struct fake_thread *thread;

static void begin_fake(void) {
  fakeproc_create();
  redis = fake_process(7, "redis", .rss_kib = 100, .vm_kib = 900, .rchar = 10,
                       .utime = 5, .fds = 3, .fd_limit = 10, .pss_kib = 70,
                       .runtime = 300, .voluntary = 9, .wchan = "ep_poll");
  thread = fake_thread(redis, 8, "io", .runtime = 40, .voluntary = 3,
                       .state = 'D', .wchan = "io_schedule");
  worker = fake_process(20, "python3", .cmdline = "python3 worker --mail",
                        .rss_kib = 50, .utime = 9, .uid = 7, .fds = 2,
                        .pss_kib = 20, .cgroup = "/box/1", .wchan = "do_wait");
  other = fake_process(30, "bash", .rss_kib = 10, .utime = 1, .fds = 1,
                       .wchan = "n_tty_read");
  fake_process(31, "kworker", .kernel_thread = true, .state = 'I');
}

static void grow(struct fake_process *process) {
  process->utime += 10;
  process->rchar += 1000;
  process->voluntary += 2;
  process->runtime += 500;
  process->wait += 5;
  fake_update(process);
}

/* Of who is not chosen nobody knows what its threads had. */
static void change_top(unsigned read) {
  if (read == 3)
    fake_end(other);
  if (read == 4)
    other = fake_process(30, "python3", .rss_kib = 60, .utime = 3,
                         .starttime = 1003500);
  if (read > 1) {
    grow(redis);
    grow(worker);
  }
}

static void change_rules(unsigned read) {
  if (read == 2)
    late =
        fake_process(40, "redis", .rss_kib = 200, .utime = 2, .fds = 4,
                     .pss_kib = 30, .wchan = "ep_poll", .starttime = 1001500);
  if (read == 3) {
    fake_thread_end(thread);
    fake_end(other);
    other = fake_process(30, "python3", .cmdline = "python3 worker --print",
                         .rss_kib = 60, .utime = 3, .fds = 2, .pss_kib = 40,
                         .cgroup = "/box/2", .wchan = "do_wait",
                         .starttime = 1002500);
  }
  if (read == 4) {
    fake_end(late);
    late = NULL;
  }
  if (read > 1) {
    grow(redis);
    grow(worker);
    grow(other);
  }
}

static const struct scenario scenarios[] = {
    {"rules",
     "Process 'redis'; ProcessMatch 'worker-\\\\1' 'worker --([a-z]+)';"
     "<Select 'box'>; Cgroup '/box'; User 7; </Select>;"
     "<Select 'shell'>; Executable '/usr/bin/bash'; Children true; </Select>;"
     "Collect 'state' 'memory' 'cpu' 'contextswitch' 'io' 'files' 'sched'"
     " 'wchan' 'pss'; PssInterval 10; PerThread true; CommandLine true;"
     "Notify 'gone'; Notify 'blocked'",
     8, 4, begin_fake, change_rules},
    {"top", "<Top 'busy'>; Count 3; By 'cpu' 'rss' 'io' 'wait'; </Top>", 8, 4,
     begin_fake, change_top},
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* --- a life --- */

static void configure(const char *options) {
  char text[8192];
  snprintf(text, sizeof(text), "<Plugin proctrace>\n%s\n</Plugin>\n", options);
  for (char *p = text; *p; p++)
    *p = *p == ';' ? '\n' : *p == '\'' ? '"' : *p;
  host_configure(text);
}

static unsigned entries(const char *directory) {
  unsigned n = 0;
  DIR *list = opendir(directory);
  while (list != NULL && readdir(list) != NULL)
    n++;
  if (list != NULL)
    closedir(list);
  return n;
}

static void keep(const struct series *series, void *data) {
  unsigned read = *(const unsigned *)data;
  if (whole->reads[read].count == SERIES_MOST)
    abort();
  struct value *value = &whole->reads[read].series[whole->reads[read].count++];
  snprintf(value->id, sizeof(value->id), "%s", series->id);
  value->gauge = series->type->sources[0].kind == DS_TYPE_GAUGE;
  for (size_t i = 0; i < series->values_len; i++)
    value->values[i] = series_value(series, i);
}

static const struct value *find_value(unsigned read, const char *id) {
  for (size_t i = 0; i < whole->reads[read].count; i++)
    if (strcmp(whole->reads[read].series[i].id, id) == 0)
      return &whole->reads[read].series[i];
  return NULL;
}

/* What the plugin costs and loses, who is left over, and who is on top, are
 * about the fault itself. */
static bool is_judged(const char *id) {
  return strncmp(id, "self/", 5) != 0 && strncmp(id, "other/", 6) != 0 &&
         strncmp(id, "busy/", 5) != 0;
}

static bool is_of_process(const char *id) {
  return fnmatch("*-[0-9]*/*", id, 0) == 0;
}

/* The error of this life, and what it says of the world. */
static enum fault struck_kind;
static int struck_error;

/* A process or thread that is said to be gone, or to be hidden from us, is
 * taken for gone, and for another one when it is back: its states, what a group
 * gains by it, and which rule holds of it, are then what they should be. */
static bool is_excused(const char *id) {
  if (struck_error != ENOENT && struck_error != ESRCH && struck_error != EACCES)
    return false;
  return fnmatch("*/ps_state-*", id, 0) == 0 ||
         fnmatch("*/threads-wchan-*", id, 0) == 0 ||
         fnmatch("*/total_events-restarts", id, 0) == 0 ||
         fnmatch("box*", id, 0) == 0 || fnmatch("*/derive-*", id, 0) == 0 ||
         fnmatch("*/contextswitch-*", id, 0) == 0;
}

/* What was sent in this read is what it should be. */
static void compare(const struct series *series, void *data) {
  unsigned read = *(const unsigned *)data;
  if (!is_judged(series->id) || is_excused(series->id))
    return;
  const struct value *want = find_value(read, series->id);
  if (want == NULL) {
    blame("read %u: %s was sent, and is not without the fault\n", read,
          series->id);
    return;
  }
  for (size_t i = 0; i < series->values_len; i++) {
    double got = series_value(series, i), is = want->values[i];
    bool exact = want->gauge && (is_of_process(series->id) ||
                                 strncmp(series->id, "host/", 5) == 0);
    if (exact ? got != is : got > is)
      blame("read %u: %s is %g and not %g\n", read, series->id, got, is);
  }
}

/* What should have been sent; returns how much is missing. */
static unsigned missing(unsigned read, bool say) {
  unsigned n = 0;
  for (size_t i = 0; i < whole->reads[read].count; i++) {
    const struct value *value = &whole->reads[read].series[i];
    const char *id = value->id;
    if (strncmp(id, "self/", 5) == 0 || series_find(id) != NULL)
      continue;
    /* Told only for a while, and for those who saw it before. */
    if (fnmatch("*/threads-wchan-*", id, 0) == 0 && value->values[0] == 0)
      continue;
    n++;
    if (say && n < 4)
      blame("read %u: %s is missing, %u reads after the fault\n", read, id,
            RECOVERY);
  }
  return n;
}

static void not_late(const struct series *series, void *data) {
  unsigned read = *(const unsigned *)data;
  const struct value *want = find_value(read, series->id);
  for (size_t i = 0; want != NULL && i < series->values_len; i++)
    if (is_judged(series->id) && !is_excused(series->id) &&
        (want->gauge || is_of_process(series->id)) &&
        series_value(series, i) != want->values[i])
      blame("read %u: %s is %g and not %g, %u reads after the fault\n", read,
            series->id, series_value(series, i), want->values[i], RECOVERY);
}

static void show(const struct series *series, void *data) {
  fprintf(stderr, "read %u: %s", *(const unsigned *)data, series->id);
  for (size_t i = 0; i < series->values_len; i++)
    fprintf(stderr, " %g", series_value(series, i));
  fputc('\n', stderr);
}

static double total_lost;
static void add_lost(const struct series *series, void *data) {
  (void)data;
  total_lost += series_value(series, 0);
}

static double lost(void) {
  total_lost = 0;
  series_each("self/*dropped*", add_lost, NULL);
  series_each("self/count-*denied*", add_lost, NULL);
  return total_lost;
}

/* One life; `first`: the one without a fault, which is kept. */
static void live(const struct scenario *scenario, bool first, enum fault kind,
                 unsigned nth, int error) {
  char root[PATH_MAX + 50];
  unsigned struck_in = 0; /* read; 0: not yet, or before the first */
  bool missed = false, told = false;
  struck_kind = kind;
  struck_error = error;
  scenario->begin();
  snprintf(root, sizeof(root), "Source 'procfs'; ProcRoot '%s'",
           fakeproc_root());
  host_set_now(FAKE_BOOT_TIME + UPTIME);
  host_set_interval(INTERVAL);
  host_load();
  unsigned descriptors = entries("/proc/self/fd");
  fault_arm(kind, nth, error);
  configure(root);
  configure(scenario->options);
  /* Some of it is left out then, which leaves another one. */
  bool misconfigured = fault_has_struck();
  host_init();
  bool before = fault_has_struck();
  for (int i = 0; first && i < FAULTS; i++)
    whole->calls_before_reads[i] = fault_calls((enum fault)i);
  for (unsigned read = 1; read <= scenario->reads; read++) {
    scenario->change(read);
    fault_set_uptime(UPTIME + read * INTERVAL);
    const char *complaints = host_read_once();
    if (*complaints != '\0')
      blame("read %u: %s", read, complaints);
    if (getenv("FAULTS_SHOW") != NULL)
      series_each(getenv("FAULTS_SHOW"), show, &read);
    if (first) {
      series_each("*", keep, &read);
      continue;
    }
    if (struck_in == 0 && fault_has_struck() && !before)
      struck_in = read;
    bool over = !before && struck_in > 0 && read >= struck_in + RECOVERY &&
                read > scenario->last_change;
    if (!misconfigured)
      series_each("*", compare, &read);
    missed |= missing(read, over) > 0;
    if (over)
      series_each("*", not_late, &read);
    told |= lost() > 0;
  }
  unsigned lines = host_log_count(ANY_SEVERITY, "");
  host_shutdown();
  if (first) {
    for (int i = 0; i < FAULTS; i++)
      whole->calls[i] = fault_calls((enum fault)i);
    whole->blocks = fault_blocks();
    whole->descriptors = entries("/proc/self/fd") - descriptors;
    whole->threads = entries("/proc/self/task");
  } else {
    if (!fault_has_struck())
      blame("the fault did not come\n");
    /* That a process is gone is no loss. */
    bool loss = error != ENOENT && error != ESRCH;
    if (missed && lines == 0 && !told && loss)
      blame("values are missing, and nothing says so\n");
    if (before && missed && lines == 0)
      blame("the configuration is not whole, and no line says so\n");
    if (lines > 4)
      blame("%u lines in the log\n", lines);
    /* The C library's regcomp() forgets blocks when it is out of memory. */
    if (fault_blocks() > whole->blocks &&
        host_log_count(ANY_SEVERITY, "Memory exhausted") == 0)
      blame("%zu blocks of memory are left, and not %zu\n", fault_blocks(),
            whole->blocks);
    if (entries("/proc/self/fd") - descriptors != whole->descriptors)
      blame("a descriptor is left\n");
    /* Whoever was joined may be seen for a moment. */
    for (int i = 0; i < 100 && entries("/proc/self/task") > whole->threads; i++)
      usleep(10000);
    if (entries("/proc/self/task") > whole->threads)
      blame("a thread is left\n");
  }
  if (getenv("FAULTS_LOG") != NULL) {
    host_log_print();
    fault_print(20);
  }
  host_stop();
  fakeproc_remove();
}

/* In a process of its own, which has its time. */
static bool try_life(const struct scenario *scenario, bool first,
                     enum fault kind, unsigned nth, int error) {
  int status;
  verdict->length = 0;
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    live(scenario, first, kind, nth, error);
    exit(0); /* and not _exit(): sanitizers look for leaks */
  }
  if (child < 0 || waitpid(child, &status, 0) != child)
    abort();
  if (WIFSIGNALED(status))
    blame("ended by signal %d%s\n", WTERMSIG(status),
          WTERMSIG(status) == SIGALRM ? ": it hangs" : "");
  else if (WEXITSTATUS(status) != 0)
    blame("ended with status %d\n", WEXITSTATUS(status));
  return verdict->length == 0;
}

/* --- all of them --- */

static const struct kind {
  const char *name;
  enum fault fault;
  int errors[6];
} kinds[] = {
    {"memory", FAULT_MEMORY, {ENOMEM}},
    {"open", FAULT_OPEN, {EACCES, EIO, ENOENT, ESRCH, EMFILE, ENFILE}},
    {"read", FAULT_READ, {EACCES, EIO, ESRCH, EINTR}},
    {"cut", FAULT_CUT, {EIO}},
    {"list", FAULT_LIST, {EIO, ENOENT}},
    {"stat", FAULT_STAT, {EACCES, EIO, ENOENT}},
    {"thread", FAULT_THREAD, {EAGAIN}},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static unsigned tests, failures;

static void result(bool good, const char *text) {
  failures += !good;
  printf("%sok %u - %s\n", good ? "" : "not ", ++tests, text);
}

static void diag(const char *text) {
  for (int n = 0; n < 6 && *text != '\0'; text += strcspn(text, "\n") + 1, n++)
    printf("#     %.*s\n", (int)strcspn(text, "\n"), text);
}

static void try_kind(const struct scenario *scenario, const struct kind *kind,
                     unsigned only, int error) {
  char text[200];
  unsigned bad = 0;
  unsigned n = whole->calls[kind->fault];
  for (unsigned i = only > 0 ? only : 1; i <= (only > 0 ? only : n); i++) {
    if (try_life(scenario, false, kind->fault, i, error))
      continue;
    if (++bad <= 5) {
      printf("#   call %u%s\n", i,
             i <= whole->calls_before_reads[kind->fault] ? ", before the reads"
                                                         : "");
      diag(verdict->text);
    }
  }
  snprintf(text, sizeof(text), "%s, %s: %s, each of %u calls once",
           scenario->name, kind->name, strerrorname_np(error), n);
  if (bad > 0)
    printf("# %u of %u\n", bad, n);
  result(bad == 0, text);
}

int main(int argc, char **argv) {
  backtrace((void *[1]){0}, 1); /* loads a library at its first call */
  setvbuf(stdout, NULL, _IOLBF, 0);
  int shared = MAP_SHARED | MAP_ANONYMOUS;
  whole = mmap(NULL, sizeof(*whole), PROT_READ | PROT_WRITE, shared, -1, 0);
  verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, shared, -1, 0);
  if (whole == MAP_FAILED || verdict == MAP_FAILED)
    abort();
  for (size_t s = 0; s < SCENARIOS; s++) {
    if (argc > 1 && strcmp(argv[1], scenarios[s].name) != 0)
      continue;
    memset(whole, 0, sizeof(*whole));
    result(try_life(&scenarios[s], true, FAULT_NONE, 0, 0), scenarios[s].name);
    diag(verdict->text);
    for (size_t k = 0; k < KINDS; k++) {
      if (argc > 2 && strcmp(argv[2], kinds[k].name) != 0)
        continue;
      for (int e = 0; e < 6 && kinds[k].errors[e] != 0; e++)
        if (argc <= 4 || atoi(argv[4]) == kinds[k].errors[e])
          try_kind(&scenarios[s], &kinds[k],
                   argc > 3 ? (unsigned)atoi(argv[3]) : 0, kinds[k].errors[e]);
    }
  }
  printf("1..%u\n", tests);
  return failures > 0;
}
