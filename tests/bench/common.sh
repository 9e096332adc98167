# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the bench's scripts share. They run in the build directory, as root.
set -u
PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/collectd/sbin
bench=tests/bench
export LC_ALL=C # numbers have a point

fail() {
  echo "bench: $*" >&2
  exit 1
}

command -v collectd >/dev/null ||
  fail "collectd is missing (package collectd-core)"
ulimit -n "$(ulimit -H -n)"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/proctrace-bench.XXXXXX") || exit 1
running=() # the one started last is the first
clean_up() {
  [ ${#running[@]} -eq 0 ] || kill "${running[@]}" 2>/dev/null
  wait
  rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$tmp/plugins"
cp .libs/proctrace.so "$bench/.libs/lists.so" "$tmp/plugins/" || exit 1

start() { # COMMAND...
  "$@" &
  running=("$!" ${running[@]+"${running[@]}"})
}

reap() {
  wait "${running[0]}"
  running=("${running[@]:1}")
}

stop() {
  kill "${running[0]}"
  reap
}

say() { # what is measured now
  [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2
}

population() { # PROCESSES THREADS
  start tests/work/idle 900 "$1" "$2" 5 >"$tmp/idle"
  until grep -q ready "$tmp/idle"; do sleep 0.1; done
}

# All collectds that run at the same time are read one after the other, so that
# what else the machine does meets all of them alike.
declare -A collectds # name to pid
interval=2
pause=0.1 # between the starts of two

private_collectd() { # NAME [PROCESSES [BASIC]]; stdin: configuration of what is measured
  local dir=$tmp/$1
  rm -rf "$dir"
  mkdir "$dir"
  cat >"$dir/conf" <<EOF
Hostname "bench"
FQDNLookup false
BaseDir "$dir"
PIDFile "$dir/pid"
Interval $interval
WriteThreads 1
PluginDir "$tmp/plugins"
LoadPlugin lists
<Plugin lists>
  Processes ${2:-0}
  Basic ${3:-false}
  Report "$dir/lists"
</Plugin>
$(cat)
EOF
  start collectd -f -C "$dir/conf" 2>"$dir/log"
  collectds[$1]=${running[0]}
  sleep "$pause"
}

# Leaves "<µs> <read calls> <resident kB>" of an interval in $tmp/NAME/meter.
meter_collectds() { # SAMPLES [THREADS]
  local name meters=()
  sleep $((3 * interval)) # the first reads create what later ones only update
  for name in "${!collectds[@]}"; do
    "$bench/meter" "${collectds[$name]}" "$interval" "$@" >"$tmp/$name/meter" &
    meters+=($!)
  done
  wait "${meters[@]}"
  for name in "${!collectds[@]}"; do stop; done
  for name in "${!collectds[@]}"; do
    [ -s "$tmp/$name/lists" ] || fail "$name: $(tail -n 3 "$tmp/$name/log")"
  done
}
