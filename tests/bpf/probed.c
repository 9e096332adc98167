/* SPDX-License-Identifier: MIT */

#include "probed.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MOST = 8, WORDS_MOST = 40 };
#define ROUND_MS 40000

static struct worker workers[WORKERS_MOST];
static unsigned worker_count;

/* --- workloads --- */

/* What it said, a line; "" when it has ended. */
static const char *hear(struct worker *worker) {
  static char line[600];
  size_t length = 0;
  memset(worker->numbers, 0, sizeof(worker->numbers));
  while (length < sizeof(line) - 1 && (!length || line[length - 1] != '\n')) {
    struct pollfd wait = {.fd = worker->out, .events = POLLIN};
    if (poll(&wait, 1, ROUND_MS) != 1)
      fail_msg("worker %d does not answer", (int)worker->pid);
    ssize_t got = read(worker->out, line + length, sizeof(line) - 1 - length);
    if (got <= 0)
      break;
    length += (size_t)got;
  }
  line[length] = '\0';
  return line;
}

static void expect(struct worker *worker, const char *word) {
  const char *line = hear(worker);
  if (!strncmp(line, "skip ", 5)) {
    printf("# skipped: %s", line + 5);
    skip();
  }
  if (strncmp(line, word, strlen(word)))
    fail_msg("worker %d says \"%s\", not %s", (int)worker->pid, line, word);
  const char *rest = line + strlen(word);
  for (size_t i = 0; i < sizeof(worker->numbers) / sizeof(double); i++) {
    char *end;
    worker->numbers[i] = strtod(rest, &end);
    if (end == rest)
      break;
    rest = end;
  }
}

static _Noreturn void become(char *command) {
  char *words[WORDS_MOST] = {NULL};
  int count = 0;
  for (char *word = strtok(command, " "); word && count < WORDS_MOST - 1;
       word = strtok(NULL, " "))
    words[count++] = word;
  execvp(words[0], words);
  _exit(127);
}

static pid_t only_child(pid_t parent) {
  char path[64];
  int child = 0;
  snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent,
           (int)parent);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%d", &child) != 1)
    fail_msg("no child of %d", (int)parent);
  fclose(file);
  return child;
}

/* Two, for to read from one end of a socket wakes who waits at the other. */
static void open_sockets(int in[2], int out[2]) {
  int type = SOCK_STREAM | SOCK_CLOEXEC;
  assert_int_equal(socketpair(AF_UNIX, type, 0, in), 0);
  assert_int_equal(socketpair(AF_UNIX, type, 0, out), 0);
}

static struct worker *start_worker(const char *program, const char *format,
                                   va_list list) {
  char arguments[500], command[600];
  int in[2], out[2];
  vsnprintf(arguments, sizeof(arguments), format, list);
  snprintf(command, sizeof(command), "%s tests/work/probe 600 %s", program,
           arguments);
  assert_in_range(worker_count, 0, WORKERS_MOST - 1);
  open_sockets(in, out);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[1], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    become(command);
  }
  close(in[1]);
  close(out[1]);
  struct worker *worker = &workers[worker_count++];
  *worker = (struct worker){child, child, in[0], out[0], {0}};

  expect(worker, "ready");
  /* The first number is its id, as it sees that. */
  memmove(worker->numbers, worker->numbers + 1,
          sizeof(worker->numbers) - sizeof(double));
  if (*program)
    worker->pid = only_child(child);
  wait_until_asleep(worker->pid);
  return worker;
}

struct worker *given(const char *format, ...) {
  va_list list;
  va_start(list, format);
  struct worker *worker = start_worker("", format, list);
  va_end(list);
  return worker;
}

struct worker *given_by(const char *program, const char *format, ...) {
  va_list list;
  va_start(list, format);
  struct worker *worker = start_worker(program, format, list);
  va_end(list);
  return worker;
}

void end_worker(struct worker *worker) {
  if (worker->in < 0)
    return;
  kill(worker->pid, SIGKILL); /* first: else it may see the end of stdin */
  close(worker->in);
  close(worker->out);
  worker->in = -1;
  waitpid(worker->child, NULL, 0);
}

int probed_end(void **state) {
  for (unsigned i = 0; i < worker_count; i++)
    end_worker(&workers[i]);
  worker_count = 0;
  return fixture_end(state);
}

void begin_round(struct worker *worker) {
  assert_int_equal(write(worker->in, "", 1), 1);
}

const double *end_round(struct worker *worker) {
  expect(worker, "done");
  return worker->numbers;
}

const double *round_of(struct worker *worker) {
  begin_round(worker);
  return end_round(worker);
}

/* --- /proc --- */

/* Adds up what `number` finds in a file of each thread. */
static double sum_over_threads(pid_t pid, const char *file,
                               double (*number)(const char *text,
                                                const void *what),
                               const void *what) {
  char path[300], text[4096];
  double sum = 0;
  snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
  DIR *threads = opendir(path);
  assert_non_null(threads);
  for (struct dirent *e; (e = readdir(threads));) {
    if (*e->d_name == '.')
      continue;
    snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", (int)pid, e->d_name,
             file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    sum += number(text, what);
  }
  closedir(threads);
  return sum;
}

static double column_of(const char *text, const void *column) {
  for (int skipped = 1; skipped < *(const int *)column; skipped++)
    text = strchr(text, ' ') + 1;
  return atof(text);
}

static double behind_key(const char *text, const void *key) {
  const char *found = strstr(text, key);
  assert_non_null(found);
  return atof(found + strlen(key));
}

static double is_awake(const char *text, const void *unused) {
  (void)unused;
  return strncmp(strrchr(text, ')'), ") S", 3) != 0;
}

double schedstat_sum(pid_t pid, int column) {
  return sum_over_threads(pid, "schedstat", column_of, &column);
}

double status_sum(pid_t pid, const char *key) {
  return sum_over_threads(pid, "status", behind_key, key);
}

/* A short sleep on the way does not count. */
void wait_until_asleep(pid_t pid) {
  for (int asleep = 0, looks = 0; asleep < 5; looks++) {
    bool awake = sum_over_threads(pid, "stat", is_awake, NULL) > 0;
    asleep = awake ? 0 : asleep + 1;
    if (looks == 5000)
      fail_msg("worker %d does not sleep", (int)pid);
    usleep(2000);
  }
}

/* --- the plugin --- */

void watch_by(const char *rules, const char *options) {
  start_bpf(BPF_MODULE, rules, options);
  read_times(2);
}

void watch(const char *options) {
  char rules[WORKERS_MOST * 60] = "";
  for (unsigned i = 0; i < worker_count; i++)
    snprintf(rules + strlen(rules), sizeof(rules) - strlen(rules),
             "<Select 'w'>; Pid %d; </Select>;", (int)workers[i].pid);
  watch_by(rules, options);
}

/* --- what it said --- */

const char *of_pid(pid_t pid, const char *series) {
  static char ids[4][100];
  static unsigned next;
  char *id = ids[next++ % 4];
  snprintf(id, sizeof(ids[0]), "w-%d/%s", (int)pid, series);
  return id;
}

const char *of(const struct worker *worker, const char *series) {
  return of_pid(worker->pid, series);
}

const char *of_group(const char *series) {
  static char id[100];
  snprintf(id, sizeof(id), "w/%s", series);
  return id;
}

double value_or_0(const char *id) {
  const struct series *series = series_find(id);
  return series ? series_value(series, 0) : 0;
}

static double left_out(void) {
  return value_or_0("self/operations-dropped_probe_missed");
}

/* What is on its way takes no ten seconds; what is too much comes with the same
 * read, or with the next one. */
void counted(const char *id, double n) {
  for (int reads = 0; value_or_0(id) + left_out() < n && reads < 100; reads++) {
    usleep(reads ? 100000 : 10000);
    read_once();
  }
  usleep(50000);
  read_once();
  double got = value_or_0(id);
  if (got < n && got + left_out() >= n)
    printf("# %s: %.0f of %.0f, the kernel has left out %.0f runs\n", id, got,
           n, left_out());
  if (got <= n && got + left_out() >= n)
    return;
  print_error("%s is %.0f, and there were %.0f\n", id, got, n);
  show("self/*dropped*");
  fail();
}

struct growth growth_of(const char *id, double want) {
  struct growth growth = {.want = want,
                          .each = 1,
                          .before = value_or_0(id),
                          .left_out = left_out()};
  snprintf(growth.id, sizeof(growth.id), "%s", id);
  return growth;
}

bool all_grown(struct growth *growths, size_t n) {
  bool all = true;
  usleep(50000);
  read_once();
  for (size_t i = 0; i < n; i++) {
    double now = value_or_0(growths[i].id);
    double grown = now - growths[i].before;
    if (grown > growths[i].want)
      fail_msg("%s: %.0f, and there were %.0f", growths[i].id, grown,
               growths[i].want);
    double lost = (growths[i].want - grown) / growths[i].each;
    double missed = left_out() - growths[i].left_out;
    if (lost > 0)
      printf("# %s: %.0f of %.0f, and the kernel left out %.0f runs\n",
             growths[i].id, grown, growths[i].want, missed);
    all &= lost <= missed;
    growths[i].before = now;
    growths[i].left_out = left_out();
  }
  return all;
}

void within(double least, double value, double most, const char *what) {
  if (!(value >= least && value <= most))
    fail_msg("%s is %.9g, not between %.9g and %.9g", what, value, least, most);
}

/* --- time --- */

bool is_emulated(void) { return getenv("PROCTRACE_TEST_EMULATED") != NULL; }

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of two short calls, the median: not of those that somebody interrupted. */
static double two_calls_ns(void) {
  enum { TIMES = 1001 };
  static double took[TIMES];
  int fd = eventfd(0, 0);
  assert_true(fd >= 0);
  for (int i = 0; i < TIMES; i++) {
    struct timespec began, ended;
    uint64_t word = 1;
    clock_gettime(CLOCK_MONOTONIC, &began);
    assert_int_equal(write(fd, &word, sizeof(word)), sizeof(word));
    assert_int_equal(read(fd, &word, sizeof(word)), sizeof(word));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    took[i] = (double)(ended.tv_sec - began.tv_sec) * 1e9 +
              (double)(ended.tv_nsec - began.tv_nsec);
  }
  close(fd);
  qsort(took, TIMES, sizeof(*took), by_size);
  return took[TIMES / 2];
}

#define TWO_CALLS_NS 500 /* where the ways were measured */

double way_ns(double ns) {
  static double slower;
  if (!is_emulated())
    return ns;
  if (slower == 0) {
    slower = two_calls_ns() / TWO_CALLS_NS;
    printf("# emulated, %.1f times slower\n", slower);
  }
  return ns * (slower > 1 ? slower : 1);
}

#define HALF_BUCKET 0.0625 /* of the middle of a bucket */

void percentiles_fit(const struct worker *worker, const char *name,
                     const double *samples, double less_ns, int vague) {
  static const char *const ranks[] = {"p50", "p90", "p99", "max"};
  if (less_ns > samples[0] / 2 && is_emulated())
    fail_msg("the way takes %.0f ns, and what is timed %.0f", less_ns,
             samples[0]);
  for (int i = 0; i < 4; i++, samples += 2) {
    bool is_max = i == 3; /* the upper end of its bucket */
    char series[80];
    snprintf(series, sizeof(series), "latency-%s-%s", name, ranks[i]);
    double least = i < 4 - vague ? samples[0] - less_ns : 0;
    within(least * (is_max ? 1 : 1 - HALF_BUCKET) / 1e9,
           value(of(worker, series)),
           samples[1] * (is_max ? 1 + 2 * HALF_BUCKET : 1 + HALF_BUCKET) / 1e9,
           series);
  }
}
