/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of the disk by processes that know each of theirs, at the
 * same time and on the same disk.
 */
#include "probed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What makes one request of each call: no page cache, no neighbours. */
#define READ_BYTES 4096
#define WRITE_BYTES 8192

static char directory[200];

/* In the build directory, if nobody knows better where a disk is: where
 * temporary files belong may be none. */
static int make_directory(void **state) {
  const char *disk = getenv("PROCTRACE_TEST_DISK");
  snprintf(directory, sizeof(directory), "%s/blockio.XXXXXX",
           disk != NULL ? disk : ".");
  return mkdtemp(directory) ? fixture_setup(state) : -1;
}

static int remove_directory(void **state) {
  int status = probed_end(state);
  return rmdir(directory) || status;
}

#define BLOCK_TEST(f)                                                          \
  cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

static struct worker *given_dio(int reads, int read_bytes, int writes,
                                int write_bytes) {
  return given("dio %s %d %d %d %d", directory, reads, read_bytes, writes,
               write_bytes);
}

/* --- the disks' own counts --- */

struct disks {
  double reads, read_ms;
};

static struct disks read_disks(void) {
  struct disks sum = {0, 0};
  double reads, ms;
  char line[512];
  FILE *file = fopen("/proc/diskstats", "r");
  assert_non_null(file);
  while (fgets(line, sizeof(line), file))
    if (sscanf(line, "%*d %*d %*s %lf %*f %*f %lf", &reads, &ms) == 2) {
      sum.reads += reads;
      sum.read_ms += ms;
    }
  fclose(file);
  return sum;
}

/* --- tests --- */

enum { READS, WRITES, READS_BYTES, WRITES_BYTES, SERIES };

static void expect(struct growth growths[SERIES], const struct worker *w,
                   double reads, double writes) {
  growths[READS] = growth_of(of(w, "operations-blockio_read"), reads);
  growths[WRITES] = growth_of(of(w, "operations-blockio_write"), writes);
  growths[READS_BYTES] =
      growth_of(of(w, "total_bytes-blockio_read"), reads * READ_BYTES);
  growths[WRITES_BYTES] =
      growth_of(of(w, "total_bytes-blockio_write"), writes * WRITE_BYTES);
  growths[READS_BYTES].each = READ_BYTES;
  growths[WRITES_BYTES].each = WRITE_BYTES;
}

static void each_request_has_its_submitter(void **state) {
  (void)state;
  struct worker *one = given_dio(1000, READ_BYTES, 300, WRITE_BYTES);
  struct worker *other = given_dio(700, READ_BYTES, 500, WRITE_BYTES);
  struct worker *idle = given_dio(1, READ_BYTES, 1, WRITE_BYTES);
  watch("Probe 'blockio'");
  struct worker *stranger = given_dio(600, READ_BYTES, 0, WRITE_BYTES);
  struct growth growths[3 * SERIES + 1];
  expect(growths, one, 1000, 300);
  expect(growths + SERIES, other, 700, 500);
  expect(growths + 2 * SERIES, idle, 0, 0);
  growths[3 * SERIES] =
      growth_of(of_group("operations-blockio_read"), 1000 + 700);
  for (int i = 0; i < ROUNDS; i++) {
    struct disks disks = read_disks();
    read_once();
    double before = value("host/operations-blockio_read");
    begin_round(one);
    begin_round(other);
    begin_round(stranger);
    end_round(one);
    end_round(other);
    end_round(stranger);
    bool all = all_grown(growths, 3 * SERIES + 1);
    double host = value("host/operations-blockio_read") - before;
    within(0, host, read_disks().reads - disks.reads, "the host's reads");
    if (all && host >= 1000 + 700 + 600)
      return;
  }
  fail();
}

/* pread has more to do than the disk has: to map the file, to submit, and to be
 * woken.  If the CPU is asleep that takes very long at times. */
#define READ_WAY_NS 80000
/* So large that the disk takes most of the time; one request all the same. */
#define LARGE_BYTES (128 * 1024)

static void a_read_takes_as_long_as_it_does(void **state) {
  (void)state;
  enum { LARGE_READS = 800 };
  struct worker *w = given_dio(LARGE_READS, LARGE_BYTES, 0, WRITE_BYTES);
  watch("Probe 'blockio'");
  struct growth reads =
      growth_of(of(w, "operations-blockio_read"), LARGE_READS);
  const double *said = NULL;
  double took, host_took;
  struct disks before, after;
  bool exact = false;
  for (int i = 0; i < ROUNDS && !exact; i++) {
    read_once();
    took = value(of(w, "derive-blockio_read_time_ns"));
    host_took = value("host/derive-blockio_read_time_ns");
    before = read_disks();
    said = round_of(w);
    exact = all_grown(&reads, 1);
    after = read_disks();
  }
  assert_true(exact);
  /* A late interrupt or an idle CPU's waking lengthens the way now and then. */
  percentiles_fit(w, "blockio_read", said + 2, way_ns(READ_WAY_NS), 3);
  within(said[0] * 0.9 - LARGE_READS * way_ns(READ_WAY_NS),
         value(of(w, "derive-blockio_read_time_ns")) - took, said[1],
         "the time of all reads");
  /* The kernel's own sum; it begins a little earlier, and in milliseconds. */
  within((after.read_ms - before.read_ms) * 1e6 * 0.85 - 3e6,
         value("host/derive-blockio_read_time_ns") - host_took,
         (after.read_ms - before.read_ms) * 1e6 * 1.02 + 3e6,
         "the time of the host's reads");
  not_sent(of(w, "latency-blockio_write-*"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BLOCK_TEST(each_request_has_its_submitter),
      BLOCK_TEST(a_read_takes_as_long_as_it_does),
  };
  return RUN(tests);
}
