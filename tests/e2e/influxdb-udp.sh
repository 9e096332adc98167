#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to InfluxDB, by line protocol over UDP: six decimals.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/influxdb.sh"

# Microseconds are all that it keeps of a latency.
# shellcheck disable=SC2317 # called by path_test
influxdb_udp_more() {
  local digits
  digits=$(influxdb_ask collectd_udp \
    "SELECT value FROM proctrace WHERE type='latency'" |
    jq '[.results[].series[].values[][1] * 1e6 | . - round | fabs] |
      length > 0 and max < 1e-6')
  is "$digits" true "times have six decimals"
}

workload_start
influxdb_udp_configure
observed </dev/null
influxdb_udp_start
path_test influxdb_udp 1
influxdb_stop
finish
