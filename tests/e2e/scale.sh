#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# scale.sh [HOSTS [PROCESSES [READS [SECONDS]]]]
# A central collectd with the traffic of 200 hosts, of 20 processes each, into
# InfluxDB: what arrives, counted by a query, and what that costs. The traffic is
# that of a real collectd with the plugin, recorded and replayed once in 10
# seconds under 200 names.

# shellcheck source=tests/e2e/e2e.sh
. "$(dirname "$0")/e2e.sh"
# shellcheck source=tests/e2e/receivers/influxdb.sh
. "$(dirname "$0")/receivers/influxdb.sh"
# shellcheck source=tests/e2e/hosts.sh
. "$(dirname "$0")/hosts.sh"

hosts=${1:-200}
processes=${2:-20}
reads=${3:-3}
pace=${4:-10}
# UDP loses what comes while a receiver stands still for longer than its buffer
# lasts: a third of a second where it has the kernel's default size, as that of
# collectd. So a machine that has other things to do loses some, another one
# nothing. The share that it may be at most:
lost_most=0.1
# InfluxDB's, for some seconds, as docs/scale.md has it; if it may.
[ "$(cat /proc/sys/net/core/rmem_max)" -ge 4194304 ] || lost_most=0.3

# Packets that the kernel threw away, since nobody fetched them in time.
overrun() { # PORT
  awk -v port=":$(printf %04X "$1")" '
    index($2, port) {sum += $NF} END {print sum + 0}' /proc/net/udp
}

# shellcheck disable=SC2317 # called by name
stored_values() {
  influxdb_ask collectd \
    "SELECT count(value) FROM /^proctrace_/ WHERE host =~ /^host-/" |
    jq '[.results[].series[]?.values[][1]] | add // 0'
}

stored_hosts() {
  influxdb_ask collectd "SHOW TAG VALUES FROM /^proctrace_/ WITH KEY = host" |
    jq '[.results[].series[]?.values[][1]] | unique | length'
}

taken_lists() {
  influxdb_rows collectd "SELECT last(value) FROM network_value
    WHERE host = 'central' AND type = 'total_values' AND
      type_instance = 'dispatch-accepted'" | cut -d ' ' -f 2
}

# A second without anything new.
# shellcheck disable=SC2317 # called by name
settled() {
  local before=$stored
  stored=$(stored_values)
  sleep 1
  [ "$stored" = "$before" ]
}

# shellcheck disable=SC2317 # called by name
few_lost() { # CAME SENT
  within "$1" "$(awk "BEGIN {print $2 * (1 - $lost_most)}")" "$2"
}

plan 9
work idle 600 "$processes" 1 5 "worker$me"
record "$reads" <<<"Process \"worker$me\""
is "$(find "$csv" -name "proctrace-worker$me-*" | wc -l)" "$processes" \
  "recorded: $processes processes"
influxdb_configure
mv "$copy" "$tmp/to-influxdb.conf" # receivers/ has another one
influxdb_files
influxdb_start
central_start <<<"Include \"$tmp/to-influxdb.conf\"
  <Plugin network>
    Forward true
  </Plugin>"
central_before=$(usage "$central") influxd_before=$(usage "$influxd")

play "$hosts" "$reads" "$pace"
diag "$hosts hosts, $processes processes each, $reads reads once in $pace s:" \
  "$sent_lists value lists, $sent_values values, $sent_packets packets," \
  "$sent_bytes bytes; late by $late s at worst"
sleep 3 # what is under way
diag "$(cost "central collectd" "$central" "$central_before" "$sent_lists" \
  "value list" $((sent_lists / reads)))"
diag "$(cost InfluxDB "$influxd" "$influxd_before" "$sent_values" value \
  $((sent_values / reads)))"
central_after=$(usage "$central")
ok "sent: every process's default series" within "$sent_lists" \
  $((hosts * reads * processes * 24)) $((hosts * reads * (processes + 4) * 50))

stored=
wait_for 60 settled
taken=$(taken_lists)
central_lost=$(overrun "$central_port")
influxd_lost=$(overrun "$influxdb_collectd_port")
diag "the central collectd took $taken of $sent_lists value lists;" \
  "thrown away at its socket: $central_lost packets"
diag "SELECT count(value) FROM /^proctrace_/ WHERE host =~ /^host-/: $stored," \
  "oracle $sent_values; thrown away at InfluxDB's socket: $influxd_lost packets"
ok "the central collectd takes all but a share of $lost_most" \
  few_lost "$taken" "$sent_lists"
ok "InfluxDB has all but a share of $lost_most" \
  few_lost "$stored" "$sent_values"
# A packet is 1452 bytes, a value at least 16 of them.
ok "what is missing is in these packets" within $((sent_values - stored)) 0 \
  $(((central_lost + influxd_lost) * 90))
is "$(stored_hosts)" "$hosts" "and every host"
ok "collectd keeps less than 2 kB of a value list" within "${central_after#* }" 0 \
  $((20480 + 2 * sent_lists / reads))
central_stop
is "$?" 0 "it ends well"
is "$(complaints)" "" "and had no complaint"
finish
