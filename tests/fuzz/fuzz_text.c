/* SPDX-License-Identifier: MIT */
/*
 * The other files of /proc.  The first byte chooses the parser; a capital
 * letter hands it the bytes as they are, a small one a text as the kernel
 * prints it, which is cut somewhere: what is told of that must be what was
 * printed.
 */
#include "fuzz.h"

#include "proctext.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a kernel's text is made of, and what is known of it. */
struct sample {
  char text[2048];
  uint64_t numbers[6];
};

static bool is_told(double value) { return value >= 0; }

/* Numbers beyond 2^53 are rounded in both. */
static bool same(double told, uint64_t number) {
  return told >= (double)number && told <= (double)number;
}

/* --- io --- */

static void print_io(struct sample *s) {
  snprintf(s->text, sizeof(s->text),
           "rchar: %ju\nwchar: %ju\nsyscr: %ju\nsyscw: %ju\nread_bytes: %ju\n"
           "write_bytes: %ju\ncancelled_write_bytes: 0\n",
           (uintmax_t)s->numbers[0], (uintmax_t)s->numbers[1],
           (uintmax_t)s->numbers[2], (uintmax_t)s->numbers[3],
           (uintmax_t)s->numbers[4], (uintmax_t)s->numbers[5]);
}

static bool check_io(const char *text, size_t length, const struct sample *s) {
  struct io_text out;
  if (!parse_io(text, length, &out))
    return false;
  if (s != NULL) {
    CHECK(out.rchar == s->numbers[0]);
    CHECK(out.wchar == s->numbers[1]);
    CHECK(out.syscr == s->numbers[2]);
    CHECK(out.syscw == s->numbers[3]);
    CHECK(out.read_bytes == s->numbers[4]);
    CHECK(out.write_bytes == s->numbers[5]);
  }
  return true;
}

/* --- schedstat --- */

static void print_schedstat(struct sample *s) {
  snprintf(s->text, sizeof(s->text), "%ju %ju 42\n", (uintmax_t)s->numbers[0],
           (uintmax_t)s->numbers[1]);
}

static bool check_schedstat(const char *text, size_t length,
                            const struct sample *s) {
  uint64_t runtime, wait;
  if (!parse_schedstat(text, length, &runtime, &wait))
    return false;
  CHECK(s == NULL || (runtime == s->numbers[0] && wait == s->numbers[1]));
  return true;
}

/* --- limits --- */

static void print_limits(struct sample *s) {
  char soft[24] = "unlimited";
  if (s->numbers[0] != 0)
    snprintf(soft, sizeof(soft), "%ju", (uintmax_t)s->numbers[0]);
  snprintf(
      s->text, sizeof(s->text),
      "Limit                     Soft Limit           Hard Limit           "
      "Units     \n"
      "Max processes             96365                96365                "
      "processes \n"
      "Max open files            %-20s 1048576              files     \n"
      "Max locked memory         8388608              8388608              "
      "bytes     \n",
      soft);
}

static bool check_limits(const char *text, size_t length,
                         const struct sample *s) {
  uint64_t open_files;
  if (!parse_limits(text, length, &open_files))
    return false;
  CHECK(s == NULL || open_files == s->numbers[0]);
  return true;
}

/* --- smaps_rollup --- */

static void print_smaps_rollup(struct sample *s) {
  snprintf(s->text, sizeof(s->text),
           "55a802e10000-7ffd14643000 ---p 00000000 00:00 0            "
           "[rollup]\n"
           "Rss:                1772 kB\nPss:            %8ju kB\n"
           "Pss_Dirty:           108 kB\nShared_Clean:       1620 kB\n"
           "Private_Clean:  %8ju kB\nPrivate_Dirty:  %8ju kB\n"
           "SwapPss:               0 kB\n",
           (uintmax_t)s->numbers[0], (uintmax_t)s->numbers[1] >> 12,
           (uintmax_t)s->numbers[2] >> 12);
}

static uint64_t bytes_of(uint64_t kilobytes) {
  return kilobytes > UINT64_MAX / 1024 ? UINT64_MAX : kilobytes * 1024;
}

static bool check_smaps_rollup(const char *text, size_t length,
                               const struct sample *s) {
  uint64_t pss, uss;
  if (!parse_smaps_rollup(text, length, &pss, &uss))
    return false;
  if (s != NULL) {
    CHECK(pss == bytes_of(s->numbers[0]));
    CHECK(uss == ((s->numbers[1] >> 12) + (s->numbers[2] >> 12)) * 1024);
  }
  return true;
}

/* --- loadavg --- */

static void print_loadavg(struct sample *s) {
  for (int i = 0; i < 3; i++)
    s->numbers[i] %= 100000000;
  snprintf(s->text, sizeof(s->text), "%ju.%02ju %ju.%02ju %ju.%02ju 1/2 3\n",
           (uintmax_t)s->numbers[0] / 100, (uintmax_t)s->numbers[0] % 100,
           (uintmax_t)s->numbers[1] / 100, (uintmax_t)s->numbers[1] % 100,
           (uintmax_t)s->numbers[2] / 100, (uintmax_t)s->numbers[2] % 100);
}

static bool check_loadavg(const char *text, size_t length,
                          const struct sample *s) {
  double load[3];
  if (!parse_loadavg(text, length, load))
    return false;
  for (int i = 0; i < 3; i++) {
    CHECK(isfinite(load[i]) && load[i] >= 0);
    CHECK(s == NULL || llround(load[i] * 100) == (long long)s->numbers[i]);
  }
  return true;
}

/* --- meminfo --- */

static void print_meminfo(struct sample *s) {
  if (s->numbers[3] > s->numbers[2]) /* no more is free than there is */
    s->numbers[3] = s->numbers[2];
  snprintf(s->text, sizeof(s->text),
           "MemTotal:       %8ju kB\nMemFree:            1000 kB\n"
           "MemAvailable:   %8ju kB\nBuffers:             100 kB\n"
           "SwapCached:            0 kB\nSwapTotal:      %8ju kB\n"
           "SwapFree:       %8ju kB\nHugePages_Total:       0\n",
           (uintmax_t)s->numbers[0], (uintmax_t)s->numbers[1],
           (uintmax_t)s->numbers[2], (uintmax_t)s->numbers[3]);
}

static bool check_meminfo(const char *text, size_t length,
                          const struct sample *s) {
  double total = -1, available = -1, swap_used = -1;
  bool all = parse_meminfo(text, length, &total, &available, &swap_used);
  CHECK(all == (is_told(total) && is_told(available) && is_told(swap_used)));
  if (s == NULL)
    return all;
  if (is_told(total))
    CHECK(same(total, bytes_of(s->numbers[0])));
  if (is_told(available))
    CHECK(same(available, bytes_of(s->numbers[1])));
  if (is_told(swap_used))
    CHECK(same(swap_used, bytes_of(s->numbers[2]) - bytes_of(s->numbers[3])));
  return all;
}

/* --- stat --- */

#define CPUS_MOST 24

static void print_cpus(struct sample *s) {
  s->numbers[0] = 1 + s->numbers[0] % CPUS_MOST;
  s->numbers[1] >>= 11; /* others are not believed */
  int n = snprintf(s->text, sizeof(s->text), "cpu  9 9 9 9 0 0 9 9 0 0\n");
  for (unsigned i = 0; i < s->numbers[0]; i++)
    n += snprintf(s->text + n, sizeof(s->text) - (size_t)n,
                  "cpu%u 22821 0 20086 234692 368 0 34 2587 0 0\n", i);
  snprintf(s->text + n, sizeof(s->text) - (size_t)n,
           "intr 5 0 1\nctxt 2910907\nbtime %ju\nprocesses 9\n",
           (uintmax_t)s->numbers[1]);
}

static bool check_cpus(const char *text, size_t length,
                       const struct sample *s) {
  double cpus = -1, boot_time = -1;
  if (!parse_cpus_and_boot(text, length, &cpus, &boot_time))
    return false;
  CHECK(cpus >= 1 && boot_time >= 0 && boot_time <= 0x1p53);
  CHECK(s == NULL ||
        (same(cpus, s->numbers[0]) && same(boot_time, s->numbers[1])));
  return true;
}

/* --- pressure --- */

static void print_pressure(struct sample *s) {
  s->numbers[0] %= 10001;
  s->numbers[1] %= 10001;
  snprintf(s->text, sizeof(s->text),
           "some avg10=%ju.%02ju avg60=39.91 avg300=28.25 total=%ju\n"
           "full avg10=%ju.%02ju avg60=0.00 avg300=0.00 total=%ju\n",
           (uintmax_t)s->numbers[0] / 100, (uintmax_t)s->numbers[0] % 100,
           (uintmax_t)s->numbers[2], (uintmax_t)s->numbers[1] / 100,
           (uintmax_t)s->numbers[1] % 100, (uintmax_t)s->numbers[3]);
}

static void check_pressure_line(const struct pressure *told, uint64_t avg10,
                                uint64_t total) {
  CHECK(llround(told->avg10 * 100) == (long long)avg10);
  CHECK(told->total_us == total);
}

static bool check_pressure(const char *text, size_t length,
                           const struct sample *s) {
  struct pressure some, full;
  bool all = parse_pressure(text, length, &some, &full);
  CHECK(!all || some.valid);
  CHECK(!some.valid || (isfinite(some.avg10) && some.avg10 >= 0));
  CHECK(!full.valid || (isfinite(full.avg10) && full.avg10 >= 0));
  if (s != NULL && some.valid)
    check_pressure_line(&some, s->numbers[0], s->numbers[2]);
  if (s != NULL && full.valid)
    check_pressure_line(&full, s->numbers[1], s->numbers[3]);
  return all;
}

/* --- a file with a PID --- */

static void print_number(struct sample *s) {
  snprintf(s->text, sizeof(s->text), " %ju\r\n", (uintmax_t)s->numbers[0]);
}

/* A cut one is a number as well. */
static bool check_number(const char *text, size_t length,
                         const struct sample *s) {
  uint64_t number;
  if (!parse_number(text, length, &number))
    return false;
  CHECK(s == NULL || number <= s->numbers[0]);
  CHECK(memchr(text, '-', length) == NULL);
  return true;
}

/* --- all --- */

static const struct {
  char letter;
  void (*print)(struct sample *sample);
  /* Did the parser accept it?  The sample: what it is a beginning of, or
   * NULL. */
  bool (*check)(const char *text, size_t length, const struct sample *sample);
} parsers[] = {
    {'i', print_io, check_io},
    {'s', print_schedstat, check_schedstat},
    {'l', print_limits, check_limits},
    {'r', print_smaps_rollup, check_smaps_rollup},
    {'a', print_loadavg, check_loadavg},
    {'m', print_meminfo, check_meminfo},
    {'c', print_cpus, check_cpus},
    {'p', print_pressure, check_pressure},
    {'n', print_number, check_number},
};
#define PARSERS (sizeof(parsers) / sizeof(parsers[0]))

static void kernels_text(struct input input, size_t parser) {
  struct sample sample;
  size_t cut = take_bytes(&input, 2);
  for (int i = 0; i < 6; i++)
    sample.numbers[i] = take_number(&input);
  parsers[parser].print(&sample);
  size_t length = strlen(sample.text);
  CHECK(parsers[parser].check(sample.text, length, &sample));
  cut %= length;
  char *start = exact_copy(sample.text, cut);
  parsers[parser].check(start, cut, &sample);
  free(start);
}

void fuzz_text(struct input input) {
  uint8_t letter = take_byte(&input);
  for (size_t i = 0; i < PARSERS; i++) {
    if (letter == parsers[i].letter)
      kernels_text(input, i);
    else if (letter == parsers[i].letter - 'a' + 'A')
      parsers[i].check((const char *)input.at, left(&input), NULL);
  }
}
