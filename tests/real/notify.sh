#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The plugin's own notifications, as a program gets them that collectd's plugin
# exec starts: a daemon that ends, comes back and is restarted, and threads that
# hang in the kernel for good. From both sources.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

[ "$(id -u)" = 0 ] || skip_all "the plugin exec starts programs as another user"
plan 18

# collectd gives a program the notification as a head and a text. Several run at
# the same time, so each writes its line at once.
cat >"$tmp/keep" <<EOF
#!/bin/sh
line=\$(tr '\n' ' ')
echo "\$line" >>"$tmp/notified"
EOF
chmod 755 "$tmp/keep"
install -m 666 /dev/null "$tmp/notified"
# shellcheck disable=SC2034 # for collectd_start
besides="LoadPlugin exec
<Plugin exec>
  NotificationExec \"nobody\" \"$tmp/keep\"
</Plugin>"

notified() { # PATTERN: of what was notified, lines that match
  grep -E "$1" "$tmp/notified"
}

count() { # PATTERN
  notified "$1" | wc -l
}

mkdir "$tmp/mount"
held=
work mmaphold 120 "$tmp/mount" && held=${ready[1]}
holder=$worker no_holder="${ready[*]:1}"
work idle 120 1 0 0 "idler$me"
first=$worker first_pid=${ready[3]}

collectd_start <<EOF
  Process "idler$me"
  Process "mmaphold$me"
  <Notify "gone">
    Intervals 2
  </Notify>
  <Notify "blocked">
    Intervals 3
  </Notify>
EOF
sleep 2
is "$(count "idler$me")" 0 "all is well: nothing is notified"

reap "$first"
ok "a process ends: it is notified" \
  wait_for 15 notified "idler$me: process $first_pid is gone"
of=$(notified "process $first_pid is gone")
ok "as a failure" grep -q "^Severity: FAILURE" <<<"$of"
ok "of the group's series" grep -q "Plugin: proctrace PluginInstance: idler$me \
Type: ps_count" <<<"$of"
is "$(column "idler$me" ps_count | tail -n 1 | cut -d. -f1)" 0 \
  "which has no process"

work idle 120 1 0 0 "idler$me"
second=$worker second_pid=${ready[3]}
ok "it comes back: it is notified" wait_for 15 notified \
  "^Severity: OKAY .*idler$me: is back as process $second_pid; it was $first_pid"
reap "$second"
work idle 120 1 0 0 "idler$me"
# A machine that stalls just there makes two of it.
ok "a restart is notified" wait_for 15 notified \
  "^Severity: (WARNING|FAILURE).*process $second_pid is gone"
sleep 3
ok "once" within "$(count "idler$me: ")" 3 4

texts=("its threads hang: it is notified" "with thread and command"
  "and the wait channel that /proc says" "and for how long"
  "of the process's series" "which has blocked threads" "it is notified once"
  "it ends: that is notified as well")
if [ -z "$held" ]; then
  for text in "${texts[@]}"; do
    skip "$text" "$no_holder"
  done
else
  of_held="mmaphold$me-$held"
  ok "${texts[0]}" wait_for 15 notified "^Severity: WARNING .*$of_held: thread "
  of=$(notified "$of_held: thread")
  diag "$of"
  words='thread ([0-9]+) \(([^)]*)\) has been blocked for ([0-9]+) s in ([^ ,]+)'
  [[ $of =~ $words ]]
  said=("${BASH_REMATCH[@]:1}")
  is "${said[1]-}" "mmaphold$me" "${texts[1]}"
  is "${said[3]-}" "$(tr . _ <"/proc/$held/task/${said[0]-}/wchan")" \
    "${texts[2]}"
  # Three intervals, which a stalled machine makes shorter or longer.
  ok "${texts[3]}" within "${said[2]-}" 2 20
  ok "${texts[4]}" grep -q "PluginInstance: $of_held \
Type: ps_state TypeInstance: blocked" <<<"$of"
  ok "${texts[5]}" within \
    "$(column "$of_held" ps_state-blocked | tail -n 1)" 1 2
  is "$(count "$of_held")" 1 "${texts[6]}"
  kill "$holder"
  ok "${texts[7]}" wait_for 15 notified "^Severity: OKAY .*$of_held: (has|no)"
fi

collectd_stop
is "$stopped" 0 "collectd ends well"
is "$(complaints | grep -v notif)" "" "and complained of nothing else"
finish
