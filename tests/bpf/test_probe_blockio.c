/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of the disk by processes that know each of theirs, at the
 * same time and on the same disk.
 */
#include "probed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What makes one request of each call: no page cache, no neighbours. */
#define READ_BYTES 4096
#define WRITE_BYTES 8192

static char directory[] = "blockio.XXXXXX";

/* In the build directory: where temporary files belong may be no disk. */
static int make_directory(void **state) {
  strcpy(directory + strlen(directory) - 6, "XXXXXX");
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

static void says(const struct worker *w, double reads, double writes) {
  counted(of(w, "operations-blockio_read"), reads);
  sent(of(w, "total_bytes-blockio_read"), reads * READ_BYTES);
  counted(of(w, "operations-blockio_write"), writes);
  sent(of(w, "total_bytes-blockio_write"), writes * WRITE_BYTES);
}

static void each_request_has_its_submitter(void **state) {
  (void)state;
  struct worker *one = given_dio(2000, READ_BYTES, 500, WRITE_BYTES);
  struct worker *other = given_dio(1300, READ_BYTES, 900, WRITE_BYTES);
  struct worker *idle = given_dio(1, READ_BYTES, 1, WRITE_BYTES);
  watch("Probe 'blockio'");
  double before = value("host/operations-blockio_read");
  struct disks disks = read_disks();
  struct worker *stranger = given_dio(1000, READ_BYTES, 0, WRITE_BYTES);
  begin_round(one);
  begin_round(other);
  begin_round(stranger);
  end_round(one);
  end_round(other);
  end_round(stranger);
  says(one, 2000, 500);
  says(other, 1300, 900);
  says(idle, 0, 0);
  sent(of_group("operations-blockio_read"), 2000 + 1300);
  sent(of_group("total_bytes-blockio_write"), (500 + 900) * WRITE_BYTES);
  within(2000 + 1300 + 1000, value("host/operations-blockio_read") - before,
         read_disks().reads - disks.reads, "the host's reads");
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
    assert_true(value("self/gauge-blockio_submitter") >= 0);
}

/* pread has more to do than the disk has: to map the file, to submit, and to be
 * woken, which takes long if the CPU was asleep. */
#define READ_WAY_NS 80000
/* So large that the disk takes most of the time; one request all the same. */
#define LARGE_BYTES (128 * 1024)

static void a_read_takes_as_long_as_it_does(void **state) {
  (void)state;
  enum { READS = 800 };
  struct worker *w = given_dio(READS, LARGE_BYTES, 0, WRITE_BYTES);
  watch("Probe 'blockio'");
  double host = value("host/derive-blockio_read_time_ns");
  struct disks before = read_disks();
  const double *said = round_of(w);
  read_once();
  struct disks after = read_disks();
  sent(of(w, "operations-blockio_read"), READS);
  percentiles_fit(w, "blockio_read", said + 1, READ_WAY_NS);
  double took = value(of(w, "derive-blockio_read_time_ns"));
  within(said[0] - (double)READS * READ_WAY_NS, took, said[0],
         "the time of all reads");
  /* The kernel's own sum, which it rounds to milliseconds. */
  within((after.read_ms - before.read_ms) * 1e6 * 0.95 - 3e6,
         value("host/derive-blockio_read_time_ns") - host,
         (after.read_ms - before.read_ms) * 1e6 * 1.05 + 3e6,
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
