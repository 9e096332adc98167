#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The documents say what the plugin does: table, options, man page.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091
. "$here/tap.sh"
top=$here/..
manual=$top/man/collectd-proctrace.5.in
built=man/collectd-proctrace.5

readme_has_table() {
  [[ $(< "$top/README.md") == *"$(tools/table markdown)"* ]]
}

# Words of the source, one a line, that the manual does not have.
not_in_manual() {
  local word
  while read -r word; do
    grep -qw -- "$word" "$manual" || echo "$word"
  done
}

options() {
  sed -n 's/.*{"\([A-Z][A-Za-z]*\)", \(read\|set\)_.*/\1/p' \
    "$top/plugin/options.c" "$top/plugin/options_probes.c"
}

# What self counts is listed there as "dropped_stuck, _failed, ...".
self_counts() {
  sed -n 's/.*"\(unreadable\|dropped\)\(_[a-z_]*\)".*/\2/p' \
    "$top/plugin/metrics.c" "$top/plugin/report.c" "$top/plugin/report_probes.c"
}

self_counts_missing() {
  local word
  self_counts | while read -r word; do
    grep -q -- "\(dropped\|unreadable\| \)$word\b" "$manual" || echo "$word"
  done
}

plan 5
ok "the README has the plugin's own table of metrics" readme_has_table
is "$(options | not_in_manual)" "" "the man page has every option"
is "$(self_counts_missing)" "" "the man page has all that self counts"
is "$(grep -c '@[A-Z][A-Z]*@' "$built")" 0 "the man page is filled in"
if command -v man >/dev/null; then
  is "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$built" 2>&1 >/dev/null)" "" \
    "the man page formats without a warning"
else
  skip "the man page formats without a warning" "there is no man"
fi
finish
