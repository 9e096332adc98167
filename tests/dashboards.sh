#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The dashboards are what the generator makes, and they name what there is.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/tap.sh"
dashboards=$here/../dashboards
command -v jq >/dev/null || skip_all "there is no jq"

tmpdir
# shellcheck disable=SC2154 # tap.sh sets it
made=$tmp/made

# What is committed is what is made now.
# shellcheck disable=SC2317 # ok calls it
same_as_made() {
  local name
  for name in grafana prometheus collection3; do
    diff -r "$made/$name" "$dashboards/$name" || return
  done
}

# Of the host and of the plugin, which the table does not have; the manual has
# the part of their names that is no <...>.
not_in_manual() {
  local name
  while read -r name; do
    grep -q -- "$name" "$here/../man/collectd-proctrace.5.in" || echo "$name"
  done < <(jq -r '.series | keys[] | sub("^[a-z_]+-"; "")
    | sub("_?<[a-z]+>.*"; "") | select(. != "")' "$dashboards/panels.json")
}

unknown_series() {
  jq '.dashboards[0].rows[0].panels[0].series[0].series = "derive-nothing_ns"' \
    "$dashboards/panels.json" |
    jq -L "$dashboards" --rawfile readme "$here/../README.md" \
      'include "series"; read_source($readme) | empty'
}

# Grafana tells panels by their number, and targets by their letter.
doubles() {
  jq -r '
    def twice: group_by(.)[] | select(length > 1) | .[0];
    "\(.uid):" as $uid
    | ([.panels[].id] | twice), ([.panels[] | select(.targets).title] | twice),
      (.panels[] | select(.targets) | [.targets[].refId] | twice)
    | "\($uid) \(.)"' "$dashboards"/grafana/*/*.json
  jq -s -r '[.[].uid] | group_by(.)[] | select(length > 1) | .[0]' \
    "$dashboards"/grafana/*/*.json
}

overlaps() {
  jq -r '
    [.panels[] | {title} + .gridPos] as $all
    | range($all | length) as $i | range($i) as $j | $all[$i] as $a | $all[$j] as $b
    | select($a.x < $b.x + $b.w and $b.x < $a.x + $a.w
             and $a.y < $b.y + $b.h and $b.y < $a.y + $a.h)
    | "\($a.title), \($b.title)"' "$dashboards"/grafana/*/*.json
}

unexplained() {
  jq -r '.panels[] | select(.targets and (.description // "" | length < 10)) |
    .title' "$dashboards"/grafana/*/*.json
}

plan 7
ok "the generator runs" "$dashboards/generate" "$made"
ok "what is committed is what it makes" same_as_made
is "$(unknown_series 2>&1 | grep -o 'derive-nothing_ns.*')" \
  "derive-nothing_ns: there is no such series" \
  "a series that there is not is an error"
is "$(not_in_manual)" "" "the man page has the series of host and self"
is "$(doubles)" "" "no number, letter or title twice"
is "$(overlaps)" "" "no panel upon another"
is "$(unexplained)" "" "each panel says how to read it"
finish
