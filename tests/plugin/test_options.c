/* SPDX-License-Identifier: MIT */
/*
 * Every option with good and bad values.  A bad one costs one line in the
 * log that names option and value, and nothing else.
 */
#include "fixture.h"

#include <string.h>

static const char *const good[] = {
    "Process 'redis-server'",
    "Process 'a'; Process 'b'",
    "ProcessMatch 'worker' 'celery .*worker'",
    "ProcessMatch 'w\\\\1\\\\9' '(a)(b)(c)(d)(e)(f)(g)(h)(i)'",
    "<Select 'x'>; Pid 7; </Select>",
    "<Select 'x'>; PidFile '/run/x.pid'; </Select>",
    "<Select 'x'>; User 'root'; </Select>",
    "<Select 'x'>; User 0; </Select>",
    "<Select 'x'>; Cgroup '/system.slice/x.service'; </Select>",
    "<Select 'x'>; Executable '/usr/bin/x'; </Select>",
    "<Select 'x'>; Pid 7; Children true; </Select>",
    "<Select 'x'>; Pid 7; Children false; </Select>",
    "<Select 'x'>; Process 'a'; ProcessMatch 'a.*b'; </Select>",
    "<Select 'x'>; Pid 7; User 'root'; Executable '/x'; </Select>",
    "<Top 'busy'>; Count 20; By 'cpu' 'rss' 'io' 'wait'; </Top>",
    "<Top 'busy'>; Count 1; By 'cpu'; </Top>",
    "<Top 'busy'>; </Top>",
    "MaxProcesses 1",
    "MaxProcesses 1000000",
    "MaxDescriptors 0",
    "MaxDescriptors 4000",
    "MaxThreads 1",
    "MaxThreads 20000",
    "CommandLine true",
    "CommandLine false",
    "PerProcess true",
    "PerProcess false",
    "PerGroup off",
    "PerThread yes",
    "Other no",
    "Collect 'state' 'memory' 'cpu' 'contextswitch' 'io' 'files' 'sched'",
    "Collect 'wchan' 'pss' 'threads' 'histogram'",
    "Collect 'cpu'; Collect 'io'",
    "Source 'auto'",
    "Source 'procfs'",
    "PssInterval 60",
    "PssInterval 300",
    "PssBudget 1",
    "PssBudget 1000",
    "Percentiles 50",
    "Percentiles 99.9 0.001 99.999 1 2 3 4 5",
    "ProbeMemory 1",
    "ProbeMemory 65536",
    "Notify 'gone'; Notify 'BLOCKED'",
    "<Notify 'gone'>; Intervals 1; </Notify>",
    "<Notify 'blocked'>; Intervals 1000; </Notify>; Notify 'blocked'",
    "processmatch 'keys' 'are case-insensitive'; MAXPROCESSES 5",
};

static const struct bad {
  const char *text, *option, *value;
} bad[] = {
    {"Procces 'x'", "Procces", "x"},
    {"Interval 10", "Interval", "10"},
    {"<Nonsense 'x'>; Pid 7; </Nonsense>", "Nonsense", ""},

    {"Process", "Process", ""},
    {"Process 5", "Process", "5"},
    {"Process ''", "Process", ""},
    {"Process 'b' 'c'", "Process", "c"},

    {"ProcessMatch 'b'", "ProcessMatch", "b"},
    {"ProcessMatch 'b' '(x'", "ProcessMatch", "(x"},
    {"ProcessMatch 'b' '*['", "ProcessMatch", "*["},
    {"ProcessMatch 5 'x'", "ProcessMatch", "5"},
    {"ProcessMatch 'b' true", "ProcessMatch", "true"},
    {"ProcessMatch 'b\\\\2' '(x)'", "ProcessMatch", "b\\2"},

    {"<Select>; Pid 7; </Select>", "Select", ""},
    {"<Select 5>; Pid 7; </Select>", "Select", "5"},
    {"<Select 'b'>; </Select>", "Select", "b"},
    {"Select 'b'", "Select", "b"},
    {"<Select 'b'>; Pid 7; Nonsense 'c'; </Select>", "Nonsense", "c"},
    {"<Select 'b'>; Pid 'x1'; </Select>", "Pid", "x1"},
    {"<Select 'b'>; Pid 0; </Select>", "Pid", "0"},
    {"<Select 'b'>; Pid -7; </Select>", "Pid", "-7"},
    {"<Select 'b'>; Pid 1.5; </Select>", "Pid", "1.5"},
    {"<Select 'b'>; Pid 99999999999; </Select>", "Pid", "99999999999"},
    {"<Select 'b'>; PidFile 5; </Select>", "PidFile", "5"},
    {"<Select 'b'>; PidFile ''; </Select>", "PidFile", ""},
    {"<Select 'b'>; Pid 7; PidFile '/x'; </Select>", "Select",
     "Pid or PidFile in it, and not both"},
    {"<Select 'b'>; User 'no such user'; </Select>", "User", "no such user"},
    {"<Select 'b'>; User -1; </Select>", "User", "-1"},
    {"<Select 'b'>; User true; </Select>", "User", "true"},
    {"<Select 'b'>; Cgroup 5; </Select>", "Cgroup", "5"},
    {"<Select 'b'>; Cgroup ''; </Select>", "Cgroup", ""},
    {"<Select 'b'>; Executable 5; </Select>", "Executable", "5"},
    {"<Select 'b'>; Executable ''; </Select>", "Executable", ""},
    {"<Select 'b'>; Pid 7; Children 'perhaps'; </Select>", "Children",
     "perhaps"},
    {"<Select 'b'>; Pid 7; Children 7.5; </Select>", "Children", "7.5"},

    {"<Top 5>; Count 1; </Top>", "Top", "5"},
    {"<Top 'b' 'c'>; Count 1; </Top>", "Top", "c"},
    {"<Top 'b'>; Count 0; </Top>", "Count", "0"},
    {"<Top 'b'>; Count -3; </Top>", "Count", "-3"},
    {"<Top 'b'>; Count 'x'; </Top>", "Count", "x"},
    {"<Top 'b'>; Count 2.5; </Top>", "Count", "2.5"},
    {"<Top 'b'>; By 'beauty'; </Top>", "By", "beauty"},
    {"<Top 'b'>; By 5; </Top>", "By", "5"},
    {"<Top 'b'>; By; </Top>", "By", ""},
    {"<Top 'b'>; Nonsense 'c'; </Top>", "Nonsense", "c"},

    {"MaxProcesses 'many'", "MaxProcesses", "many"},
    {"MaxProcesses 0", "MaxProcesses", "0"},
    {"MaxProcesses -1", "MaxProcesses", "-1"},
    {"MaxProcesses 1.5", "MaxProcesses", "1.5"},
    {"MaxProcesses 5 6", "MaxProcesses", "6"},
    {"MaxProcesses", "MaxProcesses", ""},
    {"MaxThreads 'x'", "MaxThreads", "x"},
    {"MaxThreads 0", "MaxThreads", "0"},
    {"CommandLine 'perhaps'", "CommandLine", "perhaps"},
    {"CommandLine 7", "CommandLine", "7"},
    {"MaxDescriptors 'x'", "MaxDescriptors", "x"},
    {"MaxDescriptors -1", "MaxDescriptors", "-1"},
    {"PerProcess 'perhaps'", "PerProcess", "perhaps"},
    {"PerProcess 7", "PerProcess", "7"},
    {"PerGroup 'perhaps'", "PerGroup", "perhaps"},
    {"PerGroup 7", "PerGroup", "7"},
    {"PerThread 'perhaps'", "PerThread", "perhaps"},
    {"PerThread 7", "PerThread", "7"},
    {"Other 'perhaps'", "Other", "perhaps"},
    {"Other 7", "Other", "7"},
    {"Collect 'magic'", "Collect", "magic"},
    {"Collect 5", "Collect", "5"},
    {"Collect", "Collect", ""},
    {"Source 'magic'", "Source", "magic"},
    {"Source 5", "Source", "5"},
    {"PssInterval 'x'", "PssInterval", "x"},
    {"PssInterval -5", "PssInterval", "-5"},
    {"PssInterval 0", "PssInterval", "0"},
    {"PssBudget 'x'", "PssBudget", "x"},
    {"PssBudget -5", "PssBudget", "-5"},
    {"PssBudget 1.5", "PssBudget", "1.5"},
    {"Percentiles 0", "Percentiles", "0"},
    {"Percentiles 100", "Percentiles", "100"},
    {"Percentiles 50 -1", "Percentiles", "-1"},
    {"Percentiles '99'", "Percentiles", "99"},
    {"Percentiles 99.9999", "Percentiles", "99.9999"},
    {"Percentiles 1 2 3 4 5 6 7 8 9", "Percentiles", "9"},
    {"Percentiles", "Percentiles", ""},
    {"ProbeMemory 0", "ProbeMemory", "0"},
    {"ProbeMemory 65537", "ProbeMemory", "65537"},
    {"ProbeMemory 'x'", "ProbeMemory", "x"},
    {"Probe", "Probe", ""},
    {"Probe 5", "Probe", "5"},
    {"Probe 'magic'", "Probe", "magic"},
    {"Probe 'mmap' 'syscall'", "Probe", "syscall"},
    {"<Probe>; Latency true; </Probe>", "Probe", ""},
    {"Notify", "Notify", ""},
    {"Notify 5", "Notify", "5"},
    {"Notify 'magic'", "Notify", "magic"},
    {"Notify 'gone' 'blocked'", "Notify", "\"blocked\""},
    {"<Notify 'gone'>; Intervals 0; </Notify>", "Intervals", "0"},
    {"<Notify 'gone'>; Intervals 1001; </Notify>", "Intervals", "1001"},
    {"<Notify 'blocked'>; Intervals 'x'; </Notify>", "Intervals", "x"},
    {"<Notify 'blocked'>; Nonsense 7; </Notify>", "Nonsense", "7"},
    {"ProcRoot 5", "ProcRoot", "5"},
    {"ProcRoot ''", "ProcRoot", ""},
    {"<Process 'b'>; Pid 7; </Process>", "Process", "b"},
    {"<MaxProcesses 5>; Pid 7; </MaxProcesses>", "MaxProcesses", ""},
};

static void good_values(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    start(good[i]);
    if (host_log_count(LOG_ERR, "") || host_log_count(LOG_WARNING, "")) {
      print_error("after: %s\n", good[i]);
      host_log_print();
      fail();
    }
    read_once();
    host_stop();
  }
}

/* Lines of <Probe>; that probes need BPF is one more line in these tests. */
static const char *const good_probes[] = {
    "Probe 'mmap'",
    "<Probe 'mmap'>; </Probe>",
    "<Probe 'syscall'>; Latency false; Names 0; Host true; </Probe>",
    "<Probe 'syscall'>; Names 64; LatencyOf 'futex' 'read' 'a' 'b'; </Probe>",
    "<Probe 'runqueue'>; Host off; </Probe>",
    "<probe 'BLOCKIO'>; </probe>; Probe 'tcpconnect'",
    ("<Probe 'syscall'>; Names 5; </Probe>; <Probe 'syscall'>; Names 6;"
     "</Probe>"),
};

static const struct bad bad_probes[] = {
    {"<Probe 'syscall'>; Latency 'x'; </Probe>", "Latency", "x"},
    {"<Probe 'syscall'>; Names -1; </Probe>", "Names", "-1"},
    {"<Probe 'syscall'>; Names 65; </Probe>", "Names", "65"},
    {"<Probe 'syscall'>; Names 'x'; </Probe>", "Names", "x"},
    {"<Probe 'syscall'>; LatencyOf; </Probe>", "LatencyOf", ""},
    {"<Probe 'syscall'>; LatencyOf ''; </Probe>", "LatencyOf", ""},
    {"<Probe 'syscall'>; LatencyOf 'read' 5; </Probe>", "LatencyOf", "5"},
    {"<Probe 'syscall'>; LatencyOf 'a' 'b' 'c' 'd' 'e'; </Probe>", "LatencyOf",
     "\"e\""},
    {"<Probe 'syscall'>; Host 'x'; </Probe>", "Host", "x"},
    {"<Probe 'syscall'>; Nonsense 5; </Probe>", "Nonsense", "5"},
    {"<Probe 'blockio'>; Host true; </Probe>", "Host",
     "no such line in <Probe \"blockio\">"},
    {"<Probe 'runqueue'>; Latency true; </Probe>", "Latency",
     "no such line in <Probe \"runqueue\">; there is Host"},
    {"<Probe 'mmap'>; Names 5; </Probe>", "Names",
     "no such line in <Probe \"mmap\">"},
};

static void probes_without_bpf(void **state) {
  (void)state;
  fake_process(7, "a");
  for (size_t i = 0; i < sizeof(good_probes) / sizeof(good_probes[0]); i++) {
    start(good_probes[i]);
    said(1, LOG_ERR, "");
    said(1, LOG_ERR, "probes need Source \"auto\" or \"bpf\"");
    read_once();
    host_stop();
  }
}

/* What runs is told of each that was asked for, and of no other. */
static void wanted_probes_are_told(void **state) {
  (void)state;
  fake_process(7, "a");
  start("Process 'a'; Probe 'mmap'; Probe 'blockio'");
  read_once();
  sent("self/gauge-probe_mmap", 0);
  sent("self/gauge-probe_blockio", 0);
  sent_count(2, "self/gauge-probe_*");
  not_sent("*/operations-mmap");
}

static void bad_lines_of_probes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(bad_probes) / sizeof(bad_probes[0]); i++) {
    const struct bad *b = &bad_probes[i];
    start(b->text);
    said(2, LOG_ERR, "");
    said(1, LOG_ERR, b->option);
    assert_true(host_log_count(LOG_ERR, b->value) > 0);
    read_once();
    host_stop();
  }
}

static bool one_good_line(const struct bad *b) {
  return host_log_count(LOG_ERR, "") == 1 &&
         host_log_count(LOG_ERR, b->option) == 1 &&
         host_log_count(LOG_ERR, b->value) == 1 &&
         !host_log_count(LOG_WARNING, "");
}

static void bad_values(void **state) {
  (void)state;
  unsigned wrong = 0;
  fake_process(7, "a");
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    host_load();
    char root[4200];
    snprintf(root, sizeof(root), "Process 'a'; ProcRoot '%s'", fakeproc_root());
    configure(root);
    configure(bad[i].text);
    if (!one_good_line(&bad[i])) {
      print_error("# after: %s\n", bad[i].text);
      host_log_print();
      wrong++;
    }
    host_init();
    read_once();
    sent("a/ps_count", 1, 1);
    host_stop();
  }
  assert_int_equal(wrong, 0);
}

/* The rest of a line with a wrong word holds. */
static void the_rest_holds(void **state) {
  (void)state;
  fake_process(7, "a", .utime = 5, .rss_kib = 4);
  start("Collect 'cpu' 'magic' 'memory'; MaxProcesses -1; Process 'a'");
  read_once();
  said(2, LOG_ERR, "");
  sent_count(1, "a-7/ps_cputime");
  sent_count(1, "a-7/ps_rss");
  not_sent("a-7/io_*");
}

/* A rule that lost its only line must not match everything. */
static void a_broken_rule_selects_nothing(void **state) {
  (void)state;
  fake_process(7, "a");
  start("<Select 'b'>; Pid 'x'; </Select>; "
        "<Select 'c'>; User 'no such user'; Children true; </Select>");
  read_times(2);
  not_sent("b-*");
  not_sent("c-*");
}

/* A rule that lost one of its lines would match too much. */
static void a_rule_with_one_broken_line_selects_nothing(void **state) {
  (void)state;
  fake_process(7, "a", .uid = 5);
  start("<Select 'b'>; User 5; Executable 99; </Select>");
  read_times(2);
  not_sent("b-*");
}

/* Which of them holds is not promised; that nothing leaks is. */
static void lines_given_twice(void **state) {
  (void)state;
  fake_process(7, "a");
  start("<Select 'b'>; Process 'x'; Process 'a'; Pid 7; Pid 7; PidFile '/x';"
        "PidFile '/y'; Cgroup '/'; Cgroup '/a'; Executable '/a';"
        "Executable '/b'; User 0; User 1; ProcessMatch 'x'; ProcessMatch 'y';"
        "</Select>; ProcRoot '/proc'; Source 'procfs'; Source 'auto'");
  read_once();
}

static void a_root_that_is_not_there(void **state) {
  (void)state;
  host_load();
  configure("ProcRoot '/nonexistent/proc'");
  host_init();
  read_times(2);
  said(1, LOG_ERR, "/nonexistent/proc");
  not_sent("*/ps_*");
}

static void a_long_command_never_matches(void **state) {
  (void)state;
  /* The kernel cuts it to 15 characters; say so. */
  start("Process 'sixteen-letters!'");
  said(1, ANY_SEVERITY, "sixteen-letters!");
}

static void a_path_is_no_command(void **state) {
  (void)state;
  start("Process '/usr/sbin/nginx'");
  said(1, ANY_SEVERITY, "Executable");
}

static void an_empty_block(void **state) {
  (void)state;
  host_load();
  host_configure("<Plugin proctrace>\n</Plugin>\n# nothing else\n");
  host_init();
  read_once();
  said(0, LOG_ERR, "");
}

static void no_block_at_all(void **state) {
  (void)state;
  host_load();
  host_init();
  read_times(2);
  said(0, LOG_ERR, "");
  assert_true(value("self/count-tasks") >= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(good_values),
      TEST(bad_values),
      TEST(probes_without_bpf),
      TEST(wanted_probes_are_told),
      TEST(bad_lines_of_probes),
      TEST(the_rest_holds),
      TEST(a_broken_rule_selects_nothing),
      TEST(a_rule_with_one_broken_line_selects_nothing),
      TEST(lines_given_twice),
      TEST(a_root_that_is_not_there),
      TEST(a_long_command_never_matches),
      TEST(a_path_is_no_command),
      TEST(an_empty_block),
      TEST(no_block_at_all),
  };
  return RUN(tests);
}
