#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# cost.sh [HOSTS [READS]]     # 4 and 120, once a second
# What a series costs each receiver, for the table of docs/scale.md: a busy host
# with the probes is recorded and played under other names into one receiver
# after the other. It proves nothing, so it is no test; nine minutes. Run in the
# build directory.

# shellcheck source=tests/e2e/e2e.sh
. "$(dirname "$0")/e2e.sh"
# shellcheck source=tests/e2e/receivers/graphite.sh
. "$(dirname "$0")/receivers/graphite.sh"
# shellcheck source=tests/e2e/receivers/influxdb.sh
. "$(dirname "$0")/receivers/influxdb.sh"
# shellcheck source=tests/e2e/receivers/prometheus.sh
. "$(dirname "$0")/receivers/prometheus.sh"
# shellcheck source=tests/e2e/hosts.sh
. "$(dirname "$0")/hosts.sh"
hosts=${1:-4}
reads=${2:-120}

# Without children, since each would be a process of its own.
busy_worker() { # NUMBER
  local i number=0
  printf '%s' "worker$me" >"/proc/$BASHPID/comm"
  while :; do
    read -r -t "0.$((RANDOM % 8 + 1))" -u 3
    for ((i = 0; i < RANDOM / 40; i++)); do
      number=$((number + i))
    done
    printf '%0200d' "$number" >"$tmp/busy.$1"
    [ $((RANDOM % 4)) -gt 0 ] || mapfile <"$tmp/busy.$1"
  done
}

bytes() { # DIRECTORY
  du -sb "$1" | cut -f 1
}

# All series are there after two reads: what they take then, and what a value
# costs from then on.
play_and_tell() { # NAME PID; stdin: the central collectd's lines
  local before empty central_before central_empty alive
  central_start
  central_empty=$(usage "$central") empty=$(usage "$2")
  play "$hosts" 2 1
  sleep 2
  central_before=$(usage "$central") before=$(usage "$2")
  play "$hosts" "$reads" 1
  sleep 3
  alive=$((sent_values / reads))
  diag "$(cost "collectd, to $1" "$central" \
    "${central_before% *} ${central_empty#* }" "$sent_lists" "value list" \
    $((sent_lists / reads)))"
  diag "$(cost "$1" "$2" "${before% *} ${empty#* }" "$sent_values" value "$alive")"
  central_stop
}

mkfifo "$tmp/never"
exec 3<>"$tmp/never"
for ((worker = 0; worker < 10; worker++)); do
  spawn busy_worker "$worker"
done
record "$reads" <<<"
  Process \"worker$me\"
  Probe \"syscall\"
  Probe \"runqueue\"
  Probe \"blockio\"
  Probe \"tcpconnect\""

graphite_configure
writes=$besides
graphite_start
play_and_tell graphite "$carbon" <<<"$writes"
diag "its files: $(bytes "$graphite/whisper") bytes," \
  "$(find "$graphite/whisper" -name '*.wsp' | wc -l) of them"
graphite_stop

# Whatever came is in its last form at once.
influxdb_configure
mv "$copy" "$tmp/to-influxdb.conf"
influxdb_files
sed -i '/^\[data\]/a cache-snapshot-write-cold-duration = "1s"\
compact-full-write-cold-duration = "4s"' "$tmp/influxdb/influxdb.conf"
influxdb_start
play_and_tell influxdb "$influxd" <<<"Include \"$tmp/to-influxdb.conf\"
  <Plugin network>
    Forward true
  </Plugin>"
sleep 15
stored=$(find "$tmp/influxdb/data/collectd" -name '*.tsm' -printf '%s\n' |
  awk '{sum += $1} END {print sum}')
diag "its files: $stored bytes, $(awk "BEGIN {
  print $stored / ($sent_values * ($reads + 2) / $reads)}") a value"
influxdb_stop

prometheus_arguments=(--web.enable-admin-api)
prometheus_configure
writes=$besides
prometheus_start
play_and_tell prometheus "$prometheus" <<<"$writes"
snapshot=$tmp/prometheus/snapshots/$(curl -s -X POST \
  "http://127.0.0.1:$prometheus_port/api/v1/admin/tsdb/snapshot" |
  jq -r .data.name)
samples=$(cat "$snapshot"/*/meta.json | jq '.stats.numSamples')
diag "a block: $samples samples, $(awk "BEGIN {
  print $(cat "$snapshot"/*/chunks/* | wc -c) / $samples}") bytes each;" \
  "$(cat "$snapshot"/*/meta.json | jq '.stats.numSeries') series," \
  "$(cat "$snapshot"/*/index | wc -c) bytes of index"
prometheus_stop
