#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to Prometheus, which scrapes write_prometheus.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/prometheus.sh"

workload_start
prometheus_configure
observed </dev/null
prometheus_start

# shellcheck disable=SC2317 # path_test calls it
prometheus_more() {
  ok "promtool accepts the configuration" promtool check config \
    "$prometheus_yml"
  curl -s "http://127.0.0.1:$exporter_port/metrics" >"$tmp/metrics"
  promtool check metrics <"$tmp/metrics" >"$tmp/lint" 2>&1
  # It can be read, but write_prometheus has a taste of its own in names.
  is $? 3 "promtool can read what collectd shows"
  diag "$(grep -c '^collectd_proctrace' "$tmp/metrics") series," \
    "$(wc -c <"$tmp/metrics") bytes"
  is "$(prometheus_get series \
    --data-urlencode 'match[]={__name__=~"collectd_proctrace_.*"}' |
    jq -r '.data[] | keys[]' | sort -u | tr '\n' ' ')" \
    "__name__ instance job proctrace type " "no labels but these"
  ok "up is 1" wait_for 10 is_up
}

# shellcheck disable=SC2317 # called by name
is_up() {
  [ "$(prometheus_ask 'up{job="collectd"}' | cut -f3)" = 1 ]
}

path_test prometheus 4
finish
