#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A configuration that names the plugin more than once: two LoadPlugin lines, a
# copy of it under another name, several <Plugin> blocks. One reads, and once.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

plan 6

work idle 120 1 0 0 "idler$me"
cp "$tmp/plugins/proctrace.so" "$tmp/plugins/again.so"
# What stands before collectd_start's own lines is loaded first.
# shellcheck disable=SC2034 # for collectd_start
besides="PluginDir \"$tmp/plugins\"
LoadPlugin proctrace
LoadPlugin again"
collectd_start <<EOF
  Process "idler$me"
</Plugin>
<Plugin proctrace>
  Process "nobody$me"
</Plugin>
<Plugin "proctrace">
  MaxProcesses 10
EOF
at=$(next_read)
is "$(value "$at" "idler$me-${ready[3]}" ps_count)" 1 \
  "the first block holds: values arrive"
is "$(value "$at" "nobody$me" ps_count)" 0 "and the second"
# collectd makes up for one read that was late.
ok "nobody reads twice" within "$(times |
  awk 'NR > 1 && $1 - last < 0.1 {n++} {last = $1} END {print n + 0}')" 0 1
is "$(cat "/proc/$collectd/task"/*/comm | grep -c proctrace-slow)" 2 \
  "nor starts helpers twice"
is "$(complaints | grep -v 'already registered')" "" \
  "but for collectd's own line there is none"
collectd_stop
is "$stopped" 0 "collectd ends well"
finish
