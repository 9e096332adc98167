/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads begin and end, execute something else, and take over
 * each other's ids; no call is lost and none is told of somebody else.
 */
#include "probed.h"

#include "../../bpf/proctrace.h"

#include <linux/bpf.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALLS "<Probe 'syscall'>; Names 64; </Probe>"

static const char *family_of(const struct worker *worker) {
  static char rule[100];
  snprintf(rule, sizeof(rule), "<Select 'w'>; Pid %d; Children true; </Select>",
           (int)worker->pid);
  return rule;
}

/* --- exec, threads --- */

static void executes_something_else(const char *command) {
  struct worker *w = given("%s 1000", command);
  watch(SYSCALLS);
  begin_round(w);
  /* The new program says that it is ready, and what it has done so far. */
  counted(of(w, "operations-syscall_getsid"), 2000);
  sent(of(w, "operations-syscall_execve"), 1);
  sent_count(1, "w-*/operations-syscalls");
  counted(of_group("operations-syscall_getsid"), 2000);
}

static void who_executes_stays_who_it_is(void **state) {
  (void)state;
  executes_something_else("exec");
}

/* It takes over the id of the main thread. */
static void also_if_another_thread_does(void **state) {
  (void)state;
  executes_something_else("exec-by-thread");
}

static void threads_that_end_have_counted(void **state) {
  (void)state;
  struct worker *w = given("threads 2000 7");
  watch_by(family_of(w), SYSCALLS); /* threads are no children */
  begin_round(w);
  for (int i = 0; i < 5; i++) {
    usleep(20000);
    read_once();
  }
  counted(of(w, "operations-syscall_getsid"), end_round(w)[0]);
  counted(of_group("operations-syscall_getsid"), 2000 * 7);
}

/* --- children --- */

static void agree(struct worker *w, const double *said) {
  counted(of_group("operations-syscalls"), said[0]);
  counted(of_group("operations-syscall_getsid"), said[1]);
  not_sent(of(w, "operations-syscall_getsid"));
}

/* They live between two reads, and nobody has ever seen them. */
static void short_lives_count_in_the_group(void **state) {
  (void)state;
  struct worker *w = given("children 50 10 5 1 0");
  watch_by(family_of(w), SYSCALLS);
  agree(w, round_of(w));
}

static void grandchildren_too(void **state) {
  (void)state;
  struct worker *w = given("children 20 10 2 4 0");
  watch_by(family_of(w), SYSCALLS);
  agree(w, round_of(w));
}

/* Some are seen: what they did before that and after it is not lost. */
static void seen_or_not(void **state) {
  (void)state;
  struct worker *w = given("children 10 100 150 2 0");
  watch_by(family_of(w), SYSCALLS);
  unsigned seen = 0;
  begin_round(w);
  for (int i = 0; i < 20; i++) {
    usleep(50000);
    read_once();
    seen += series_each("w-*/operations-syscalls", NULL, NULL) > 1;
  }
  agree(w, end_round(w));
  assert_true(seen > 0);
}

/* Children that nobody asked for count nowhere. */
static void not_without_the_option(void **state) {
  (void)state;
  struct worker *w = given("children 20 10 2 1 0");
  watch(SYSCALLS);
  round_of(w);
  /* To make each of them and to wait for it, and the round's own. */
  counted(of_group("operations-syscalls"), 20 * 2 + 2);
}

/* --- entries of the map `watch` --- */

static int bpf(int command, union bpf_attr *attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* The plugin is in our own process: one of its descriptors is ours. */
static int find_watch(void) {
  for (int fd = 3; fd < 1000; fd++) {
    struct bpf_map_info info = {0};
    union bpf_attr attr = {.info = {.bpf_fd = (__u32)fd,
                                    .info_len = sizeof(info),
                                    .info = (__u64)(uintptr_t)&info}};
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 &&
        !strcmp(info.name, "watch") && info.key_size == sizeof(__u32))
      return fd;
  }
  fail_msg("no map \"watch\"");
  return -1;
}

static unsigned entries_of_watch(void) {
  int fd = find_watch();
  __u32 keys[2];
  unsigned count = 0;
  union bpf_attr attr = {.map_fd = (__u32)fd,
                         .next_key = (__u64)(uintptr_t)&keys[0]};
  while (bpf(BPF_MAP_GET_NEXT_KEY, &attr) == 0) {
    keys[1] = keys[0];
    attr.key = (__u64)(uintptr_t)&keys[1];
    count++;
  }
  return count;
}

static bool is_over(const struct worker *worker) {
  return poll(&(struct pollfd){.fd = worker->out, .events = POLLIN}, 1, 100) >
         0;
}

/* A thousand in a second, far more than there are slots and entries. */
static void a_fork_storm_leaves_nothing_behind(void **state) {
  (void)state;
  struct worker *w = given("children 3000 10 0 1 1000");
  watch_by(family_of(w), SYSCALLS "; MaxProcesses 20");
  series_may_fall("w-*"); /* an id may come again */
  assert_int_equal(entries_of_watch(), 1);
  double memory = value("self/memory-probes");
  begin_round(w);
  while (!is_over(w))
    read_once();
  const double *said = end_round(w);
  counted(of_group("operations-syscalls"), said[0]);
  counted(of_group("operations-syscall_getsid"), said[1]);
  assert_int_equal(entries_of_watch(), 1);
  assert_true(value("self/memory-probes") == memory);
  sent("self/operations-dropped_probe_watch", 0);
  /* The kernel refuses it now and then where a thread is born; the thread's
   * first call asks again. */
  within(0, value("self/operations-dropped_probe_storage"), 30,
         "refused storage");
}

/* A process of this id that has ended; 0: there is one. */
static pid_t end_as(pid_t id) {
  struct clone_args args = {.exit_signal = SIGCHLD,
                            .set_tid = (uint64_t)(uintptr_t)&id,
                            .set_tid_size = 1};
  pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
  if (child == 0)
    _exit(0);
  return child > 0 ? waitpid(child, NULL, 0) : 0;
}

/* Are our ids the kernel's own?  (include/linux/proc_ns.h) */
static bool in_first_namespace(void) {
  char link[64] = "";
  return readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0 &&
         strcmp(link, "pid:[4026531836]") == 0;
}

static void who_stays_a_zombie_for_long_is_counted(void **state) {
  (void)state;
  if (!in_first_namespace())
    skip();
  siginfo_t ended;
  given("calls thread 1 %d:10", SYS_getsid);
  watch(SYSCALLS);
  read_once();
  double before = value("self/operations-dropped_zombies");
  pid_t zombie = fork();
  if (zombie == 0)
    _exit(0);
  assert_int_equal(waitid(P_PID, (id_t)zombie, &ended, WEXITED | WNOWAIT), 0);
  pid_t other = end_as(zombie > EXITS ? zombie - EXITS : zombie + EXITS);
  waitpid(zombie, NULL, 0);
  if (other == 0)
    skip();
  read_once();
  assert_true(value("self/operations-dropped_zombies") > before);
}

/* The operator's choice changes, and with it who is counted. */
static void nobody_is_watched_who_has_ended(void **state) {
  (void)state;
  struct worker *first = given("calls thread 2 %d:10", SYS_getsid);
  struct worker *second = given("calls thread 2 %d:10", SYS_getsid);
  watch(SYSCALLS);
  assert_int_equal(entries_of_watch(), 2);
  double of_both = round_of(first)[0] + round_of(second)[0];
  wait_until_asleep(first->pid);
  end_worker(first);
  read_times(3);
  assert_int_equal(entries_of_watch(), 1);
  not_sent(of(first, "*"));
  sent(of_group("operations-syscalls"), of_both);
  double more = round_of(second)[0];
  counted(of_group("operations-syscalls"), of_both + more);
}

/* Of this test alone: another one may run at the same time. */
static const char *command(const char *stem) {
  static char names[2][16];
  static unsigned next;
  char *name = names[next++ % 2];
  snprintf(name, sizeof(names[0]), "%s%d", stem, (int)getpid());
  return name;
}

static void watch_command(const char *name) {
  char rule[60];
  snprintf(rule, sizeof(rule), "Process '%s'", name);
  watch_by(rule, SYSCALLS);
}

static const char *of_in(const char *series) {
  static char id[80];
  snprintf(id, sizeof(id), "%s/%s", command("in"), series);
  return id;
}

static const char *calls_of_in(void) {
  return of_in("operations-syscall_getsid");
}

/* The selection follows the command, and so do the probes. */
static void who_leaves_its_group_is_watched_no_more(void **state) {
  (void)state;
  struct worker *w = given("rename %s %s 100", command("in"), command("out"));
  watch_command(command("in"));
  round_of(w);
  counted(calls_of_in(), 100);
  assert_int_equal(entries_of_watch(), 1);
  round_of(w);               /* and it is out */
  wait_until_asleep(w->pid); /* in a call that has begun while it is watched */
  read_once();
  assert_int_equal(entries_of_watch(), 0);
  round_of(w); /* 100 that nobody counts */
  usleep(500000);
  round_of(w); /* and it is in again */
  wait_until_asleep(w->pid);
  read_times(3);
  assert_int_equal(entries_of_watch(), 1);
  sent(calls_of_in(), 100);
  double waited = value(of_in("derive-syscall_time_ns"));
  round_of(w);
  counted(calls_of_in(), 200);
  /* The call in which it has left is not the one that ends now. */
  assert_true(value(of_in("derive-syscall_time_ns")) - waited < 0.5e9);
}

/* Who was watched lives on, and somebody else has its place. */
static void who_left_does_not_count_for_who_comes(void **state) {
  (void)state;
  struct worker *leaver =
      given("rename %s %s 100", command("in"), command("out"));
  struct worker *comer = given("rename %s %s 7", command("out"), command("in"));
  watch_command(command("in"));
  round_of(leaver);
  counted(calls_of_in(), 100);
  round_of(leaver); /* and it is out */
  read_times(3);
  round_of(comer); /* 7 that nobody counts */
  round_of(comer); /* and it is in */
  read_times(3);
  assert_int_equal(entries_of_watch(), 1);
  round_of(leaver);
  read_once();
  sent(calls_of_in(), 100);
  round_of(comer);
  counted(calls_of_in(), 107);
}

/* --- ids that come again --- */

/* Above all that are in use here, as a rule. */
static pid_t free_pid(void) {
  for (pid_t pid = 31000; pid > 20000; pid--)
    if (kill(pid, 0) != 0)
      return pid;
  return 31000;
}

static struct worker *given_pid(pid_t pid, int calls) {
  char program[60];
  snprintf(program, sizeof(program), "tests/work/samepid 120 %d", (int)pid);
  return given_by(program, "calls thread 1 %d:%d", SYS_getsid, calls);
}

static void a_reused_id_is_another_process(void **state) {
  (void)state;
  pid_t pid = free_pid();
  struct worker *w = given_pid(pid, 1000);
  watch(SYSCALLS);
  round_of(w);
  counted(of_pid(pid, "operations-syscall_getsid"), 1000);
  end_worker(w);

  /* Before the plugin has seen that the first one is gone. */
  struct worker *next = given_pid(pid, 10);
  double unseen = round_of(next)[0];
  assert_true(unseen == 12);
  wait_until_asleep(pid);
  series_may_fall("w-*");
  read_times(2);
  /* Nobody has asked for this one before: it begins at the second read. */
  sent(of_pid(pid, "operations-syscalls"), 0);
  sent(of_group("operations-syscall_getsid"), 1000);
  round_of(next);
  counted(of_pid(pid, "operations-syscalls"), 12);
  counted(of_group("operations-syscall_getsid"), 1010);
  assert_int_equal(entries_of_watch(), 1);
}

/* --- reads that do not come from BPF --- */

/* Each third one comes from procfs; children are born and end meanwhile. */
static void whatever_the_source_is(void **state) {
  (void)state;
  struct worker *w = given("children 5 10 40 2 0");
  start_bpf(FLAKY_MODULE, family_of(w), SYSCALLS);
  read_times(2);
  series_may_fall("w-*"); /* an id may come again */
  double calls = 0;
  unsigned by_procfs = 0;
  /* How many reads a round has is the machine's. */
  for (int i = 0; i < 3 || (by_procfs <= 3 && i < 30); i++) {
    begin_round(w);
    do {
      read_once();
      by_procfs += series_each("self/gauge-source_procfs", NULL, NULL);
    } while (!is_over(w));
    calls += end_round(w)[0];
  }
  counted(of_group("operations-syscalls"), calls);
  assert_true(by_procfs > 3);
}

/* --- PID namespaces --- */

static void from_outside_by_the_outer_id(void **state) {
  (void)state;
  struct worker *w = given_by("unshare --pid --fork --kill-child",
                              "calls thread 4 %d:1000", SYS_getsid);
  assert_true(w->pid != 1);
  watch(SYSCALLS);
  const double *said = round_of(w);
  counted(of(w, "operations-syscalls"), said[0]);
  counted(of(w, "operations-syscall_getsid"), 10 * 1000);
}

static void its_children_too(void **state) {
  (void)state;
  struct worker *w =
      given_by("unshare --pid --fork --kill-child", "children 30 10 5 2 0");
  watch_by(family_of(w), SYSCALLS);
  agree(w, round_of(w));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PROBE_TEST(who_executes_stays_who_it_is),
      PROBE_TEST(also_if_another_thread_does),
      PROBE_TEST(threads_that_end_have_counted),
      PROBE_TEST(short_lives_count_in_the_group),
      PROBE_TEST(grandchildren_too),
      PROBE_TEST(seen_or_not),
      PROBE_TEST(not_without_the_option),
      PROBE_TEST(a_fork_storm_leaves_nothing_behind),
      PROBE_TEST(who_stays_a_zombie_for_long_is_counted),
      PROBE_TEST(nobody_is_watched_who_has_ended),
      PROBE_TEST(who_leaves_its_group_is_watched_no_more),
      PROBE_TEST(who_left_does_not_count_for_who_comes),
      PROBE_TEST(a_reused_id_is_another_process),
      PROBE_TEST(whatever_the_source_is),
      PROBE_TEST(from_outside_by_the_outer_id),
      PROBE_TEST(its_children_too),
  };
  return RUN(tests);
}
