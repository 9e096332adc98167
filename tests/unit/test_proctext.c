/* SPDX-License-Identifier: MIT */
/*
 * The other files of /proc, as the kernel prints them and as nobody should.
 */
#include "edge.h"
#include "unit.h"

#include "proctext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Call a parser with a text that ends at the edge. */
#define PARSE(parser, text, ...)                                               \
  parser(at_the_edge(text, strlen(text)), strlen(text), __VA_ARGS__)

#define STATUS_HEAD                                                            \
  "Name:\tcat\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t15268\nNgid:\t0\n"   \
  "Pid:\t15268\nPPid:\t15266\nTracerPid:\t0\nUid:\t1000\t1001\t1002\t1003\n"   \
  "Gid:\t0\t0\t0\t0\nFDSize:\t256\n"
#define STATUS_MEMORY                                                          \
  "VmPeak:\t    3060 kB\nVmSize:\t    3050 kB\nVmLck:\t       0 kB\n"          \
  "VmPin:\t       0 kB\nVmHWM:\t    1776 kB\nVmRSS:\t    1664 kB\n"            \
  "RssAnon:\t     112 kB\nVmData:\t     360 kB\nVmSwap:\t       8 kB\n"
#define STATUS_TAIL                                                            \
  "Threads:\t1\nSigQ:\t2/96365\nCpus_allowed:\t3\nMems_allowed_list:\t0\n"     \
  "voluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t42\n"
#define STATUS STATUS_HEAD "Groups:\t4 24 27 \n" STATUS_MEMORY STATUS_TAIL

#define STATUS_ALL                                                             \
  (STATUS_STATE | STATUS_USER | STATUS_VM_PEAK | STATUS_VM | STATUS_RSS_PEAK | \
   STATUS_RSS | STATUS_SWAP | STATUS_VOLUNTARY | STATUS_INVOLUNTARY)

#define IO                                                                     \
  "rchar: 8686\nwchar: 1710\nsyscr: 14\nsyscw: 2\nread_bytes: 12288\n"         \
  "write_bytes: 4096\ncancelled_write_bytes: 0\n"
#define LIMITS_WITH(open_files)                                                \
  "Limit                     Soft Limit           Hard Limit           Units " \
  "    \n"                                                                     \
  "Max cpu time              unlimited            unlimited            "       \
  "seconds   \n"                                                               \
  "Max processes             96365                96365                "       \
  "processes \n"                                                               \
  "Max open files            " open_files "                20000             " \
  "   files     \n"                                                            \
  "Max locked memory         8388608              8388608              "       \
  "bytes     \n"
#define SMAPS_ROLLUP                                                           \
  "55a802e10000-7ffd14643000 ---p 00000000 00:00 0            [rollup]\n"      \
  "Rss:                1772 kB\nPss:                 219 kB\n"                 \
  "Pss_Dirty:           108 kB\nPss_Anon:            108 kB\n"                 \
  "Shared_Clean:       1620 kB\nShared_Dirty:          0 kB\n"                 \
  "Private_Clean:        44 kB\nPrivate_Dirty:       107 kB\n"                 \
  "Private_Hugetlb:       0 kB\nSwapPss:               0 kB\n"
#define LOADAVG "15.08 5.67 2.42 3/10106 15270\n"
#define MEMINFO                                                                \
  "MemTotal:       24684096 kB\nMemFree:        22295156 kB\n"                 \
  "MemAvailable:   22725188 kB\nCached:           396036 kB\n"                 \
  "SwapCached:            0 kB\nSwapTotal:          2048 kB\n"                 \
  "SwapFree:           1024 kB\nDirty:            133960 kB\n"
#define STAT                                                                   \
  "cpu  46384 0 50659 454980 2979 0 719 4976 0 0\n"                            \
  "cpu0 22821 0 20086 234692 368 0 34 2587 0 0\n"                              \
  "cpu13 23563 0 30572 220287 2611 0 684 2388 0 0\n"                           \
  "intr 5 0 1\nctxt 2910907\nbtime 1795358422\nprocesses 9\n"
#define PRESSURE                                                               \
  "some avg10=33.14 avg60=39.91 avg300=28.25 total=173238920\n"                \
  "full avg10=0.50 avg60=0.00 avg300=0.00 total=77\n"

/* --- one test a file --- */

static void status(void **state) {
  (void)state;
  struct status_text out;
  assert_true(PARSE(parse_status, STATUS, &out));
  assert_int_equal(out.has, STATUS_ALL);
  assert_int_equal(out.state, 'S');
  assert_int_equal(out.user, 1001);
  assert_int_equal(out.vm_peak, 3060 * 1024);
  assert_int_equal(out.vm, 3050 * 1024);
  assert_int_equal(out.rss_peak, 1776 * 1024);
  assert_int_equal(out.rss, 1664 * 1024);
  assert_int_equal(out.swap, 8 * 1024);
  assert_int_equal(out.voluntary, 150);
  assert_int_equal(out.involuntary, 42);
}

static void status_without_memory(void **state) {
  (void)state;
  struct status_text out;
  assert_true(PARSE(parse_status, STATUS_HEAD STATUS_TAIL, &out));
  assert_int_equal(out.has, STATUS_STATE | STATUS_USER | STATUS_VOLUNTARY |
                                STATUS_INVOLUNTARY);
}

static void status_of_many_groups(void **state) {
  (void)state;
  char *text = malloc(sizeof(STATUS) + 65536 * 12), *at = text;
  assert_non_null(text);
  at += sprintf(at, "%s", STATUS_HEAD "Groups:\t");
  for (unsigned i = 0; i < 65536; i++)
    at += sprintf(at, "%u ", 4294900000u + i);
  strcpy(at, "\n" STATUS_MEMORY STATUS_TAIL);
  struct status_text out;
  bool parsed = PARSE(parse_status, text, &out);
  free(text);
  assert_true(parsed);
  assert_int_equal(out.has, STATUS_ALL);
  assert_int_equal(out.involuntary, 42);
}

/* Only the first line is the process's own text. */
static void status_of_a_liar(void **state) {
  (void)state;
  struct status_text out;
  assert_true(PARSE(parse_status,
                    "Name:\tState:\tZ VmRSS: 9 kB\nState:\tR (running)\n",
                    &out));
  assert_int_equal(out.has, STATUS_STATE);
  assert_int_equal(out.state, 'R');
  assert_true(PARSE(parse_status, "Name:\t\nState:\tD (disk sleep)\n", &out));
  assert_int_equal(out.state, 'D');
}

static void status_of_large_numbers(void **state) {
  (void)state;
  struct status_text out;
  assert_true(PARSE(parse_status,
                    "Name:\tx\nState:\tS\nVmRSS:\t9007199254740993 kB\n"
                    "VmHWM:\t18446744073709551615 kB\n"
                    "VmSwap:\t-1 kB\n"
                    "voluntary_ctxt_switches:\t18446744073709551616\n",
                    &out));
  assert_int_equal(out.has, STATUS_STATE | STATUS_RSS | STATUS_RSS_PEAK |
                                STATUS_VOLUNTARY);
  assert_true(out.rss == UINT64_C(9007199254740993) * 1024);
  assert_true(out.rss_peak == UINT64_MAX);
  assert_true(out.voluntary == UINT64_MAX);
}

static void io(void **state) {
  (void)state;
  struct io_text out;
  assert_true(PARSE(parse_io, IO, &out));
  assert_int_equal(out.rchar, 8686);
  assert_int_equal(out.wchar, 1710);
  assert_int_equal(out.syscr, 14);
  assert_int_equal(out.syscw, 2);
  assert_int_equal(out.read_bytes, 12288);
  assert_int_equal(out.write_bytes, 4096);
  assert_false(PARSE(parse_io, "wchar: 1\nrchar: 1\n", &out));
  assert_false(PARSE(parse_io, "rchar: -1\n" IO, &out));
}

static void schedstat(void **state) {
  (void)state;
  uint64_t runtime, wait;
  assert_true(PARSE(parse_schedstat, "1559328 4755617 1\n", &runtime, &wait));
  assert_int_equal(runtime, 1559328);
  assert_int_equal(wait, 4755617);
  assert_true(
      PARSE(parse_schedstat, "18446744073709551616 0 0\n", &runtime, &wait));
  assert_true(runtime == UINT64_MAX);
  assert_false(PARSE(parse_schedstat, "1 2\n", &runtime, &wait));
  assert_false(PARSE(parse_schedstat, "-1 2 3\n", &runtime, &wait));
}

static void limits(void **state) {
  (void)state;
  uint64_t files = 1;
  assert_true(PARSE(parse_limits, LIMITS_WITH("1024"), &files));
  assert_int_equal(files, 1024);
  assert_true(PARSE(parse_limits, LIMITS_WITH("unlimited"), &files));
  assert_int_equal(files, 0);
  assert_false(PARSE(parse_limits, LIMITS_WITH("many"), &files));
  assert_false(PARSE(parse_limits, "Max processes  1  1 processes\n", &files));
}

static void smaps_rollup(void **state) {
  (void)state;
  uint64_t pss, uss;
  assert_true(PARSE(parse_smaps_rollup, SMAPS_ROLLUP, &pss, &uss));
  assert_int_equal(pss, 219 * 1024);
  assert_int_equal(uss, (44 + 107) * 1024);
  /* What a process without memory shows, if anything. */
  assert_false(PARSE(parse_smaps_rollup, "", &pss, &uss));
  assert_false(
      PARSE(parse_smaps_rollup, "0-0 [rollup]\nPss: 1 kB\n", &pss, &uss));
}

static void loadavg(void **state) {
  (void)state;
  double load[3];
  assert_true(PARSE(parse_loadavg, LOADAVG, load));
  assert_true(load[0] == 15.08 && load[1] == 5.67 && load[2] == 2.42);
  assert_false(PARSE(parse_loadavg, "0.1 0.2\n", load));
  assert_false(PARSE(parse_loadavg, "nan 0.2 0.3 1/1 1\n", load));
  assert_false(PARSE(parse_loadavg, "0.1 0..2 0.3 1/1 1\n", load));
}

static void meminfo(void **state) {
  (void)state;
  double total = -1, available = -1, swap_used = -1;
  assert_true(PARSE(parse_meminfo, MEMINFO, &total, &available, &swap_used));
  assert_true(total == 24684096. * 1024);
  assert_true(available == 22725188. * 1024);
  assert_true(swap_used == 1024. * 1024);
}

static void meminfo_with_lines_missing(void **state) {
  (void)state;
  double total = -1, available = -1, swap_used = -1;
  assert_false(PARSE(parse_meminfo, "MemTotal: 4 kB\nSwapTotal: 9 kB\n", &total,
                     &available, &swap_used));
  assert_true(total == 4096 && available == -1 && swap_used == -1);
  assert_false(PARSE(parse_meminfo, "SwapFree: 9 kB\nMemTotal: 8 kB\n", &total,
                     &available, &swap_used));
  assert_true(total == 8192 && swap_used == -1);
  assert_false(
      PARSE(parse_meminfo, "MemFree: 4 kB\n", &total, &available, &swap_used));
}

static void cpus_and_boot(void **state) {
  (void)state;
  double cpus, boot;
  assert_true(PARSE(parse_cpus_and_boot, STAT, &cpus, &boot));
  assert_true(cpus == 2 && boot == 1795358422);
  assert_false(PARSE(parse_cpus_and_boot, "cpu 1\nbtime 1\n", &cpus, &boot));
  assert_false(PARSE(parse_cpus_and_boot, "cpu0 1\nctxt 1\n", &cpus, &boot));
  assert_false(PARSE(parse_cpus_and_boot, "cpu0 1\nbtime 9007199254740993\n",
                     &cpus, &boot)); /* no double is this number */
}

static void pressure(void **state) {
  (void)state;
  struct pressure some, full;
  assert_true(PARSE(parse_pressure, PRESSURE, &some, &full));
  assert_true(some.valid && some.avg10 == 33.14);
  assert_int_equal(some.total_us, 173238920);
  assert_true(full.valid && full.avg10 == 0.5);
  assert_int_equal(full.total_us, 77);
  /* cpu had no line "full" before Linux 5.13. */
  assert_true(PARSE(parse_pressure,
                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n", &some,
                    &full));
  assert_true(some.valid);
  assert_false(full.valid);
  assert_false(PARSE(parse_pressure, "some avg10=x\nfull\n", &some, &full));
}

static void number(void **state) {
  (void)state;
  uint64_t n;
  assert_true(PARSE(parse_number, "42", &n));
  assert_int_equal(n, 42);
  assert_true(PARSE(parse_number, " \t42 \r\n\n", &n));
  assert_int_equal(n, 42);
  assert_true(PARSE(parse_number, "18446744073709551616\n", &n));
  assert_true(n == UINT64_MAX);
  static const char *const others[] = {"",     "\n",  " ",   "-1",
                                       "+1",   "4x",  "4 2", "0x10",
                                       "4\n2", "4.0", "pid", "4\v"};
  for (size_t i = 0; i < COUNT_OF(others); i++)
    assert_false(PARSE(parse_number, others[i], &n));
  assert_false(parse_number(at_the_edge("4\0", 2), 2, &n));
}

static void states(void **state) {
  (void)state;
  assert_int_equal(state_field('R'), FIELD_RUNNING);
  assert_int_equal(state_field('S'), FIELD_SLEEPING);
  assert_int_equal(state_field('D'), FIELD_BLOCKED);
  assert_int_equal(state_field('T'), FIELD_STOPPED);
  assert_int_equal(state_field('t'), FIELD_STOPPED);
  assert_int_equal(state_field('Z'), FIELD_ZOMBIES);
  assert_int_equal(state_field('X'), FIELD_ZOMBIES);
  assert_int_equal(state_field('I'), FIELD_IDLE);
  assert_int_equal(state_field('P'), FIELD_IDLE);
}

/* --- every parser with every beginning of its text --- */

#define UNTOUCHED 4711.0
#define NUMBERS 14

static bool as_stat(const char *text, size_t length, double *n) {
  struct stat_text out = {0};
  if (!parse_stat(text, length, &out))
    return false;
  const double all[NUMBERS] = {
      out.pid,
      out.ppid,
      (double)strlen(out.comm),
      out.state,
      out.flags,
      (double)out.minflt,
      (double)out.reaped_minflt,
      (double)out.majflt,
      (double)out.utime,
      (double)out.stime,
      (double)out.threads,
      (double)out.start,
      (double)out.vsize,
      (double)out.rss,
  };
  memcpy(n, all, sizeof(all));
  return true;
}

static bool as_status(const char *text, size_t length, double *n) {
  struct status_text out = {0};
  bool parsed = parse_status(text, length, &out);
  const double all[] = {
      out.state,
      out.user,
      (double)out.vm_peak,
      (double)out.rss_peak,
      (double)out.rss,
      (double)out.swap,
      (double)out.voluntary,
      (double)out.involuntary,
      (double)out.vm,
  };
  for (size_t i = 0; i < COUNT_OF(all); i++)
    if (out.has & 1u << i)
      n[i] = all[i];
  return parsed;
}

static bool as_io(const char *text, size_t length, double *n) {
  struct io_text out = {0};
  if (!parse_io(text, length, &out))
    return false;
  n[0] = (double)out.rchar;
  n[1] = (double)out.wchar;
  n[2] = (double)out.syscr;
  n[3] = (double)out.syscw;
  n[4] = (double)out.read_bytes;
  n[5] = (double)out.write_bytes;
  return true;
}

static bool two(bool parsed, const uint64_t out[2], double *n) {
  n[0] = (double)out[0];
  n[1] = (double)out[1];
  return parsed;
}

static bool as_schedstat(const char *text, size_t length, double *n) {
  uint64_t out[2] = {0};
  return two(parse_schedstat(text, length, &out[0], &out[1]), out, n);
}

static bool as_limits(const char *text, size_t length, double *n) {
  uint64_t out[2] = {0};
  return two(parse_limits(text, length, &out[0]), out, n);
}

static bool as_smaps_rollup(const char *text, size_t length, double *n) {
  uint64_t out[2] = {0};
  return two(parse_smaps_rollup(text, length, &out[0], &out[1]), out, n);
}

static bool as_loadavg(const char *text, size_t length, double *n) {
  return parse_loadavg(text, length, n);
}

static bool as_meminfo(const char *text, size_t length, double *n) {
  return parse_meminfo(text, length, &n[0], &n[1], &n[2]);
}

static bool as_cpus_and_boot(const char *text, size_t length, double *n) {
  return parse_cpus_and_boot(text, length, &n[0], &n[1]);
}

static bool as_pressure(const char *text, size_t length, double *n) {
  struct pressure out[2];
  bool parsed = parse_pressure(text, length, &out[0], &out[1]);
  for (int i = 0; i < 2; i++) {
    n[2 * i] = out[i].valid ? out[i].avg10 : UNTOUCHED;
    n[2 * i + 1] = out[i].valid ? (double)out[i].total_us : UNTOUCHED;
  }
  return parsed;
}

static const struct {
  const char *name, *text;
  bool (*parse)(const char *text, size_t length, double n[NUMBERS]);
} files[] = {
    {"stat",
     "15268 (a) b) R 15266 15266 3469 0 -1 4194304 103 11 7 2 250 120 9 4 20 0 "
     "3 0 279856 3133440 416 18446744073709551615 94129339101184 0 0 17\n",
     as_stat},
    {"status", STATUS, as_status},
    {"io", IO, as_io},
    {"schedstat", "1559328 4755617 12\n", as_schedstat},
    {"limits", LIMITS_WITH("1024"), as_limits},
    {"unlimited", LIMITS_WITH("unlimited"), as_limits},
    {"smaps_rollup", SMAPS_ROLLUP, as_smaps_rollup},
    {"loadavg", LOADAVG, as_loadavg},
    {"meminfo", MEMINFO, as_meminfo},
    {"stat of the host", STAT, as_cpus_and_boot},
    {"pressure", PRESSURE, as_pressure},
};

static bool parse_file(size_t file, size_t length, double n[NUMBERS]) {
  for (int i = 0; i < NUMBERS; i++)
    n[i] = UNTOUCHED;
  return files[file].parse(at_the_edge(files[file].text, length), length, n);
}

/* The edge kills us if a parser looks further. */
static void nothing_behind_the_end_is_read(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    double n[NUMBERS];
    size_t whole = strlen(files[i].text);
    for (size_t length = 0; length < whole; length++)
      parse_file(i, length, n);
    assert_true(parse_file(i, whole, n));
    assert_false(parse_file(i, 0, n));
  }
}

/* Of a text that was cut, a number is either right or not there. */
static void half_a_number_is_not_believed(void **state) {
  (void)state;
  size_t wrong = 0;
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    double right[NUMBERS], n[NUMBERS];
    size_t whole = strlen(files[i].text);
    parse_file(i, whole, right);
    for (size_t length = 0; length < whole; length++) {
      if (!parse_file(i, length, n))
        continue;
      for (int j = 0; j < NUMBERS; j++) {
        if (n[j] == UNTOUCHED || n[j] == right[j])
          continue;
        print_message("# %s cut at %zu: %g instead of %g\n", files[i].name,
                      length, n[j], right[j]);
        wrong++;
      }
    }
  }
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(status),
      cmocka_unit_test(status_without_memory),
      cmocka_unit_test(status_of_many_groups),
      cmocka_unit_test(status_of_a_liar),
      cmocka_unit_test(status_of_large_numbers),
      cmocka_unit_test(io),
      cmocka_unit_test(schedstat),
      cmocka_unit_test(limits),
      cmocka_unit_test(smaps_rollup),
      cmocka_unit_test(loadavg),
      cmocka_unit_test(meminfo),
      cmocka_unit_test(meminfo_with_lines_missing),
      cmocka_unit_test(cpus_and_boot),
      cmocka_unit_test(pressure),
      cmocka_unit_test(number),
      cmocka_unit_test(states),
      cmocka_unit_test(nothing_behind_the_end_is_read),
      cmocka_unit_test(half_a_number_is_not_believed),
  };
  return RUN(tests);
}
