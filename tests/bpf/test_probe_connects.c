/* SPDX-License-Identifier: MIT */
/*
 * TCP connects in every way that they come out: tests/work/probe_connects.c.
 */
#include "probed.h"

enum { ESTABLISHED, TIMED, REFUSED, NO_ROUTE, NO_PORT, NO_ANSWER, ABORTED };
enum { SLOWEST_NS = ABORTED + 1 };

static void agree(const struct worker *w, const double *said) {
  counted(of(w, "total_connections-established"), said[ESTABLISHED]);
  counted(of(w, "total_connections-failed_ECONNREFUSED"), said[REFUSED]);
  sent(of(w, "total_connections-failed_ENETUNREACH"), said[NO_ROUTE]);
  sent(of(w, "total_connections-failed_EADDRNOTAVAIL"), said[NO_PORT]);
  sent(of(w, "total_connections-failed_ETIMEDOUT"), said[NO_ANSWER]);
  sent(of(w, "total_connections-failed_aborted"), said[ABORTED]);
  sent_count(5, of(w, "total_connections-failed_*"));
  sent(of(w, "total_connections-failed"), said[REFUSED] + said[NO_ROUTE] +
                                              said[NO_PORT] + said[NO_ANSWER] +
                                              said[ABORTED]);
  sent(of(w, "operations-tcpconnect"), said[TIMED]);
  sent(of_group("total_connections-established"), said[ESTABLISHED]);
  sent("self/count-probe_connects", 0);
}

static void however_they_come_out(void **state) {
  (void)state;
  struct worker *w = given("connects");
  watch("Probe 'tcpconnect'");
  sent(of(w, "total_connections-established"), 0);
  sent(of(w, "total_connections-failed"), 0);
  struct worker *stranger = given("connects"); /* whom nobody watches */
  begin_round(stranger);
  const double *said = round_of(w);
  end_round(stranger);
  assert_true(said[ESTABLISHED] > 10 && said[SLOWEST_NS] > 0.9e9);
  read_once();
  /* The handshake and not the call, which returned at once. */
  within(said[SLOWEST_NS] * 0.95 / 1e9, value(of(w, "latency-tcpconnect-max")),
         said[SLOWEST_NS] * 1.125 / 1e9, "the slowest handshake");
  within(0, value(of(w, "latency-tcpconnect-p50")), 0.1,
         "one over the loopback");
  within(said[SLOWEST_NS] * 0.95, value(of(w, "derive-tcpconnect_time_ns")),
         said[SLOWEST_NS] + 0.4e9, "the time of all handshakes");
  agree(w, said);
  not_sent("*/operations-syscall*");
}

/* They share a program with the probe of system calls. */
static void beside_system_calls(void **state) {
  (void)state;
  struct worker *w = given("connects");
  watch("Probe 'tcpconnect'; <Probe 'syscall'>; Names 64; </Probe>");
  agree(w, round_of(w));
  sent_count(2, "w*/operations-syscall_connect");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PROBE_TEST(however_they_come_out),
      PROBE_TEST(beside_system_calls),
  };
  return RUN(tests);
}
