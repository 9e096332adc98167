#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What becomes of a series when its process restarts, when another one gets its
# PID, when it turns into something else, and when collectd ends.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

plan 19

# Thirty intervals, in which every process is looked at again, in six seconds.
interval=0.2
collectd_start <<EOF
  Process "idler$me"
  Process "burn$me"
  Process "samepid$me"
  ProcessMatch "first" "retitle$me [0-9]+ first-title"
  ProcessMatch "second" "retitle$me [0-9]+ second"
  ProcessMatch "third" "retitle$me [0-9]+ third-title"
  <Select "moved">
    Cgroup "/proctrace-test-$me"
  </Select>
EOF

counted() { # TIME INSTANCE
  echo "$(value "$1" "$2" ps_count 1) $(value "$1" "$2" ps_count 2)"
}

at=$(next_read)
is "$(counted "$at" "idler$me")" "0 0" "nothing matches: 0 processes"

# Restart
work idle 120 1 0 0 "idler$me"
at=$(next_read)
old=${ready[3]}
is "$(counted "$at" "idler$me")" "1 1" "a new process is there at the next read"
is "$(value "$at" "idler$me-$old" ps_count)" 1 "with series of its own"
restarts=$(value "$at" "idler$me" total_events-restarts)
reap "$worker"
at=$(next_read)
is "$(counted "$at" "idler$me")" "0 0" "it is gone at the next read"
is "$(values "$at" "idler$me-$old")" "" "and its series end"
work idle 120 1 0 0 "idler$me"
at=$(next_read)
is "$(value "$at" "idler$me-${ready[3]}" ps_count)" 1 \
  "after a restart the new PID is there at the next read"
is "$(value "$at" "idler$me" total_events-restarts)" "$((restarts + 1))" \
  "one restart was counted"

# A PID that is used again: by the same program, then by another one.
work burn 120 1 0
reused=$worker
sleep 2
at=$(next_read)
spent=$(value "$at" "burn$me" derive-runtime_ns)
kill -KILL "$reused"
wait "$reused" 2>/dev/null
if work samepid 120 "$reused" "$(program burn)" 120 1 0; then
  at=$(next_read)
  is "$(counted "$at" "burn$me")" "1 1" "a reused PID: found at the next read"
  ok "a reused PID: the group's CPU time goes on from where it was" within \
    "$(value "$at" "burn$me" derive-runtime_ns)" "$spent" \
    "$(awk "BEGIN {print $spent + 2e9}")"
  is "$(value "$at" "burn$me" total_events-restarts)" 1 \
    "a reused PID: counted as a restart"
  ok "a reused PID: its own series begin anew" within \
    "$(value "$at" "burn$me-$reused" derive-runtime_ns)" 0 \
    "$(cut -d ' ' -f 1 "/proc/$reused/schedstat")"
  reap "$worker"
  work samepid 120 "$reused" "$(program retitle)" 120 first-title
  at=$(next_read)
  is "$(counted "$at" "burn$me"), $(counted "$at" first)" "0 0, 1 1" \
    "a reused PID with another command: in the other group"
  ok "a reused PID with another command: takes nothing along" within \
    "$(value "$at" first derive-runtime_ns)" 0 500000000
  changing=$reused
else
  for text in found "time goes on" restart "begin anew" "other group" \
    "takes nothing along"; do
    skip "a reused PID: $text" "${ready[*]:1}"
  done
  work retitle 120 first-title
  changing=$worker
fi

# Same PID, same start time, same comm: only looking again can tell.
# shellcheck disable=SC2317 # wait_for calls it
one_of() { [ "$(counted "$(next_read)" "$1")" = "1 1" ]; }
kill -USR1 "$changing"
ok "setproctitle: another group within 30 intervals" wait_for 15 one_of second
kill -USR2 "$changing"
ok "exec with the same command: another group within 30 intervals" \
  wait_for 15 one_of third

# A control group of our own, wherever one can be made.
cgroup=
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/pids; do
  [ -w "$hierarchy/cgroup.procs" ] &&
    mkdir "$hierarchy/proctrace-test-$me" 2>/dev/null &&
    cgroup=$hierarchy/proctrace-test-$me && break
done
# shellcheck disable=SC2317 # the trap calls it
remove_cgroup() { [ -z "$cgroup" ] || rmdir "$cgroup"; }
trap 'tap_cleanup; remove_cgroup' EXIT
work idle 120 1 0 0 "mover$me"
next_read >/dev/null
if [ -n "$cgroup" ] && echo "${ready[3]}" >"$cgroup/cgroup.procs"; then
  ok "moved to a cgroup: another group within 30 intervals" \
    wait_for 15 one_of moved
else
  skip "moved to a cgroup" "no right to make a cgroup"
fi

ok "no counter of a group fell" eval "never_falls burn$me derive-runtime_ns &&
  never_falls burn$me ps_cputime && never_falls first ps_cputime &&
  never_falls idler$me total_events-restarts"

collectd_stop
is "$stopped" 0 "SIGTERM: exit status 0"
is "$(complaints; ls "$tmp/pid" 2>/dev/null)" "" \
  "SIGTERM: no complaint, no leftover"
finish
