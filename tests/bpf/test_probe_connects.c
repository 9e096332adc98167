/* SPDX-License-Identifier: MIT */
/*
 * TCP connects in every way that they come out: tests/work/probe_connects.c.
 */
#include "probed.h"

#include <stdio.h>

enum { ESTABLISHED, TIMED, REFUSED, NO_ROUTE, NO_PORT, NO_ANSWER, ABORTED };
enum { SLOWEST_NS = ABORTED + 1 };

enum { SERIES = 9 };

static void expect(struct growth growths[SERIES], const struct worker *w,
                   const double *said) {
  const struct {
    const char *series;
    double n;
  } wanted[SERIES] = {
      {"established", said[ESTABLISHED]},
      {"failed_ECONNREFUSED", said[REFUSED]},
      {"failed_ENETUNREACH", said[NO_ROUTE]},
      {"failed_EADDRNOTAVAIL", said[NO_PORT]},
      {"failed_ETIMEDOUT", said[NO_ANSWER]},
      {"failed_aborted", said[ABORTED]},
      {"failed", said[REFUSED] + said[NO_ROUTE] + said[NO_PORT] +
                     said[NO_ANSWER] + said[ABORTED]},
  };
  char series[60];
  for (int i = 0; i < SERIES - 2; i++) {
    snprintf(series, sizeof(series), "total_connections-%s", wanted[i].series);
    growths[i] = growth_of(of(w, series), wanted[i].n);
  }
  growths[SERIES - 2] = growth_of(of(w, "operations-tcpconnect"), said[TIMED]);
  growths[SERIES - 1] =
      growth_of(of_group("total_connections-established"), said[ESTABLISHED]);
}

/* Of each round the same; the numbers are its last one's. */
static const double *until_exact(struct worker *w) {
  struct growth growths[SERIES];
  sent(of(w, "total_connections-established"), 0);
  sent(of(w, "total_connections-failed"), 0);
  not_sent(of(w, "total_connections-failed_*"));
  for (int i = 0; i < ROUNDS; i++) {
    const double *said = round_of(w);
    if (i == 0)
      expect(growths, w, said);
    if (!all_grown(growths, SERIES))
      continue;
    sent_count(5, of(w, "total_connections-failed_*"));
    sent("self/count-probe_connects", 0);
    return said;
  }
  fail();
  return NULL;
}

static void however_they_come_out(void **state) {
  (void)state;
  struct worker *w = given("connects");
  watch("Probe 'tcpconnect'");
  struct worker *stranger = given("connects"); /* whom nobody watches */
  begin_round(stranger);
  const double *said = until_exact(w);
  end_round(stranger);
  assert_true(said[ESTABLISHED] > 10 && said[SLOWEST_NS] > 0.9e9);
  /* The handshake and not the call, which returned at once. */
  within(said[SLOWEST_NS] * 0.95 / 1e9, value(of(w, "latency-tcpconnect-max")),
         said[SLOWEST_NS] * 1.125 / 1e9, "the slowest handshake");
  within(0, value(of(w, "latency-tcpconnect-p50")), 0.1,
         "one over the loopback");
  double rounds =
      value(of(w, "total_connections-established")) / said[ESTABLISHED];
  within(said[SLOWEST_NS] * 0.95, value(of(w, "derive-tcpconnect_time_ns")),
         rounds * (said[SLOWEST_NS] + 0.4e9), "the time of all handshakes");
  not_sent("*/operations-syscall*");
}

/* They share a program with the probe of system calls. */
static void beside_system_calls(void **state) {
  (void)state;
  struct worker *w = given("connects");
  watch("Probe 'tcpconnect'; <Probe 'syscall'>; Names 64; </Probe>");
  until_exact(w);
  sent_count(2, "w*/operations-syscall_connect");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      PROBE_TEST(however_they_come_out),
      PROBE_TEST(beside_system_calls),
  };
  return RUN(tests);
}
