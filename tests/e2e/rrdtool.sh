#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to RRD files, and to the page that collection3 makes of them.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/rrdtool.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/browser.sh"

workload_start
rrdtool_configure
rrdtool_start
collection3_start
observed </dev/null
of_sleeper=sleeper$me-${worker_pid[sleeper]}

# shellcheck disable=SC2317 # path_test calls these
{
  graph() { # BEGIN END FILE
    local query="hostname=test;plugin=proctrace;plugin_instance=$of_sleeper"
    collection3_get "bin/graph.cgi?$query;type=io_ops;begin=$1;end=$2" >"$3"
  }

  rrdtool_more() {
    local html width height now before blank
    html=$(collection3_get "$(collection3_page "$of_sleeper")")
    is "$(grep -oE 'src="graph.cgi[^"]*' <<<"$html" |
      sed -nE 's/.*[;&]type=([a-z_]+).*/\1/p' | sort -u)" \
      "$(find "$(dirname "$(rrdtool_file "$of_sleeper" x)")" -name '*.rrd' \
        -printf '%f\n' | sed 's/[-.].*//' | sort -u)" \
      "collection3's page has a graph of each type that there is"

    graph -60 0 "$tmp/now.png"
    graph -7200 -7140 "$tmp/before.png"
    read -r width height now < <(ink "$tmp/now.png")
    read -r _ _ before < <(ink "$tmp/before.png")
    diag "$width x $height pixels, $now in colour; without values $before"
    ok "a graph is a picture" within "$width" 400 1000
    ok "and has a curve" within "$now" "$((before + 50))" 1e6

    picture "$collection3/$(collection3_page "$of_sleeper" latency io_ops)" \
      "$tmp/page.png"
    picture about:blank "$tmp/blank.png"
    read -r width height now < <(ink "$tmp/page.png")
    read -r _ _ blank < <(ink "$tmp/blank.png")
    is "$width $height" "1000 800" "a browser shows the page"
    diag "$now pixels in colour, an empty page $blank"
    ok "with its graphs" within "$now" "$((blank + 300))" 1e6
  }
}

path_test rrdtool 6
is "$(find "$rrds" -mindepth 1 -maxdepth 1 -printf '%f\n')" test \
  "no name has made a directory outside of its host's"
finish
