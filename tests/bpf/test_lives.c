/* SPDX-License-Identifier: MIT */
/*
 * The plugin starts with all probes, reads and ends, again and again in one
 * process: no descriptor is left, and so no program, map or link, and no
 * thread.
 */
#include "../plugin/fixture.h"

#include <syslog.h>
#include <unistd.h>

enum { LIVES = 10 };

static void live_once(void) {
  start_bpf(BPF_MODULE, "Process 'init'; Collect 'state' 'threads' 'pss'",
            "Probe 'syscall'; Probe 'runqueue'; Probe 'blockio';"
            "Probe 'tcpconnect'; Probe 'mmap'; Notify 'gone'");
  read_times(2);
  sent("self/gauge-source_bpf", 1);
  said(0, LOG_ERR, "");
  host_stop();
}

static void nothing_is_left(void **state) {
  (void)state;
  live_once(); /* the module itself stays */
  unsigned descriptors = host_descriptors(), threads = host_threads();
  for (int i = 1; i < LIVES; i++)
    live_once();
  for (int tries = 0; tries < 200 && host_threads() > threads; tries++)
    usleep(10000);
  assert_int_equal(host_threads(), threads);
  assert_int_equal(host_descriptors(), descriptors);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(nothing_is_left)};
  return RUN(tests);
}
