/* SPDX-License-Identifier: MIT */
/*
 * Which processes the rules choose, and how these are named.
 */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

/* A process is looked at again at least once in so many reads. */
#define LOOK_AGAIN 30
/* What Top or a name of \1 has sent stays at least so many reads. */
#define STAYS 10

static void by_command(void **state) {
  (void)state;
  fake_process(7, "redis-server");
  fake_process(8, "redis-serve");
  fake_process(9, "redis-server2");
  fake_process(10, "redis-server");
  start("Process 'redis-server'");
  read_once();
  sent("redis-server/ps_count", 2, 2);
  sent_count(1, "redis-server-7/ps_count");
  sent_count(1, "redis-server-10/ps_count");
  sent_count(2, "redis-server-*/ps_count");
}

static void by_command_line(void **state) {
  (void)state;
  fake_process(7, "python3", .cmdline = "/usr/bin/python3 -m celery worker");
  fake_process(8, "python3", .cmdline = "/usr/bin/python3 -m http.server");
  start("ProcessMatch 'tasks' 'celery .*worker$'");
  read_once();
  sent("tasks/ps_count", 1, 1);
  sent_count(1, "tasks-7/ps_count");
  not_sent("tasks-8/*");
}

static void named_by_what_matched(void **state) {
  (void)state;
  fake_process(7, "java", .cmdline = "java -Dname=billing -Dzone=a x.jar");
  fake_process(8, "java", .cmdline = "java -Dname=billing -Dzone=b x.jar");
  fake_process(9, "java", .cmdline = "java -Dname=mail/../etc -Dzone=c x.jar");
  start("ProcessMatch 'java_\\\\1_\\\\2' 'name=([^ ]*) .*zone=([a-z])'");
  read_once();
  sent("java_billing_a/ps_count", 1, 1);
  sent("java_billing_b/ps_count", 1, 1);
  sent("java_mail____etc_c/ps_count", 1, 1);
  sent_count(1, "java_billing_a-7/ps_count");
  /* Three names for processes and three for groups, no other. */
  sent_count(6, "java_*/ps_count");
}

static void names_of_what_matched_expire(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "java", .cmdline = "java -Dname=mail", .utime = 5);
  start("ProcessMatch 'j_\\\\1' 'name=([a-z]*)'");
  read_once();
  sent("j_mail/ps_count", 1, 1);
  fake_end(p);
  for (int i = 0; i < STAYS; i++) {
    read_once();
    sent("j_mail/ps_count", 0, 0);
    sent_count(1, "j_mail/ps_cputime");
  }
  read_times(2);
  not_sent("j_mail/*");
}

static void names_are_bounded(void **state) {
  (void)state;
  char cmdline[300] = "java -Dname=";
  memset(cmdline + strlen(cmdline), 'x', 200);
  fake_process(7, "java", .cmdline = cmdline);
  start("ProcessMatch 'j_\\\\1' 'name=([a-z]*)'");
  read_once();
  char id[128] = "j_";
  memset(id + 2, 'x', 62);
  strcpy(id + 64, "/ps_count");
  sent(id, 1, 1);
}

static void the_first_rule_names(void **state) {
  (void)state;
  fake_process(7, "nginx", .cmdline = "nginx: master");
  fake_process(8, "nginx", .cmdline = "nginx: worker");
  start("ProcessMatch 'master' 'nginx: master'; Process 'nginx'");
  read_once();
  sent("master/ps_count", 1, 1);
  sent_count(1, "master-7/ps_count");
  sent_count(1, "nginx-8/ps_count");
  not_sent("nginx-7/*");
}

/* A process counts once, or the groups' sum would be more than the host. */
static void a_process_is_in_one_group(void **state) {
  (void)state;
  fake_process(7, "nginx", .cmdline = "nginx: master");
  start("ProcessMatch 'master' 'nginx: master'; Process 'nginx'");
  read_once();
  sent("master/ps_count", 1, 1);
  sent("nginx/ps_count", 0, 0);
}

static void rules_of_one_name_are_one_group(void **state) {
  (void)state;
  fake_process(7, "mysqld");
  fake_process(8, "mariadbd");
  start("ProcessMatch 'db.x' '^mysqld'; ProcessMatch 'db:x' '^mariadbd'");
  read_times(3);
  sent("db_x/ps_count", 2, 2);
  said(1, ANY_SEVERITY, "db_x");
}

static void names_that_could_mislead(void **state) {
  (void)state;
  fake_process(7, "a");
  fake_process(8, "b");
  fake_process(9, "c");
  fake_process(10, "d");
  start("ProcessMatch 'host' '^a'; ProcessMatch 'self' '^b';"
        "ProcessMatch 'other' '^c'; ProcessMatch 'web-12' '^d'");
  read_once();
  sent("host_/ps_count", 1, 1);
  sent("self_/ps_count", 1, 1);
  sent("other_/ps_count", 1, 1);
  sent("web-12_/ps_count", 1, 1);
  not_sent("host/ps_*");
  not_sent("self/ps_*");
  sent("other/ps_count", 0, 0);
}

static void by_pid(void **state) {
  (void)state;
  fake_process(7, "a");
  fake_process(8, "a");
  start("<Select 'one'>;Pid 8;</Select>");
  read_once();
  sent("one/ps_count", 1, 1);
  sent_count(1, "one-8/ps_count");
}

static void write_pid_file(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static void by_pid_file(void **state) {
  (void)state;
  char path[4200], options[4300];
  snprintf(path, sizeof(path), "%s/x.pid", fakeproc_root());
  snprintf(options, sizeof(options), "<Select 'daemon'>;PidFile '%s';</Select>",
           path);
  struct fake_process *old = fake_process(7, "d", .utime = 100);
  start(options);
  read_once(); /* the file is not there yet */
  sent("daemon/ps_count", 0, 0);
  write_pid_file(path, "7\n");
  read_once();
  sent_count(1, "daemon-7/ps_count");
  /* A restart: the new process is found at the next read. */
  fake_end(old);
  fake_process(9, "d", .utime = 3);
  write_pid_file(path, "9\n");
  read_once();
  sent_count(1, "daemon-9/ps_count");
  not_sent("daemon-7/*");
  write_pid_file(path, "no number");
  read_once();
  sent("daemon/ps_count", 0, 0);
}

static void by_user(void **state) {
  (void)state;
  fake_process(7, "a", .uid = 12345);
  fake_process(8, "b", .uid = 0);
  start("<Select 'theirs'>;User 12345;</Select>;"
        "<Select 'roots'>;User 'root';</Select>");
  read_once();
  sent("theirs/ps_count", 1, 1);
  sent("roots/ps_count", 1, 1);
  sent_count(1, "theirs-7/ps_count");
}

static void by_cgroup(void **state) {
  (void)state;
  fake_process(7, "a", .cgroup = "/system.slice/web.service");
  fake_process(8, "b", .cgroup = "/system.slice/web.service/worker");
  fake_process(9, "c", .cgroup = "/system.slice/web.service2");
  start("<Select 'web'>;Cgroup '/system.slice/web.service';</Select>");
  read_once();
  /* A service is its cgroup and those below, no other of a longer name. */
  sent_count(1, "web-7/ps_count");
  sent_count(1, "web-8/ps_count");
  not_sent("web-9/*");
}

static void by_executable(void **state) {
  (void)state;
  fake_process(7, "x", .exe = "/opt/app/bin/server");
  fake_process(8, "x", .exe = "/opt/app/bin/server2");
  fake_process(9, "x", .kernel_thread = true);
  start("<Select 'app'>;Executable '/opt/app/bin/server';</Select>");
  read_once();
  sent("app/ps_count", 1, 1);
  sent_count(1, "app-7/ps_count");
}

static void with_children(void **state) {
  (void)state;
  fake_process(7, "master");
  fake_process(8, "child", .ppid = 7);
  fake_process(9, "grandchild", .ppid = 8);
  fake_process(10, "stranger");
  start("<Select 'tree'>;Pid 7;Children true;</Select>");
  read_once();
  sent("tree/ps_count", 3, 3);
  sent_count(1, "tree-9/ps_count");
  fake_process(11, "late", .ppid = 9);
  read_once();
  sent("tree/ps_count", 4, 4);
}

static void without_children(void **state) {
  (void)state;
  fake_process(7, "master");
  fake_process(8, "child", .ppid = 7);
  start("<Select 'tree'>;Pid 7;Children false;</Select>");
  read_once();
  sent("tree/ps_count", 1, 1);
}

static void all_lines_of_select_must_hold(void **state) {
  (void)state;
  fake_process(7, "a", .uid = 12345, .exe = "/bin/x");
  fake_process(8, "a", .uid = 12345, .exe = "/bin/y");
  fake_process(9, "a", .uid = 1, .exe = "/bin/x");
  start("<Select 's'>;User 12345;Executable '/bin/x';</Select>");
  read_once();
  sent("s/ps_count", 1, 1);
  sent_count(1, "s-7/ps_count");
}

/* Looking again: nothing of it changes PID or start time. ----------------- */

static void within(unsigned reads, const char *id) {
  for (unsigned i = 0; i < reads; i++) {
    read_once();
    if (series_find(id))
      return;
  }
  fail_msg("%s not within %u reads", id, reads);
}

static void a_new_command_line_is_noticed(void **state) {
  (void)state;
  struct fake_process *p =
      fake_process(7, "postgres", .cmdline = "postgres: starting");
  start("ProcessMatch 'writer' 'postgres: writer'");
  read_times(5);
  sent("writer/ps_count", 0, 0);
  p->cmdline = "postgres: writer";
  fake_update(p);
  within(LOOK_AGAIN, "writer-7/ps_count");
  p->cmdline = "postgres: idle";
  fake_update(p);
  for (int i = 0; i < LOOK_AGAIN; i++)
    read_once();
  sent("writer/ps_count", 0, 0);
}

static void a_cgroup_move_is_noticed(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "a", .cgroup = "/init.scope");
  start("<Select 'web'>;Cgroup '/web.service';</Select>");
  read_times(5);
  sent("web/ps_count", 0, 0);
  p->cgroup = "/web.service";
  fake_update(p);
  within(LOOK_AGAIN, "web-7/ps_count");
}

static void an_exec_with_another_comm_is_noticed_at_once(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "sh");
  start("Process 'server'; ProcessMatch 'cl' '--serve'");
  read_times(5);
  p->comm = "server";
  fake_update(p);
  read_once();
  sent_count(1, "server-7/ps_count");
  p->comm = "other";
  p->cmdline = "other --serve";
  fake_update(p);
  read_once();
  sent_count(1, "cl-7/ps_count");
  not_sent("server-7/*");
}

/* The first look may have met the shell between its fork and its exec. */
static void the_second_sight_looks_again(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "sh", .cmdline = "sh -c sh");
  start("ProcessMatch 'cl' '--serve'");
  read_once();
  p->cmdline = "sh --serve";
  fake_update(p);
  read_once();
  sent_count(1, "cl-7/ps_count");
}

static void a_new_process_is_found_at_the_next_read(void **state) {
  (void)state;
  start("Process 'late'");
  read_times(3);
  fake_process(7, "late", .utime = 4, .starttime = fake_now());
  read_once();
  sent_count(1, "late-7/ps_count");
  /* Born while we watched: all that it did is its group's. */
  sent("late/ps_cputime", 40000, 0);
}

/* Top -------------------------------------------------------------------- */

static struct fake_process *crowd[6];

static void given_a_crowd(void) {
  for (int i = 0; i < 6; i++)
    crowd[i] = fake_process(10 + i, "p", .rss_kib = 100);
}

static void update_crowd(void) {
  for (int i = 0; i < 6; i++)
    fake_update(crowd[i]);
}

static void top_by_each(void **state) {
  (void)state;
  given_a_crowd();
  crowd[1]->rss_kib = 100000;
  update_crowd();
  start("<Top 'busy'>;Count 1;By 'cpu' 'rss' 'io' 'wait';</Top>");
  read_once();
  crowd[2]->utime += 300;
  crowd[3]->read_bytes += 1 << 20;
  crowd[3]->rchar += 1 << 20;
  crowd[4]->wait += 900000000;
  update_crowd();
  read_once();
  not_sent("p-10/*");
  sent_count(1, "p-11/ps_rss");
  sent_count(1, "p-12/ps_cputime");
  sent_count(1, "p-13/disk_octets");
  sent_count(1, "p-14/derive-wait_sum_ns");
  not_sent("p-15/*");
}

/* What Top asks of all processes is not all that is read of the chosen. */
static void top_leaves_wait_channels_alone(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "w", .wchan = "do_wait");
  fake_thread(p, 8, "other", .wchan = "do_wait");
  start("<Top 'busy'>;Count 1;By 'wait';</Top>;Collect 'state' 'wchan'");
  read_once();
  p->wait += 900000000;
  fake_update(p);
  read_once();
  sent("w-7/threads-wchan-do_wait", 2);
}

static void top_counts_the_interval_not_the_past(void **state) {
  (void)state;
  given_a_crowd();
  crowd[0]->utime = 999999; /* long ago */
  update_crowd();
  start("<Top 'busy'>;Count 1;By 'cpu';</Top>");
  read_once();
  crowd[5]->utime += 1;
  update_crowd();
  read_once();
  sent_count(1, "p-15/ps_cputime");
  not_sent("p-10/*");
}

static void who_was_chosen_stays(void **state) {
  (void)state;
  given_a_crowd();
  start("<Top 'busy'>;Count 1;By 'cpu';</Top>");
  read_once();
  crowd[0]->utime += 5;
  update_crowd();
  read_once();
  sent_count(1, "p-10/ps_cputime");
  for (int i = 1; i < STAYS; i++) {
    crowd[1]->utime += 50;
    update_crowd();
    read_once();
    sent_count(1, "p-11/ps_cputime");
    sent_count(1, "p-10/ps_cputime");
  }
  for (int i = 0; i < 3; i++) {
    crowd[1]->utime += 50;
    update_crowd();
    read_once();
  }
  not_sent("p-10/*");
  sent_count(1, "p-11/ps_cputime");
}

/* 20 by cpu is what no rule at all means. */
static void top_is_the_default(void **state) {
  (void)state;
  struct fake_process *p[25];
  for (int i = 0; i < 25; i++)
    p[i] = fake_process(100 + i, "p");
  start("");
  read_once();
  for (int i = 0; i < 25; i++) {
    p[i]->utime += (uint64_t)(i + 1) * 10;
    fake_update(p[i]);
  }
  read_once();
  sent_count(20, "p-*/ps_cputime");
  not_sent("p-104/*");
  sent_count(1, "p-105/ps_cputime");
  sent_count(1, "p-124/ps_cputime");
}

static void top_beside_rules(void **state) {
  (void)state;
  given_a_crowd();
  struct fake_process *named = fake_process(7, "named");
  start("Process 'named'; <Top 'busy'>;Count 1;By 'cpu';</Top>");
  read_once();
  named->utime += 1000;
  fake_update(named);
  crowd[2]->utime += 5;
  update_crowd();
  read_once();
  sent_count(1, "named-7/ps_cputime");
  sent("named/ps_cputime", 10000000, 0);
}

/* Busy enough for Top, but named by a rule until it changes its command. */
static void top_does_not_hold_what_a_rule_named(void **state) {
  (void)state;
  struct fake_process *p = fake_process(7, "named");
  start("Process 'named'; <Top 'busy'>;Count 1;By 'cpu';</Top>");
  read_once();
  p->utime += 5;
  fake_update(p);
  read_once();
  sent("named/ps_count", 1, 1);
  p->comm = "else";
  p->utime += 5;
  fake_update(p);
  read_once();
  sent("named/ps_count", 0, 0);
  not_sent("named-7/*");
  sent_count(1, "else-7/ps_cputime");
}

/* It leaves Top and comes back under the same name: no counter has fallen,
 * although the kernel has forgotten one of its threads. */
static void who_comes_back_to_top_has_not_fallen(void **state) {
  (void)state;
  given_a_crowd();
  struct fake_thread *t =
      fake_thread(crowd[0], 100, "t", .voluntary = 500, .runtime = 900);
  start("<Top 'busy'>;Count 1;By 'cpu';</Top>");
  read_once();
  crowd[0]->utime += 5;
  update_crowd();
  read_once();
  sent("p-10/contextswitch-voluntary", 500);
  fake_thread_end(t);
  for (int i = 0; i < 2 * STAYS; i++) {
    crowd[1]->utime += 5;
    update_crowd();
    read_once();
  }
  not_sent("p-10/*");
  crowd[0]->utime += 50;
  update_crowd();
  read_once();
  sent_count(1, "p-10/contextswitch-voluntary");
}

/* One that renames itself each time would make new series each time. */
static void who_is_on_top_keeps_its_name_a_while(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b", "c", "d"};
  struct fake_process *p = fake_process(7, "first");
  start("<Top 'busy'>;Count 1;By 'cpu';</Top>");
  read_once();
  for (int i = 0; i < STAYS; i++) {
    p->utime += 5;
    fake_update(p);
    read_once();
    sent_count(1, "first-7/ps_cputime");
    p->comm = names[i % 4];
  }
  fake_update(p);
  read_once();
  sent_count(0, "first-7/ps_cputime");
  sent_count(1, "?-7/ps_cputime");
}

/* Bounds --------------------------------------------------------------------
 */

static void at_most_so_many_processes(void **state) {
  (void)state;
  for (int i = 0; i < 10; i++)
    fake_process(10 + i, "w", .rss_kib = 10);
  start("Process 'w'; MaxProcesses 4");
  read_times(2);
  sent_count(4, "w-*/ps_rss");
  sent("self/operations-dropped_max_processes", 12);
  said(1, LOG_WARNING, "more processes are selected than MaxProcesses");
  /* A group counts them all. */
  sent("w/ps_count", 10, 10);
  sent("w/ps_rss", 100 * 1024);
}

static void who_is_reported_stays_reported(void **state) {
  (void)state;
  for (int i = 0; i < 10; i++)
    fake_process(20 + i, "w");
  start("Process 'w'; MaxProcesses 4");
  read_once();
  bool first[10];
  char id[32];
  for (int i = 0; i < 10; i++) {
    snprintf(id, sizeof(id), "w-%d/ps_cputime", 20 + i);
    first[i] = series_find(id) != NULL;
  }
  fake_process(11, "w"); /* a lower PID comes later */
  read_once();
  for (int i = 0; i < 10; i++) {
    snprintf(id, sizeof(id), "w-%d/ps_cputime", 20 + i);
    assert_int_equal(series_find(id) != NULL, first[i]);
  }
}

static void a_rule_without_a_match(void **state) {
  (void)state;
  start("Process 'gone'; ProcessMatch 'never' 'x'; "
        "<Select 's'>;Pid 99;</Select>");
  read_once();
  sent("gone/ps_count", 0, 0);
  sent("never/ps_count", 0, 0);
  sent("s/ps_count", 0, 0);
  /* It has no counters yet but this. */
  sent("gone/total_events-restarts", 0);
  sent_count(2, "gone/*");
}

static void several_blocks_add_up(void **state) {
  (void)state;
  fake_process(7, "a");
  fake_process(8, "b");
  char text[5000];
  host_load();
  snprintf(text, sizeof(text), "ProcRoot '%s'; Process 'a'", fakeproc_root());
  configure(text);
  configure("Process 'b'");
  host_init();
  read_once();
  sent("a/ps_count", 1, 1);
  sent("b/ps_count", 1, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(by_command),
      TEST(by_command_line),
      TEST(named_by_what_matched),
      TEST(names_of_what_matched_expire),
      TEST(names_are_bounded),
      TEST(the_first_rule_names),
      TEST(a_process_is_in_one_group),
      TEST(rules_of_one_name_are_one_group),
      TEST(names_that_could_mislead),
      TEST(by_pid),
      TEST(by_pid_file),
      TEST(by_user),
      TEST(by_cgroup),
      TEST(by_executable),
      TEST(with_children),
      TEST(without_children),
      TEST(all_lines_of_select_must_hold),
      TEST(a_new_command_line_is_noticed),
      TEST(a_cgroup_move_is_noticed),
      TEST(an_exec_with_another_comm_is_noticed_at_once),
      TEST(the_second_sight_looks_again),
      TEST(a_new_process_is_found_at_the_next_read),
      TEST(top_by_each),
      TEST(top_leaves_wait_channels_alone),
      TEST(top_counts_the_interval_not_the_past),
      TEST(who_was_chosen_stays),
      TEST(top_is_the_default),
      TEST(top_beside_rules),
      TEST(top_does_not_hold_what_a_rule_named),
      TEST(who_comes_back_to_top_has_not_fallen),
      TEST(who_is_on_top_keeps_its_name_a_while),
      TEST(at_most_so_many_processes),
      TEST(who_is_reported_stays_reported),
      TEST(a_rule_without_a_match),
      TEST(several_blocks_add_up),
  };
  return RUN(tests);
}
