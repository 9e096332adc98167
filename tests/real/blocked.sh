#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A process that holds its mmap lock for good blocks whoever reads its command
# line. The read callback is on time all the same, and so is collectd's end.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

mkdir "$tmp/mount"
work mmaphold 120 "$tmp/mount" || skip_all "${ready[*]:1}"
held=${ready[1]}
plan 9

work idle 120 3 0 0 "idler$me"
# The match needs the command line of every process; pss needs smaps_rollup.
collectd_start <<EOF
  ProcessMatch "idlers" "idle$me 120 3"
  Process "mmaphold$me"
  Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "pss"
EOF
sleep 8
at=$(next_read)

is "$(timeout 0.5 cat "/proc/$held/cmdline" >/dev/null 2>&1 || echo held)" held \
  "the lock is held"
# The parent's command line is that of its children.
is "$(value "$at" idlers ps_count)" 4 "the others' values arrive"
is "$(value "$at" "mmaphold$me-$held" ps_count 2)" 2 \
  "and those of the process itself that need no lock"
is "$(value "$at" "mmaphold$me-$held" bytes-pss)" "" "not those that do"
ok "reads are on time" reads_are_on_time
ok "one a second" a_read_a_second
ok "self counts what got stuck" within \
  "$(values "$at" self | awk '/stuck/ {print $3}')" 1 1e9

begin=$SECONDS
collectd_stop
is "$stopped" 0 "collectd ends well while the lock is held"
ok "and at once" within $((SECONDS - begin)) 0 20
finish
