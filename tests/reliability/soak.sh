#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A collectd with all probes for SOAK_SECONDS (`make soak`: an hour) at an
# interval of a second, among processes that call, connect, map, read a disk,
# wait, start and end. What the plugin holds has to stay as it is, and what it
# counted has to be what they did. A table of it is in soak.md at the end.

# shellcheck source=tests/e2e/e2e.sh
. "$(dirname "$0")/../e2e/e2e.sh"

seconds=${SOAK_SECONDS:-3600}
# A row of the table is of that many seconds.
row=$((seconds / 12))
[ "$row" -ge 10 ] || row=10

worker_seconds=$((seconds + 600))
workers=(caller mapper disk)
worker_start caller calls thread 2 39:200
worker_start mapper mmaps 20 65536
worker_start connector connects
mkdir "$tmp/files"
worker_start disk dio "$tmp/files" 8 4096 8 4096
work idle "$worker_seconds" 3 2 5 "idler$me"
spawn nice -n 19 "$(program churn)" "$worker_seconds" 20 300 >"$tmp/churned"
churner=$spawned
spawn nice -n 19 "$(program burn)" "$worker_seconds" 1 50 >/dev/null

# What they did, added up over all rounds: NUMBER of their "done" lines.
did() { # NAME NUMBER
  awk -v column="$(($2 + 1))" '
    /^done/ {sum += $column} END {printf "%.0f", sum}' "$tmp/$1.out"
}

descriptors() { # KIND of BPF object, or nothing: all
  if [ -n "${1-}" ]; then
    find "/proc/$collectd/fd" -lname "anon_inode:bpf$1" | wc -l
  else
    find "/proc/$collectd/fd" -type l | wc -l
  fi
}

lines=()
table_row() {
  lines+=("| $((SECONDS - began)) | $(resident) | $(descriptors) |$(
    for kind in -map -prog _link; do
      printf ' %d |' "$(descriptors "$kind")"
    done) $(find "/proc/$collectd/task" -mindepth 1 -maxdepth 1 | wc -l) | $(
    own count-watched) | $(own count-series) | $(own count-probe_requests) | $(
    own count-probe_connects) | $(own duration-read) | $(lost) |")
  diag "${lines[-1]}"
}

column_of() { # NUMBER: of the table, first row and all
  printf '%s\n' "${lines[@]}" | cut -d'|' -f"$(($1 + 1))" | tr -d ' '
}

# No row after the first third, in which what is made once is made, has more
# than a share of what that had.
# shellcheck disable=SC2317 # called by ok
flat() { # NUMBER SHARE
  column_of "$1" | awk -v share="$2" -v rows="${#lines[@]}" '
    NR <= (rows + 2) / 3 {if ($1 > first) first = $1; next}
    $1 > most {most = $1}
    END {exit !(NR > 2 && most > 0 && most <= first * share)}'
}

collectd_start <<EOF
  Process "caller$me"
  Process "mapper$me"
  Process "connector$me"
  Process "disk$me"
  Process "idler$me"
  <Select "churn$me">
    Process "churn$me"
    Children true
  </Select>
  Process "burn$me"
  <Top "busy">
    Count 20
    By "cpu" "io"
  </Top>
  Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "wchan"
  <Probe "syscall">
    LatencyOf "futex" "nanosleep"
  </Probe>
$(printf '  Probe "%s"\n' runqueue blockio tcpconnect mmap)
EOF
probes=$(logged 'probe.* not run|no probe runs')
[ -z "$probes" ] || skip_all "$probes"

of() { # NAME SERIES: its value now
  local name=$1$me-${worker_pid[$1]}
  column "$name" "$2" | tail -n 1
}

# What is told of them before the first round is of their beginning.
next_read >"$tmp/at"
oracles=(
  "system calls:caller:operations-syscalls:1"
  "system calls, mapping:mapper:operations-syscalls:1"
  "mmap calls:mapper:operations-mmap:2"
  "bytes mapped:mapper:total_bytes-mmap:3"
  "connects:connector:total_connections-established:1"
)
at_first=()
for oracle in "${oracles[@]}"; do
  IFS=: read -r _ name series _ <<<"$oracle"
  at_first+=("$(of "$name" "$series")")
done

began=$SECONDS connected=$((SECONDS - 90))
while [ $((SECONDS - began)) -lt "$seconds" ]; do
  for name in "${workers[@]}"; do
    round "$name"
  done
  # Its few ports are free again after a minute (TIME_WAIT).
  if [ $((SECONDS - connected)) -ge 90 ]; then
    connected=$SECONDS
    round connector
  fi
  [ $((SECONDS - began)) -lt $(((${#lines[@]} + 1) * row)) ] || table_row
  kill -0 "$collectd" || break
  sleep 0.7
done
next_read >"$tmp/at"

ok "collectd has run for $seconds s" kill -0 "$collectd"
for i in "${!oracles[@]}"; do
  IFS=: read -r text name series column <<<"${oracles[i]}"
  is "$(($(of "$name" "$series") - ${at_first[i]:-0}))" \
    "$(did "$name" "$column")" "$text, after $(rounds_of "$name") rounds"
done
for what in 2:memory 3:descriptors 4:maps 5:programs 6:links 7:threads; do
  # Memory is allowed what malloc() leaves between blocks.
  share=1
  [ "$what" != 2:memory ] || share=1.05
  ok "flat: ${what#*:}, $(column_of "${what%%:*}" | tr '\n' ' ')" \
    flat "${what%%:*}" "$share"
done
# Top watches whoever is busy: what others call is beyond the table at times. And
# a kernel may have threads on top of which it shows no program how others end.
is "$(lost | sed -E 's/(probe_cells|zombies) [0-9]+ ?//g')" "" "nothing was lost"
kill "$churner"
wait_for 30 grep -q started "$tmp/churned"
diag "$(cat "$tmp/churned") short lives"
# Of groups, and of the workers: other pids come again in an hour. One that makes
# as many series as this has a million files.
counters='/(derive|operations|contextswitch|total_[a-z]*|ps_cputime|ps_pagefaults|io_[a-z]*|disk_octets)-'
lasting=$(IFS='|'; echo "${worker_pid[*]}")
# shellcheck disable=SC2016 # awk's
fallen=$(find "$csv" -type f -print0 | grep -zE "$counters" |
  grep -zE "/proctrace-([a-z]+[0-9]*|[^/]*-($lasting))/" |
  xargs -0 awk -F, '
    FNR > 2 && ($2 < a || $3 < b) {fallen[FILENAME]}
    FNR > 1 {a = $2; b = $3}
    END {for (name in fallen) print name}' | wc -l)
is "$fallen" 0 "no counter has ever fallen"
# A process there may be that nobody may look into.
is "$(complaints | grep -v "no right to")" "" "no other complaint in the log"
collectd_stop
is "$stopped" 0 "collectd ends by itself"
{
  echo "| seconds | memory, kB | descriptors | BPF maps | programs | links |" \
    "threads | watched | value lists | requests | connects | read, s | lost |"
  echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
  printf '%s\n' "${lines[@]}"
} >soak.md
finish
