#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Static analysis that takes minutes, of the plugin's sources; `make analyze`
# calls it. What is left out of clang-tidy's checks stands in .clang-tidy with its
# reason; what is left out in one place, there.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
top=$(cd "$(dirname "$0")/.." && pwd)
: "${ANALYZED:?call 'make analyze'}"

mapfile -t files < <(tr -s ' \t' '\n' <<<"$ANALYZED" | grep '\.c$' | sort -u |
  sed "s,^,$top/,")
read -ra flags <<<"-std=c11 -D_GNU_SOURCE -DHAVE_CONFIG_H=1 -I. -I$top/plugin \
  ${ANALYZE_FLAGS:-}"
flags+=('-DPROCTRACE_VERSION="0"' '-DPROCTRACE_BPF_MODULE="/"')

# -Wno-analyzer-malloc-leak: gcc 12 loses sight of what is kept in a structure
# of the caller, and names it all; valgrind and LeakSanitizer see leaks.
# shellcheck disable=SC2317 # called by with
gcc_analyzer() {
  local file status=0
  for file in "${files[@]}"; do
    nice -n 19 gcc "${flags[@]}" -O1 -fanalyzer -Wno-analyzer-malloc-leak \
      -Werror -c "$file" -o /dev/null || status=1
  done
  return "$status"
}

# Findings in our own files: bpftool wrote the skeleton.
# shellcheck disable=SC2317 # called by with
clang_tidy() {
  local all
  all=$(nice -n 19 clang-tidy --quiet "--config-file=$top/.clang-tidy" \
    "${files[@]}" -- "${flags[@]}" 2>/dev/null)
  if grep -qE "^($top/[^:]*:[0-9:]* (warning|error)|error): " <<<"$all"; then
    echo "$all"
    return 1
  fi
}

with() { # COMMAND TEXT FUNCTION
  if command -v "$1" >/dev/null; then
    ok "$2: ${#files[@]} files" "$3"
  else
    skip "$2" "there is no $1"
  fi
}

plan 2
with gcc "gcc -fanalyzer" gcc_analyzer
with clang-tidy "clang-tidy, with what scan-build runs" clang_tidy
finish
