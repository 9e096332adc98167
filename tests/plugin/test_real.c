/* SPDX-License-Identifier: MIT */
/*
 * The real /proc: our own process, and children whose numbers are known or
 * read by other means just before and just after the plugin does.
 */
#include "fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static int end_child(void **state) {
  int err = fixture_end(state);
  if (child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  child = 0;
  return err;
}

static _Noreturn void pause_for_good(void) {
  for (;;)
    pause();
}

/* A child that runs f, and ends with us whatever happens to us. */
static void given_child(void (*f)(void)) {
  pid_t parent = getpid();
  child = fork();
  assert_true(child >= 0);
  if (child)
    return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1);
  f();
  pause_for_good();
}

static void start_real(const char *options) {
  host_load();
  configure("Source 'procfs'");
  configure(options);
  host_init();
}

static void start_on_child(const char *options) {
  char text[256];
  snprintf(text, sizeof(text), "<Select 'child'>; Pid %d; </Select>; %s",
           (int)child, options);
  start_real(text);
}

static const char *of_child(const char *what) {
  static char id[128];
  snprintf(id, sizeof(id), "child-%d/%s", (int)child, what);
  return id;
}

/* The number behind a key in a file of the child; key "": the first one. */
static double read_key(const char *path, const char *key) {
  char line[512];
  double number = -1;
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  while (number < 0 && fgets(line, sizeof(line), f))
    if (!strncmp(line, key, strlen(key)))
      sscanf(line + strlen(key), "%lf", &number);
  fclose(f);
  return number;
}

static double child_key(const char *file, const char *key) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, file);
  return read_key(path, key);
}

/* The same, summed over all threads. */
static double threads_key(const char *file, const char *key) {
  char path[300];
  double sum = 0;
  snprintf(path, sizeof(path), "/proc/%d/task", (int)child);
  DIR *d = opendir(path);
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d));) {
    if (*e->d_name == '.')
      continue;
    snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", (int)child, e->d_name,
             file);
    sum += read_key(path, key);
  }
  closedir(d);
  return sum;
}

static void between(double low, double v, double high) {
  if (v >= low && v <= high)
    return;
  fail_msg("%.0f is not between %.0f and %.0f", v, low, high);
}

/* Busy with everything that is counted. */
static void *work(void *unused) {
  char buffer[4096];
  FILE *f = fopen("/dev/zero", "r");
  for (;;) {
    for (volatile int i = 0; i < 100000; i++)
      ;
    if (f && fread(buffer, 1, sizeof(buffer), f) != sizeof(buffer))
      break;
    usleep(500);
  }
  return unused;
}

static void work_in_four_threads(void) {
  pthread_t thread;
  for (int i = 0; i < 3; i++)
    pthread_create(&thread, NULL, work, NULL);
  work(NULL);
}

/* -------------------------------------------------------------------------- */

static void a_child_at_rest(void **state) {
  (void)state;
  given_child(pause_for_good);
  usleep(50000);
  start_on_child("Collect 'state' 'memory' 'cpu' 'contextswitch' 'io' 'files'"
                 " 'sched' 'wchan' 'pss'; PssInterval 10");
  read_times(2);
  sent(of_child("ps_state-sleeping"), 1);
  sent(of_child("ps_state-running"), 0);
  sent(of_child("ps_count"), 1, 1);
  sent(of_child("ps_rss"), child_key("status", "VmRSS:") * 1024);
  sent(of_child("ps_rss-peak"), child_key("status", "VmHWM:") * 1024);
  sent(of_child("ps_vm"), child_key("status", "VmSize:") * 1024);
  sent(of_child("ps_vm-peak"), child_key("status", "VmPeak:") * 1024);
  sent(of_child("bytes-swap"), child_key("status", "VmSwap:") * 1024);
  /* Others that share its pages come and go. */
  double pss = child_key("smaps_rollup", "Pss:") * 1024;
  between(pss * 0.8, value(of_child("bytes-pss")), pss * 1.25);
  sent(of_child("io_octets"), child_key("io", "rchar:"),
       child_key("io", "wchar:"));
  sent(of_child("io_ops"), child_key("io", "syscr:"),
       child_key("io", "syscw:"));
  sent(of_child("disk_octets"), child_key("io", "read_bytes:"),
       child_key("io", "write_bytes:"));
  sent(of_child("contextswitch-voluntary"),
       child_key("status", "voluntary_ctxt_switches:"));
  sent(of_child("contextswitch-involuntary"),
       child_key("status", "nonvoluntary_ctxt_switches:"));
  sent(of_child("derive-runtime_ns"), child_key("schedstat", ""));
  sent("child/ps_count", 1, 1);
}

static void a_child_with_busy_threads(void **state) {
  (void)state;
  given_child(work_in_four_threads);
  start_on_child("");
  usleep(100000);
  for (int i = 0; i < 5; i++) {
    usleep(50000);
    double runtime = threads_key("schedstat", "");
    double voluntary = threads_key("status", "voluntary_ctxt_switches:");
    double rchar = child_key("io", "rchar:");
    read_once();
    between(runtime, value(of_child("derive-runtime_ns")),
            threads_key("schedstat", ""));
    between(voluntary, value(of_child("contextswitch-voluntary")),
            threads_key("status", "voluntary_ctxt_switches:"));
    between(rchar, value(of_child("io_octets")), child_key("io", "rchar:"));
  }
  sent(of_child("ps_count"), 1, 4);
  /* Two clocks of the kernel for the same thing. */
  double cpu =
      value(of_child("ps_cputime")) + second_value(of_child("ps_cputime"));
  between(cpu * 0.5, value(of_child("derive-runtime_ns")) / 1000,
          cpu * 2 + 100000);
}

static void *end_soon(void *unused) {
  for (volatile int i = 0; i < 3000000; i++)
    ;
  return unused;
}

static void start_and_join_threads(void) {
  for (;;) {
    pthread_t thread;
    pthread_create(&thread, NULL, end_soon, NULL);
    pthread_join(thread, NULL);
  }
}

/* That no counter falls is what every read is held against. */
static void threads_that_come_and_go(void **state) {
  (void)state;
  given_child(start_and_join_threads);
  start_on_child("PerThread true");
  /* A thread's number may be used again, its name is the same. */
  series_may_fall("*thread-*");
  for (int i = 0; i < 30; i++) {
    usleep(5000);
    read_once();
  }
  assert_true(value(of_child("derive-runtime_ns")) > 0);
}

static void open_files_and_their_limit(void) {
  for (int i = 0; i < 20; i++)
    if (dup(0) < 0)
      _exit(1);
}

static void files_of_a_child(void **state) {
  (void)state;
  given_child(open_files_and_their_limit);
  usleep(50000);
  char path[64];
  double count = 0;
  snprintf(path, sizeof(path), "/proc/%d/fd", (int)child);
  DIR *d = opendir(path);
  assert_non_null(d);
  for (struct dirent *e; (e = readdir(d));)
    count += *e->d_name != '.';
  closedir(d);
  start_on_child("");
  read_once();
  sent(of_child("file_handles"), count);
  double soft = child_key("limits", "Max open files");
  between(count * 100 / soft - 0.001, value(of_child("percent-fd_limit")),
          count * 100 / soft + 0.001);
}

/* Descriptors ---------------------------------------------------------------
 */

static void descriptors_stay_in_their_budget(void **state) {
  (void)state;
  enum { BUDGET = 7 };
  char options[64];
  unsigned before = host_descriptors();
  snprintf(options, sizeof(options),
           "ProcessMatch 'all' '.';"
           "MaxDescriptors %d",
           BUDGET);
  given_child(pause_for_good);
  start_real(options);
  /* What it opens once, as the root of /proc, is not in the budget. */
  unsigned with_roots = host_descriptors();
  read_times(3);
  assert_in_range(host_descriptors(), with_roots, with_roots + BUDGET);
  host_stop();
  assert_int_equal(host_descriptors(), before);
}

static void descriptors_of_the_dead_are_closed(void **state) {
  (void)state;
  given_child(pause_for_good);
  start_on_child("MaxDescriptors 100");
  unsigned without = host_descriptors();
  read_times(2);
  assert_true(host_descriptors() > without);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  child = 0;
  read_times(3);
  assert_int_equal(host_descriptors(), without);
}

/* The daemon has none left: values go missing, nothing else does, and all is
 * back when there are some again. */
static void no_descriptor_left(void **state) {
  (void)state;
  struct rlimit limit, none;
  given_child(pause_for_good);
  start_on_child("MaxDescriptors 100");
  read_times(2);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none = limit;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 5; i++) {
    const char *complaints = host_read_once();
    if (*complaints) {
      setrlimit(RLIMIT_NOFILE, &limit);
      fail_msg("%s", complaints);
    }
  }
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_true(host_log_count(ANY_SEVERITY, "") <= 2);
  read_times(2);
  sent(of_child("ps_count"), 1, 1);
  sent_count(1, of_child("io_octets"));
}

static void a_child_that_ends(void **state) {
  (void)state;
  given_child(work_in_four_threads);
  start_on_child("");
  usleep(100000);
  read_times(2);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  read_times(3);
  not_sent("child-*");
  sent("child/ps_count", 0, 0);
  sent_count(1, "child/ps_cputime");
  said(0, ANY_SEVERITY, "");
  child = 0;
}

static void ourselves(void **state) {
  (void)state;
  char id[64], options[64];
  snprintf(options, sizeof(options), "<Select 'me'>; Pid %d; </Select>",
           (int)getpid());
  start_real(options);
  read_times(2);
  snprintf(id, sizeof(id), "me-%d/ps_state-running", (int)getpid());
  assert_true(value(id) >= 1);
  sent_meta(id, "source", "procfs");
}

/* Everything that runs here, with all that can be asked for. */
static void everything(void **state) {
  (void)state;
  given_child(work_in_four_threads);
  start_real("ProcessMatch 'x_\\\\1' '^/?([^ ]{0,30})'; PerThread true;"
             "PssInterval 10; Collect 'state' 'memory' 'cpu' 'contextswitch'"
             " 'io' 'files' 'sched' 'wchan' 'pss' 'threads'");
  for (int i = 0; i < 4; i++) {
    usleep(20000);
    read_once();
  }
  assert_true(value("self/count-watched") >= 2);
  said(0, LOG_ERR, "");
  /* Values of the host are those of the machine. */
  sent("host/memory-total", read_key("/proc/meminfo", "MemTotal:") * 1024);
  sent("host/timestamp-boot", read_key("/proc/stat", "btime"));
  sent("host/count-cpus", (double)sysconf(_SC_NPROCESSORS_ONLN));
}

static void no_rule_at_all(void **state) {
  (void)state;
  given_child(work_in_four_threads);
  start_real("");
  for (int i = 0; i < 4; i++) {
    usleep(100000);
    read_once();
  }
  char pattern[64];
  snprintf(pattern, sizeof(pattern), "*-%d/ps_cputime", (int)child);
  sent_count(1, pattern);
}

static void without_rights(void **state) {
  (void)state;
  given_child(pause_for_good);
  usleep(20000);
  start_on_child("Collect 'memory' 'cpu' 'contextswitch' 'io' 'files' 'sched'"
                 " 'wchan' 'state'");
  become_unprivileged();
  read_times(3);
  sent(of_child("ps_rss"), child_key("status", "VmRSS:") * 1024);
  sent_count(1, of_child("ps_cputime"));
  sent_count(1, of_child("contextswitch-voluntary"));
  sent_count(1, of_child("derive-runtime_ns"));
  not_sent(of_child("io_*"));
  not_sent(of_child("threads-wchan-*"));
  sent("self/count-unreadable_io", 1);
  sent("self/count-unreadable_wchan", 1);
  /* From Linux 6.2 on the size of a directory of descriptors is their number,
   * and no secret. */
  struct stat directory;
  assert_int_equal(stat("/proc/self/fd", &directory), 0);
  unsigned lines = directory.st_size > 0 ? 2 : 3;
  said(lines, ANY_SEVERITY, "CAP_SYS_PTRACE");
  said(lines, ANY_SEVERITY, "");
}

#define REAL(f) cmocka_unit_test_setup_teardown(f, fixture_setup, end_child)

int main(void) {
  const struct CMUnitTest tests[] = {
      REAL(a_child_at_rest),
      REAL(a_child_with_busy_threads),
      REAL(threads_that_come_and_go),
      REAL(files_of_a_child),
      REAL(descriptors_stay_in_their_budget),
      REAL(descriptors_of_the_dead_are_closed),
      REAL(no_descriptor_left),
      REAL(a_child_that_ends),
      REAL(ourselves),
      REAL(everything),
      REAL(no_rule_at_all),
      REAL(without_rights),
  };
  return RUN(tests);
}
