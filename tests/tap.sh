# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# TAP for shell tests, and the promise that nothing is left behind: what was
# started with `spawn` is ended and `tmpdir` is removed however the test ends.
#
#   plan 4                      # first, or leave it to `finish`
#   ok "text" command args...   # passes if the command succeeds
#   is "$got" "$want" "text"
#   skip "text" "reason"        # one test; skip_all "reason" ends the script
#   skip_each "reason" "text" "text" ...
#   spawn command args...       # background process, its id in $spawned
#   tmpdir                      # private directory, its name in $tmp
#   wait_for 10 command args... # until it succeeds, at most 10 seconds
#   finish                      # last line: the plan, and the exit status

set -u

tap_count=0
tap_failed=0
tap_planned=
tap_pids=()
tap_dirs=()
spawned=
tmp=

plan() {
  tap_planned=$1
  echo "1..$1"
}

diag() {
  printf '%s\n' "$*" | sed 's/^/# /'
}

tap_result() { # STATUS TEXT
  tap_count=$((tap_count + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $tap_count - $2"
  else
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $2"
  fi
}

ok() { # TEXT COMMAND...
  local text=$1 output status
  shift
  output=$("$@" 2>&1)
  status=$?
  tap_result "$status" "$text"
  [ "$status" -eq 0 ] || diag "failed ($status): $*"$'\n'"$output"
  return "$status"
}

is() { # GOT WANT TEXT
  if [ "$1" = "$2" ]; then
    tap_result 0 "$3"
  else
    tap_result 1 "$3"
    diag "got:  $1"$'\n'"want: $2"
    return 1
  fi
}

skip() { # TEXT REASON
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

skip_each() { # REASON TEXT...
  local text
  for text in "${@:2}"; do
    skip "$text" "$1"
  done
}

skip_all() { # REASON
  echo "1..0 # SKIP $1"
  exit 0
}

finish() {
  [ -n "$tap_planned" ] || echo "1..$tap_count"
  if [ -n "$tap_planned" ] && [ "$tap_planned" -ne "$tap_count" ]; then
    diag "planned $tap_planned tests, ran $tap_count"
    exit 1
  fi
  [ "$tap_failed" -eq 0 ]
  exit
}

tmpdir() {
  tmp=$(mktemp -d "${TMPDIR:-/tmp}/proctrace-test.XXXXXX") || exit 1
  tap_dirs+=("$tmp")
}

spawn() { # COMMAND...
  "$@" &
  spawned=$!
  tap_pids+=("$spawned")
}

wait_for() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# Our own children only: an id that was waited for may be somebody else's now.
tap_ours() {
  jobs -p | grep -qx "$1"
}

# Ends one process: asks first, kills after three seconds.
reap() { # PID
  local try
  tap_ours "$1" || return 0
  kill "$1" 2>/dev/null
  for try in {1..30}; do
    kill -0 "$1" 2>/dev/null || break
    [ "$try" -lt 30 ] || kill -KILL "$1" 2>/dev/null
    sleep 0.1
  done
  wait "$1" 2>/dev/null
}

tap_cleanup() {
  local pid dir
  for pid in "${tap_pids[@]}"; do
    reap "$pid"
  done
  for dir in "${tap_dirs[@]}"; do
    rm -rf "$dir"
  done
}
trap tap_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
