#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to a web server that takes JSON, with the meta data.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/http.sh"

# Of the newest value list of a process that has them.
# shellcheck disable=SC2317 # called by http_more
meta() { # PID
  cat "$tmp"/http/*.json* | jq -c --argjson pid "$1" '
    .[] | .meta | select(."proctrace:pid" == $pid)' | tail -n 1
}

# shellcheck disable=SC2317 # called by http_more
meta_data_arrive() {
  local told
  told=$(meta "$idler")
  diag "meta data of $idler: $told"
  is "$(jq -r '."proctrace:cmd"' <<<"$told")" "idler$me" \
    "meta data: the command of a process"
  ok "meta data: when it started" within \
    "$(jq '."proctrace:start_time"' <<<"$told")" $((began - 60)) "$began"
  is "$(jq -r '."proctrace:cmd"' <<<"$(meta "${hostiles[1]}")")" \
    "$(tr -c '[:print:]' '?' <<<"$hostile_comm" | cut -c 1-15)" \
    "meta data: a hostile command is a string"
}

# Stopped, not ended: it takes connections, and does not answer.
# shellcheck disable=SC2317 # called by http_more
survives_a_hang() {
  local before after back
  before=$(resident)
  kill -STOP "$lighttpd"
  ok "a receiver that hangs: values are dropped in the end" \
    wait_for 40 logged 'Low water mark reached'
  after=$(resident)
  kill -CONT "$lighttpd"
  ok "collectd has not grown by more than 4 MB ($before kB, then $after kB)" \
    within "$after" 0 $((before + 4096))
  back=$(date +%s)
  ok "and values flow again" wait_for 30 point_since "$back" host count-cpus
}

# shellcheck disable=SC2317 # called by path_test
http_more() {
  meta_data_arrive
  survives_a_hang
}

workload_start
http_configure
# Some seconds of this workload.
sed -i 's/^\(WriteQueueLimit.*\) .*/\1 2000/' "$copy"
observed </dev/null
http_start
path_test http 6
finish
