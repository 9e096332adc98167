#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Whole process means whole process: a main thread that is gone, threads that
# end all the time, children that the kernel adds to their parent.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

plan 14

mkdir "$tmp/io"
work leaderexit 120 3 4
headless=$worker
# By the command line, which is the leader's no more.
collectd_start <<EOF
  ProcessMatch "headless" "leaderexit$me 120"
  Process "burn$me"
  Process "reader$me"
EOF

# The leader is gone
living=$(find "/proc/$headless/task" -mindepth 1 -maxdepth 1 -name '[1-9]*' \
  ! -name "$headless" | head -n 1)
kernel_sum() { # of schedstat
  cat "/proc/$headless"/task/*/schedstat |
    awk '{sum += $1} END {printf "%.0f", sum}'
}
before=$(kernel_sum)
at=$(next_read)
instance=headless-$headless
ok "main thread gone: its runtime is that of all threads" within \
  "$(value "$at" "$instance" derive-runtime_ns)" "$before" "$(kernel_sum)"
is "$(value "$at" "$instance" ps_count 2)" 4 "main thread gone: its threads"
is "$(value "$at" "$instance" ps_state-zombies)" 1 \
  "main thread gone: one thread is a zombie"
is "$(value "$at" "$instance" ps_rss) $(value "$at" "$instance" ps_vm)" \
  "$(awk '/^VmRSS:/ {rss = $2} /^VmSize:/ {vm = $2}
    END {printf "%.0f %.0f", rss * 1024, vm * 1024}' "$living/status")" \
  "main thread gone: its memory"
is "$(value "$at" "$instance" file_handles)" \
  "$(find "$living/fd" -type l | wc -l)" "main thread gone: its files"
ok "main thread gone: its I/O" test -n \
  "$(value "$at" "$instance" io_ops)"

# Threads that end: three of twenty milliseconds at any time.
work burn 120 1 20
sleep 6
at=$(next_read)
living_sum=$(cat "/proc/$worker"/task/*/schedstat |
  awk '{sum += $1} END {printf "%.0f", sum}')
for series in derive-runtime_ns derive-wait_sum_ns contextswitch-involuntary \
  contextswitch-voluntary; do
  ok "threads that end: $series does not fall" \
    never_falls "burn$me-$worker" "$series"
done
spent=$(values "$at" "burn$me-$worker" |
  awk '$1 == "ps_cputime" {sum += $3} END {printf "%.0f", sum * 1000}')
ok "threads that end: CPU time has what they did" within \
  "$spent" "$(awk "BEGIN {print $living_sum * 0.95}")" 1e15
reap "$worker"

# The kernel adds a child's I/O to its parent when the parent waits for it.
work reader 120 "$tmp/io" 25 1000 3
bytes=${ready[3]} calls=${ready[4]}
group() { # TIME; bytes and calls read and written
  echo "$(value "$1" "reader$me" io_octets 1)" \
    "$(value "$1" "reader$me" io_ops 1)" \
    "$(value "$1" "reader$me" io_octets 2)" \
    "$(value "$1" "reader$me" io_ops 2)"
}
grown() { # "FOUR NUMBERS" "FOUR NUMBERS"
  echo "$2 $1" | awk '{print $1 - $5, $2 - $6, $3 - $7, $4 - $8}'
}
start=$(group "$(next_read)")
kill -USR1 "$worker"
wait_for 20 test -d "$tmp/io/worked"
is "$(grown "$start" "$(group "$(next_read)")")" \
  "$bytes $calls $bytes $calls" "a forking reader: its group counts each byte"
kill -USR1 "$worker"
wait_for 20 test -d "$tmp/io/reaped"
next_read >/dev/null
is "$(grown "$start" "$(group "$(next_read)")")" \
  "$bytes $calls $bytes $calls" "and once only, when the children are reaped"

collectd_stop
is "$stopped" 0 "collectd ends well"
finish
