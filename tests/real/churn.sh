#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Hundreds of processes a second that start and end.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

plan 9

work idle 120 3 1 2 "idler$me"
collectd_start <<EOF
  Process "idler$me"
  Process "churn$me"
  PerProcess false
EOF
at=$(next_read)
quiet=$(values "$at" "idler$me" | grep -v '^uptime')
work churn 120 500 30
churn=$worker
sleep 5
early=$(resident)
sleep 11
late=$(resident)
at=$(next_read)

# 500 a second that live 30 ms, besides what a loaded machine delays.
ok "some of the short-lived are seen each time" within \
  "$(column "churn$me" ps_count | tail -n 10 | sort -n | head -n 1)" 2 200
ok "and counted while they live only" within \
  "$(column "churn$me" ps_count | tail -n 10 | sort -n | tail -n 1)" 2 200
ok "their CPU time does not fall" never_falls "churn$me" ps_cputime 2
ok "nor does what they read" never_falls "churn$me" io_octets 1
is "$(values "$at" "idler$me" | grep -v '^uptime')" "$quiet" \
  "nothing of them is counted in another group"
is "$(complaints)" "" "no line in the log for any of them"
ok "collectd does not grow ($early kB, then $late kB)" within \
  "$late" 0 $((early + 512))
kill "$churn"
wait "$churn"
at=$(next_read)
is "$(value "$at" "churn$me" ps_count)" 0 "the group is empty after them"
collectd_stop
is "$stopped" 0 "collectd ends well"
finish
