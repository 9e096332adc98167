#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fuzzes each target for FUZZ_SECONDS, two at a time, at the lowest priority;
# `make fuzz` calls it. What libFuzzer learns is kept in fuzz/corpus of the build
# directory, where the next run goes on; what it finds in fuzz/found.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
sources=$(cd "$(dirname "$0")" && pwd)
: "${FUZZ_SECONDS:=60}" "${FUZZ_CC:=clang}"
: "${FUZZ_TARGETS:=names options plugin records results stat status text}"

can_fuzz() {
  echo '#include <stddef.h>
    int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
    int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
      return data == NULL && size > 0;
    }' >"$tmp/empty.c"
  "$FUZZ_CC" -fsanitize=fuzzer,address,undefined -o "$tmp/empty" \
    "$tmp/empty.c" >/dev/null 2>&1
}

# A link by each target's name, and the corpus of the sources as files.
prepare() { # TARGET
  rm -rf "fuzz/seeds/$1"
  mkdir -p "fuzz/seeds/$1" "fuzz/corpus/$1" fuzz/found fuzz/run &&
    ln -sf ../tests/fuzz/fuzzer "fuzz/run/$1" &&
    fuzz/tests/fuzz/replay -x "fuzz/seeds/$1" "$sources/$1.corpus"
}

# shellcheck disable=SC2317 # called by spawn
fuzz() { # TARGET
  local words=()
  [ ! -e "$sources/$1.dict" ] || words=("-dict=$sources/$1.dict")
  exec >"fuzz/run/$1.log" 2>&1 </dev/null
  UBSAN_OPTIONS=print_stacktrace=1 exec nice -n 19 "fuzz/run/$1" \
    "-max_total_time=$FUZZ_SECONDS" -max_len=4096 -timeout=120 \
    -report_slow_units=60 -rss_limit_mb=2560 \
    -artifact_prefix="$PWD/fuzz/found/$1-" "${words[@]}" \
    "fuzz/corpus/$1" "fuzz/seeds/$1"
}

# "#4711 DONE cov: 115 ft: 305 corp: 103/4436b ...": executions, edges of the code
# that were reached, inputs that reach them.
numbers() { # TARGET
  awk '$2 == "DONE" { sub("#", "", $1); sub("/.*", "", $8)
                      print $1, $4, $8 }' "fuzz/run/$1.log"
}

# The line that puts what was found into the corpus: there `make check` runs it.
explain() { # TARGET
  local found
  found=$(sed -n 's/.*Test unit written to //p' "fuzz/run/$1.log")
  diag "$(grep -vE '^(#[0-9]|INFO|[[:space:]]*NEW_FUNC)' "fuzz/run/$1.log" |
    head -n 60)"
  [ -n "$found" ] || return
  diag "the input: $found"
  diag "a line for tests/fuzz/$1.corpus:"
  diag "$(fuzz/tests/fuzz/replay -e "$found")"
}

report() { # TARGET PROCESS
  local status executions edges inputs
  wait "$2"
  status=$?
  read -r executions edges inputs < <(numbers "$1")
  tap_result "$status" \
    "$1: ${executions:--} executions, ${edges:--} edges, ${inputs:--} inputs"
  rows+=("| $1 | ${executions:--} | ${edges:--} | ${inputs:--} |")
  [ "$status" -eq 0 ] || explain "$1"
}

# As docs/reliability.md has it.
table() {
  printf '%s\n' "| target | executions in $FUZZ_SECONDS s | edges | inputs |" \
    "|---|--:|--:|--:|" "${rows[@]}"
}

tmpdir
can_fuzz ||
  skip_all "$FUZZ_CC has no libFuzzer (Debian: clang and libclang-rt-14-dev)"
rows=()
read -ra targets <<<"$FUZZ_TARGETS"
plan $((1 + ${#targets[@]}))
ok "building with $FUZZ_CC and sanitizers" make fuzzer FUZZ_CC="$FUZZ_CC" ||
  exit 1
for ((i = 0; i < ${#targets[@]}; i += 2)); do
  two=("${targets[@]:i:2}")
  processes=()
  for target in "${two[@]}"; do
    prepare "$target" || exit 1
    spawn fuzz "$target"
    processes+=("$spawned")
  done
  for n in "${!two[@]}"; do
    report "${two[n]}" "${processes[n]}"
  done
done
diag "$(table)"
finish
