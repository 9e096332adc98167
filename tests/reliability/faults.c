/* SPDX-License-Identifier: MIT */
/*
 * Each call that can fail fails once.
 *
 *   faults [SCENARIO [KIND [ERRNO [NTH]]]]
 *
 * A scenario (scenarios.c) is a life of the plugin in the recording collectd:
 * configuration, init, some reads of processes that come and go, shutdown.  It
 * runs once without a fault, which counts the calls of each kind and keeps all
 * values; then once more for each of these calls, in a process of its own,
 * where that call fails.  What must hold of each of these lives:
 *
 *   - it goes on to its end, and within its time;
 *   - no memory is left but what a life without faults leaves, no descriptor
 *     and no thread;
 *   - what is sent is what is sent without the fault (judge.c);
 *   - where a value is missing a line says so, or a counter of self; not more
 *     than a few lines;
 *   - two reads after the fault all values are there again, unless it hit the
 *     configuration or init, which are not repeated: then a line says so.
 *
 * FAULTS_LOG shows the log, where the fault struck, and what is left;
 * FAULTS_SHOW=PATTERN shows series.
 */
#include "fault.h"
#include "judge.h"
#include "scenarios.h"

#include "../plugin/fakeproc.h"
#include "../plugin/fixture.h"
#include "../plugin/host.h"
#include "../plugin/series.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECOVERY 2
/* host_threads(): ".", ".." and one thread. */
#define ONE_ENTRY 3
/* One for what failed, one for what follows from it, one for each probe. */
#define LINES_MOST 7

/* --- a life --- */

/* Whoever was joined may be seen for a moment. */
static unsigned threads_left(void) {
  unsigned n;
  for (int i = 0; (n = host_threads()) > ONE_ENTRY && i < 100; i++)
    usleep(10000);
  return n;
}

static void show_one(const struct series *series, void *data) {
  fprintf(stderr, "read %u: %s", *(const unsigned *)data, series->id);
  for (size_t i = 0; i < series->values_len; i++)
    fprintf(stderr, " %g", series_value(series, i));
  fputc('\n', stderr);
}

static void add_loss(const struct series *series, void *sum) {
  *(double *)sum += series_value(series, 0);
}

static bool tells_losses(void) {
  double sum = 0;
  series_each("self/*dropped*", add_loss, &sum);
  series_each("self/count-unreadable*", add_loss, &sum);
  return sum > 0;
}

/* A fault on its way through a life. */
struct fate {
  enum fault kind;
  unsigned nth;
  int error;
  bool in_configuration, before_reads;
  unsigned read;     /* in which it struck; 0: not yet, or before the first */
  bool missed, told; /* values; that they are missing */
};

static bool has_struck(const struct fate *fate) {
  return fate->kind == FAULT_DISPATCH ? host_has_refused() : fault_has_struck();
}

static void begin(const struct scenario *scenario, struct fate *fate) {
  host_set_now(FAKE_BOOT_TIME + UPTIME);
  host_set_interval(LIFE_INTERVAL);
  host_load();
  if (fate->kind == FAULT_DISPATCH)
    host_refuse_dispatch(fate->nth);
  fault_arm(fate->kind, fate->nth, fate->error);
  configure(scenario_source(scenario));
  configure(scenario->options);
  fate->in_configuration = has_struck(fate);
  host_init();
  fate->before_reads = has_struck(fate);
}

static void read_and_judge(const struct scenario *scenario, struct fate *fate,
                           unsigned read) {
  const char *complaints = host_read_once();
  if (*complaints != '\0')
    blame("read %u: %s", read, complaints);
  if (getenv("FAULTS_SHOW") != NULL)
    series_each(getenv("FAULTS_SHOW"), show_one, &read);
  if (fate->kind == FAULT_NONE) {
    judge_keep(read);
    return;
  }
  if (fate->read == 0 && has_struck(fate) && !fate->before_reads)
    fate->read = read;
  bool over = fate->read > 0 && read >= fate->read + RECOVERY &&
              read > scenario->last_change;
  fate->missed |= judge_read(read, !fate->in_configuration, over);
  fate->told |= tells_losses();
}

static void judge_log(const struct scenario *scenario,
                      const struct fate *fate) {
  unsigned lines = host_log_count(ANY_SEVERITY, "");
  /* That a process is gone is no loss; nor can the last read tell what it could
   * not say. */
  bool loss = fate->error != ENOENT && fate->error != ESRCH &&
              (fate->kind != FAULT_DISPATCH || fate->read < scenario->reads);
  if (!has_struck(fate))
    judge_no_fault();
  if (fate->missed && lines == 0 && !fate->told && loss)
    blame("values are missing, and nothing says so\n");
  if (fate->before_reads && fate->missed && lines == 0)
    blame("something was not set up, and no line says so\n");
  if (lines > LINES_MOST)
    blame("%u lines in the log\n", lines);
}

static void live(const struct scenario *scenario, struct fate *fate) {
  scenario->begin();
  unsigned open_before = host_descriptors();
  judge_begin(scenario, fate->kind, fate->error);
  begin(scenario, fate);
  for (int i = 0; fate->kind == FAULT_NONE && i < FAULTS; i++)
    reference->calls_before_reads[i] = fault_calls((enum fault)i);
  for (unsigned read = 1; read <= scenario->reads; read++) {
    scenario->change(read);
    if (!scenario->real)
      fault_set_uptime(UPTIME + read * LIFE_INTERVAL);
    read_and_judge(scenario, fate, read);
  }
  if (fate->kind != FAULT_NONE)
    judge_log(scenario, fate);
  host_shutdown();
  struct remains remains = {fault_blocks(), host_descriptors() - open_before,
                            threads_left()};
  if (fate->kind != FAULT_NONE)
    judge_remains(&remains);
  else
    reference->remains = remains;
  for (int i = 0; fate->kind == FAULT_NONE && i < FAULTS; i++) {
    reference->calls[i] =
        i == FAULT_DISPATCH ? host_dispatched() : fault_calls((enum fault)i);
    reference->first_call_count[i] =
        fault_first_calls((enum fault)i, reference->first_calls[i]);
  }
  if (getenv("FAULTS_LOG") != NULL) {
    host_log_print();
    fault_print(100);
  }
  host_stop();
  scenario->end();
}

/* In a process of its own, which has its time. */
static bool try_life(const struct scenario *scenario, struct fate fate) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    live(scenario, &fate);
    exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child)
    abort();
  if (WIFSIGNALED(status))
    blame("ended by signal %d%s\n", WTERMSIG(status),
          WTERMSIG(status) == SIGALRM ? ": it hangs" : "");
  else if (WEXITSTATUS(status) != 0)
    blame("ended with status %d\n", WEXITSTATUS(status));
  return verdict()[0] == '\0';
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
    {"dispatch", FAULT_DISPATCH, {ENOMEM}},
    {"bpf", FAULT_BPF, {EPERM, ENOMEM, E2BIG, EINVAL}},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static unsigned tests, failures;
/* Of the command line. */
static unsigned only_nth;
static int only_error;

static void result(bool good, const char *text) {
  failures += !good;
  printf("%sok %u - %s\n", good ? "" : "not ", ++tests, text);
}

static void diag(const char *text) {
  for (int n = 0; n < 6 && *text != '\0'; text += strcspn(text, "\n") + 1, n++)
    printf("#     %.*s\n", (int)strcspn(text, "\n"), text);
}

/* Whether the n-th call is to fail: libbpf makes thousands of them, mostly from
 * the same places. */
static bool is_tried(const struct scenario *scenario, enum fault kind,
                     unsigned n) {
  if (only_nth != 0)
    return n == only_nth;
  if (!scenario->real || kind == FAULT_BPF || getenv("FAULTS_ALL") != NULL)
    return true;
  for (unsigned i = 0; i < reference->first_call_count[kind]; i++)
    if (reference->first_calls[kind][i] == n)
      return true;
  return false;
}

static void try_kind(const struct scenario *scenario, const struct kind *kind,
                     int error) {
  char text[200];
  unsigned bad = 0, tried = 0, spared = 0;
  unsigned all = reference->calls[kind->fault];
  for (unsigned i = 1; i <= all; i++) {
    struct fate fate = {.kind = kind->fault, .nth = i, .error = error};
    if (!is_tried(scenario, kind->fault, i))
      continue;
    tried++;
    bool good = try_life(scenario, fate);
    spared += reference->spared;
    if (good || ++bad > 5)
      continue;
    printf("#   call %u%s\n", i,
           i <= reference->calls_before_reads[kind->fault]
               ? ", before the reads"
               : "");
    diag(verdict());
  }
  if (bad > 0)
    printf("# %u of %u\n", bad, tried);
  /* How often a helper is waited for, and looked at meanwhile, is another each
   * time: the last calls of a life are not in all of them. */
  if (spared > 0)
    printf("# %u lives had fewer calls\n", spared);
  snprintf(text, sizeof(text), "%s, %s: %s, %u of %u calls, each once",
           scenario->name, kind->name, strerrorname_np(error), tried - spared,
           all);
  result(bad == 0 && (spared <= tried / 5 || only_nth != 0), text);
}

static void try_scenario(const struct scenario *scenario, const char *only) {
  struct fate none = {.kind = FAULT_NONE};
  scenario->prepare();
  bool good = try_life(scenario, none);
  result(good, scenario->name);
  diag(verdict());
  if (good && scenario->probed != NULL &&
      !judge_has(scenario->reads, scenario->probed)) {
    printf("ok %u - %s, each failure # SKIP no probe runs here\n", ++tests,
           scenario->name);
    good = false;
  }
  for (size_t k = 0; good && k < KINDS; k++)
    for (int e = 0; e < 6 && kinds[k].errors[e] != 0; e++)
      if ((only == NULL || strcmp(only, kinds[k].name) == 0) &&
          (only_error == 0 || only_error == kinds[k].errors[e]) &&
          reference->calls[kinds[k].fault] > 0 &&
          !(scenario->real && kinds[k].fault == FAULT_DISPATCH))
        try_kind(scenario, &kinds[k], kinds[k].errors[e]);
  scenario->finish();
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  backtrace((void *[1]){0}, 1); /* loads a library at its first call */
  judge_init();
  only_error = argc > 3 ? atoi(argv[3]) : 0;
  only_nth = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
  for (unsigned i = 0; i < scenario_count; i++)
    if (argc < 2 || strcmp(argv[1], scenarios[i].name) == 0)
      try_scenario(&scenarios[i], argc > 2 ? argv[2] : NULL);
  printf("1..%u\n", tests);
  return failures > 0;
}
