#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Whatever BPF lacks, collectd starts, one line says the reason, and the values
# come from procfs.

PROCTRACE_SOURCE=bpf
# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
plan 26
module=$PWD/.libs/proctrace_bpf.so

sources() { # that were used
  (cd "$csv/proctrace-self" && ls gauge-source_*) | sed 's/-[0-9-]*$//' | sort -u
}

# Runs collectd with that configuration until it has read.
run() { # CONFIGURATION
  rm -rf "$csv" "$tmp/log"
  collectd_start <<<"$1" && next_read >/dev/null
}

end() {
  reap "$collectd"
}

falls_back() { # TEXT PATTERN CONFIGURATION
  if ! run "$3"; then
    ok "$1: collectd runs" false
  else
    is "$(sources)" "gauge-source_procfs" "$1: values come from procfs"
  fi
  is "$(logged 'BPF|bpf' | wc -l)" 1 "$1: one line says so"
  ok "$1: with the reason" logged "\[error\] .*procfs and not from BPF: .*$2" ||
    diag "$(logged proctrace:)"
  end
}

# The real module, with another word of the same length in it: what it needs is
# not there.
altered() { # NAME WORD OTHER
  sed "s/$2/$3/g" "$module" >"$tmp/$1.so"
  echo "BpfModule \"$tmp/$1.so\""
}

falls_back "no module" "no module: .*none.so: .*No such file" \
  "BpfModule \"$tmp/none.so\""
falls_back "no libbpf" "libbpf\.so\.[a-z]: cannot open shared object" \
  "$(altered nolib 'libbpf\.so\.[0-9]' 'libbpf.so.x')"
falls_back "a libbpf without a function" "undefined symbol: bpf_iter_crumb_" \
  "$(altered old 'bpf_iter_create' 'bpf_iter_crumb_')"
falls_back "a module of another build" "another build" \
  "BpfModule \"$PWD/tests/bpf/.libs/stranger.so\""

as_user=(setpriv "--bounding-set=-bpf,-perfmon,-sys_admin")
falls_back "no capability" "CAP_BPF and CAP_PERFMON" ""

mkdir "$tmp/empty"
# shellcheck disable=SC2016 # for the inner shell
as_user=(unshare --mount sh -c
  'mount --bind "$0" /sys/kernel/btf && exec "$@"' "$tmp/empty")
if [ -r /sys/kernel/btf/vmlinux ]; then
  falls_back "no BTF" "has no BTF" ""
else
  for text in "values come from procfs" "one line says so" "with the reason"; do
    skip "no BTF: $text" "this kernel has none at all"
  done
fi

# A proc file system of the outer PID namespace.
as_user=(unshare --pid --fork --kill-child)
falls_back "a ProcRoot of another PID namespace" "PID namespace" ""

# From here on it has all that it needs.
if [ ! -r /sys/kernel/btf/vmlinux ]; then
  for text in "values come from BPF" "its own processes" "and only those" \
    "nothing is said" "by default too"; do
    skip "$text" "this kernel has no BTF"
  done
  finish
fi

as_user=(unshare --pid --fork --kill-child --mount-proc)
run 'ProcessMatch "all" "."'
is "$(sources)" "gauge-source_bpf" "in a PID namespace: values come from BPF"
is "$(instances 'all-[0-9]+')" all-1 "which has its own processes, and only those"
is "$(logged 'proctrace:')" "" "and nothing is said"
end

as_user=()
run 'Source "auto"'
is "$(sources)" "gauge-source_bpf" "auto prefers BPF"
run "Source \"auto\"
  BpfModule \"$tmp/none.so\""
ok "auto without BPF is no error" logged '\[info\] .*procfs and not from BPF' &&
  ! logged '\[(error|warning)\] proctrace'
end
finish
