#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The host's CPU time is that of all groups and of the others.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

plan 3

# More of it than any other program has: what lives for less than an interval
# is not seen, and a busy machine has much of that.
work burn 120 $((2 * $(nproc))) 0
work idle 120 3 0 0 "idler$me"
collectd_start <<EOF
  Process "burn$me"
  Process "idler$me"
  PerProcess false
EOF

host_us() { # user, nice and system
  awk -v hz="$(getconf CLK_TCK)" '/^cpu / {
    printf "%.0f", ($2 + $3 + $4) * 1000000 / hz}' /proc/stat
}
ours_us() { # TIME [INSTANCE...]
  local at=$1 instance
  shift
  for instance; do values "$at" "$instance"; done |
    awk '$1 == "ps_cputime" {sum += $3} END {printf "%.0f", sum}'
}

# A look at the host as near to a read of the plugin as a shell can come.
look() {
  at=$(next_read)
  host=$(host_us)
  all=$(ours_us "$at" "burn$me" "idler$me" other)
  burning=$(ours_us "$at" "burn$me")
}
share() {
  local first_host first_all first_burning
  look
  first_host=$host first_all=$all first_burning=$burning
  sleep 8
  look
  share=$(awk "BEGIN {print ($all - $first_all) / ($host - $first_host)}")
  burnt=$(awk "BEGIN {
    print ($burning - $first_burning) / ($all - $first_all)}")
}
for _ in 1 2 3 4 5; do # a compiler may come by
  share
  within "$share" 0.9 1.1 && break
done
ok "groups and others are the host: $share of it" within "$share" 0.9 1.1
ok "the burning group has most of ours: $burnt" within "$burnt" 0.3 1.05
collectd_stop
is "$stopped" 0 "collectd ends well"
finish
