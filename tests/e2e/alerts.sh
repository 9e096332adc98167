#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Alerts: the Prometheus rules by promtool and in a Prometheus that we feed,
# collectd's thresholds, and the plugin's own Notify. Something is made to happen
# to a process, and ended; what comes of it is read where its user reads it.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/prometheus.sh"
need /usr/lib/collectd/threshold.so:collectd-core

plan 25
# shellcheck disable=SC2154 # e2e.sh sets it
rules=$top/alerts/proctrace.rules.yml
rule_tests=$top/alerts/proctrace.rules.test.yml

# --- by promtool ---

alerts_missing_in() { # FILE
  local alert
  sed -n 's/^ *- alert: //p' "$rules" | while read -r alert; do
    grep -q "\b$alert\b" "$1" || echo "$alert"
  done
}

ok "promtool takes the rules" promtool check rules "$rules"
ok "their tests pass" promtool test rules "$rule_tests"
is "$(alerts_missing_in "$rule_tests")" "" "every alert has one"
is "$(alerts_missing_in "$top/docs/alerts.md")" "" "docs/alerts.md has them all"
# Beside them the same that wait for seconds, under other names.
sed -e 's/\bfor: .*/for: 2s/' -e 's/keep_firing_for: .*/keep_firing_for: 1s/' \
  -e 's/\[\(2\|5\|10\|15\)m\]/[10s]/g' -e 's/interval: 1m/interval: 1s/' \
  -e 's/proctrace:/short:/g' -e 's/alert: Proctrace/alert: Short/' \
  "$rules" >"$tmp/short.yml"
ok "with shorter times they are rules still" \
  promtool check rules "$tmp/short.yml"

# --- whom it happens to ---

# A limit of 20 files, of which 18 are open when it is told "more".
cat >"$tmp/files$me" <<'EOF'
#!/bin/bash
exec <"$1"
for fd in /proc/$$/fd/*; do # what it was given; 255 is this text
  fd=${fd##*/}
  [ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd<&-"
done
ulimit -Sn 20
while read -r wanted; do
  for fd in {3..9} {11..17}; do
    case $wanted in
    more) eval "exec $fd</dev/null" ;;
    fewer) eval "exec $fd<&-" ;;
    esac
  done
  echo "$wanted"
done
EOF
chmod 755 "$tmp/files$me"
mkfifo "$tmp/wanted"
exec {wanted}<>"$tmp/wanted"
spawn "$tmp/files$me" "$tmp/wanted" >"$tmp/has"
files=$spawned
of_files=files$me-$files

files() { # more|fewer
  echo "$1" >&"$wanted"
  wait_for 10 grep -q "$1" "$tmp/has"
}

files_used() { # percent, as the kernel says
  echo $(($(find "/proc/$files/fd" -type l | wc -l) * 100 / 20))
}

work idle 600 1 0 0 "idler$me"
idlers=$worker idler=${ready[3]}
# What is notified of both.
us="$of_files, type = percent|idler$me, type = ps_count"

# --- collectd and Prometheus ---

# The files that users copy, with one of our rules for that of redis.
prometheus_configure
copied collectd.conf.d/threshold.conf
sed -i "s/\"redis-server\"/\"idler$me\"/" "$copy"
# A series that misses a read is not gone for that.
besides="$besides
Timeout 10
Include \"$copy\""
observed <<EOF
  Process "files$me"
  Probe "runqueue"
  Probe "tcpconnect"
  Notify "gone"
EOF
prometheus_start
# shellcheck disable=SC2154 # prometheus.sh sets it
{
  sed -i 's/^global:/&\n  evaluation_interval: 1s/' "$prometheus_yml"
  echo "rule_files: ['$rules', '$tmp/short.yml']" >>"$prometheus_yml"
  kill -HUP "$prometheus"
}

# A line for each rule, "ok <name>", or what is wrong with it; "unknown" before
# its turn, which may be in a minute.
health() {
  prometheus_get rules |
    jq -r '.data.groups[].rules[] | "\(.health) \(.name) \(.lastError // "")"'
}

# Every selector of the rules that selects nothing. Latencies and connects come
# from probes, and from what does not happen here.
unknown_selectors() {
  local selector without='latency'
  [ -z "$probes" ] || without='latency|connections'
  grep -oE 'collectd_proctrace_[a-z_]+(\{[^}]*\})?' "$rules" | sort -u |
    grep -vE "^collectd_proctrace_[a-z_]*($without)" |
    while read -r selector; do
      [ -n "$(prometheus_ask "count($selector)")" ] || echo "$selector"
    done
}

# shellcheck disable=SC2317 # called by name
{
  all_known() {
    [ "$(health | grep -ic '^[a-z]* short')" -gt 0 ] &&
      ! health | grep -i '^unknown short'
  }
  none_unknown() { [ -z "$(unknown_selectors)" ]; }
  notified() { # SEVERITY PATTERN: lines of collectd's log
    logged "Notification: severity = $1, .*$2"
  }
  okays_of() { # PATTERN
    notified OKAY "plugin_instance = $1" | wc -l
  }
  okay_again() { # PATTERN BEFORE
    [ "$(okays_of "$1")" -gt "$2" ]
  }
  alert() { # NAME INSTANCE STATE
    prometheus_get alerts | jq -er --arg name "$1" --arg of "$2" --arg is "$3" '
      [.data.alerts[] | select(.labels.alertname == $name and
        .labels.proctrace == $of and .state == $is)][0].annotations.summary'
  }
  no_alert() { # NAME INSTANCE
    ! alert "$1" "$2" firing && ! alert "$1" "$2" pending
  }
}

ok "Prometheus evaluates every rule" wait_for 20 all_known
is "$(health | grep -vE '^(ok|unknown)')" "" "and can"
wait_for 10 none_unknown
is "$(unknown_selectors)" "" "every series that they name is there"
no_alerts=$(prometheus_get alerts | jq -r '.data.alerts[].labels.proctrace' |
  grep -E "^(idler|files)$me")
is "$no_alerts" "" "all is well: no alert"
# The threshold plugin says okay of each new series.
is "$(notified '(WARNING|FAILURE)' "$me")" "" "and no notification"
okays=$(okays_of "($us)")

# --- it happens ---

files more
reap "$idlers"
ok "threshold: files near the limit" \
  wait_for 30 notified WARNING "plugin_instance = $of_files, type = percent"
diag "$(notified WARNING "plugin_instance = $of_files, type = percent")"
diag "open files: $(files_used) %, oracle /proc"
ok "threshold: a rule without a process" \
  wait_for 20 notified FAILURE "plugin_instance = idler$me, type = ps_count"
ok "Notify: which one is gone" \
  wait_for 10 notified FAILURE "idler$me: process $idler is gone"
ok "Prometheus: files near the limit" \
  wait_for 20 alert ShortFilesNearLimit "$of_files" firing
summary=$(alert ShortFilesNearLimit "$of_files" firing)
diag "/api/v1/alerts: $summary, oracle $(files_used) %"
is "$summary" \
  "$of_files on test has used $(files_used) % of the files that it may open" \
  "with host, process and value"
ok "Prometheus: a rule without a process" \
  wait_for 20 alert ShortGone "idler$me" firing
diag "/api/v1/alerts: $(alert ShortGone "idler$me" firing)"
ok "the rules as they are wait" alert ProctraceFilesNearLimit "$of_files" pending

# --- all is well again ---

of_files_okay=$(okays_of "$of_files, type = percent")
of_rule_okay=$(okays_of "idler$me, type = ps_count")
files fewer
work idle 600 1 0 0 "idler$me"
ok "threshold: files, okay" \
  wait_for 20 okay_again "$of_files, type = percent" "$of_files_okay"
ok "threshold: the rule, okay" \
  wait_for 20 okay_again "idler$me, type = ps_count" "$of_rule_okay"
ok "Notify: which one is back" wait_for 10 \
  notified OKAY "idler$me: is back as process ${ready[3]}; it was $idler"
ok "Prometheus: no alert of files" \
  wait_for 20 no_alert ShortFilesNearLimit "$of_files"
ok "Prometheus: no alert of the rule" \
  wait_for 20 no_alert ShortGone "idler$me"

# Of files and of the rule: two of the threshold's each, two of Notify.
count=$(notified '[A-Z]*' "plugin_instance = ($us)" | wc -l)
is $((count - okays)) 6 "each was notified once"

collectd_stop
is "$stopped" 0 "collectd ends well"
is "$(complaints | grep proctrace | grep -v Notification:)" "" \
  "and the plugin had no complaint"
finish
