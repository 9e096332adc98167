#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every value of an idle, a CPU-bound, a multi-threaded and an I/O-bound process
# as collectd got it, beside /proc.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

plan 18

# /proc and BPF divide CPU time between user and system each by what they said
# last: a tick may be on the other side.
tick=0
[ "${PROCTRACE_SOURCE-}" != bpf ] || tick=$((1000000 / $(getconf CLK_TCK)))

later() { # BY: CPU time on stdin
  awk -v by="$1" '$1 == "ps_cputime" {$3 += by} {print}'
}

work idle 120 1 2 5 "idler$me"
idle=${ready[3]}
work burn 120 1 0
busy=$worker
work burn 120 4 0
threads=$worker
mkdir "$tmp/io"
work reader 120 "$tmp/io" 50 4096 0
reader=$worker
kill -USR1 "$reader"
wait_for 30 test -d "$tmp/io/worked"

collectd_start <<EOF
  Process "idler$me"
  Process "burn$me"
  Process "reader$me"
EOF

for what in "CPU-bound $busy" "multi-threaded $threads"; do
  pid=${what#* }
  # /proc divides CPU time between user and system anew at each look, and may
  # take back a tick of one of them: so there are three tries.
  for _ in 1 2 3; do
    before=$(proc_values "$pid" | counters | later -"$tick")
    at=$(next_read)
    after=$(proc_values "$pid" | counters | later "$tick")
    between "$before" "$(values "$at" "burn$me-$pid")" "$after" >/dev/null &&
      break
  done
  ok "${what% *} process while it runs: counters between two looks" \
    between "$before" "$(values "$at" "burn$me-$pid")" "$after"
done

# A thread that waits for a CPU stops when it gets one.
# shellcheck disable=SC2317 # wait_for calls it
at_rest() {
  ! grep -h '^State:' /proc/{"$busy","$threads","$reader"}/task/*/status |
    grep -qv '[[:space:]]T '
}
kill -STOP "$busy" "$threads" "$reader"
wait_for 30 at_rest
at=$(next_read)
for what in "idle $idle idler" "CPU-bound $busy burn" \
  "multi-threaded $threads burn" "I/O-bound $reader reader"; do
  read -r kind pid name <<<"$what"
  want=$(proc_values "$pid")
  ok "$kind process at rest: as in /proc" between "$(later -"$tick" <<<"$want")" \
    "$(values "$at" "$name$me-$pid")" "$(later "$tick" <<<"$want")"
  ok "$kind process: seconds since its start" within \
    "$(value "$at" "$name$me-$pid" uptime)" \
    "$(($(ps -o etimes= -p "$pid") - 30))" \
    "$(($(ps -o etimes= -p "$pid") + 1))"
done
percent=$(awk -v files="$(find "/proc/$idle/fd" -type l | wc -l)" \
  '/Max open files/ {print 100 * files / $4}' "/proc/$idle/limits")
ok "open files in percent of the soft limit" within \
  "$(value "$at" "idler$me-$idle" percent-fd_limit)" \
  "$(awk "BEGIN {print $percent - 0.0001}")" \
  "$(awk "BEGIN {print $percent + 0.0001}")"
ok "the I/O-bound process wrote to a disk" within \
  "$(value "$at" "reader$me-$reader" io_octets 2)" $((50 * 4096)) 1000000

is "$(value "$at" "burn$me" ps_count 1) $(value "$at" "burn$me" ps_count 2)" \
  "2 5" "the group of both burning processes: 2 processes, 5 threads"
is "$(value "$at" "burn$me" ps_rss)" \
  "$(cat "/proc/$busy/status" "/proc/$threads/status" |
    awk '/^VmRSS:/ {sum += $2 * 1024} END {printf "%.0f", sum}')" \
  "their resident memory is the sum"

is "$(value "$at" host memory-total)" \
  "$(awk '/^MemTotal:/ {printf "%.0f", $2 * 1024}' /proc/meminfo)" \
  "host: memory"
is "$(value "$at" host count-cpus) $(value "$at" host timestamp-boot)" \
  "$(getconf _NPROCESSORS_ONLN) $(awk '/^btime/ {print $2}' /proc/stat)" \
  "host: CPUs and time of boot"

collectd_stop
is "$stopped" 0 "collectd ends well"
is "$(complaints)" "" "and had nothing to complain of"
finish
