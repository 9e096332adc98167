#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What configure does where BPF cannot be built, or is not wanted.

PROCTRACE_SOURCE=bpf
# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"

top=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "$top/configure" ] || skip_all "there is no configure"
plan 9

setup() { # NAME ARGUMENT...
  mkdir -p "$tmp/$1"
  (cd "$tmp/$1" && shift && "$top/configure" "$@") >"$tmp/$1/said" 2>&1
}

summary() { # NAME: of the module
  sed -n 's/^ *proctrace_bpf.so *//p' "$tmp/$1/said"
}

setup auto CLANG=/nonexistent/clang
is "$?" 0 "no clang: configure goes on"
is "$(summary auto)" "no, install: clang" "and says what is missing"
! setup forced --with-bpf CLANG=/nonexistent/clang BPFTOOL=/nonexistent/bpftool
is "$?" 0 "--with-bpf without the tools: configure ends"
ok "with all that is missing" \
  grep -q "with-bpf, but there is no: clang bpftool" "$tmp/forced/said"

setup without --without-bpf
is "$(summary without)" "no, as you wish" "--without-bpf"
ok "builds" make -C "$tmp/without" all
is "$(find "$tmp/without" -name 'proctrace*.so' -printf '%f\n')" \
  "proctrace.so" "the plugin alone"
cp "$tmp/without/.libs/proctrace.so" "$tmp/plugins/"
collectd_start </dev/null && next_read >/dev/null
ok "Source \"bpf\" is an error" \
  logged '\[error\] proctrace: .*procfs and not from BPF: .*without BPF'
is "$(own gauge-source_procfs)" 1 "and values come from procfs"
finish
