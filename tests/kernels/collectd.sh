#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A real collectd with all probes on the running kernel: it starts, it reports a
# workload by the source that this kernel has, each probe that runs has its
# values and each that does not its line, block I/O says whether it is told of
# who submitted it, and collectd ends. What it found out stands in the lines
# "# found ...", for the table of kernels.

PROCTRACE_SOURCE=auto
# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"

probes=(syscall runqueue blockio tcpconnect mmap)
# One of the series that each of them has of every process.
series=(operations-syscalls operations-runqueue operations-blockio_read
  operations-tcpconnect operations-mmap)
interval=2
patience=60 # emulated

work idle 600 1 2 5 "idler$me" || diag "no workload"
pid=${ready[3]}
collectd_start <<EOF
  Process "idler$me"
$(printf '  Probe "%s"\n' "${probes[@]}")
EOF
for ((i = 0; i < 3; i++)); do
  at=$(next_read)
done

source=procfs
[ "$(value "$at" self gauge-source_bpf)" != 1 ] || source=bpf
reason=$(logged 'not from BPF' | head -n 1)
diag "found source $source${reason:+ ($reason)}"
ok "one source, and a line if it is procfs" \
  test "$source${reason:+ why}" != procfs
is "$(value "$at" "idler$me-$pid" ps_count 2) $(
  value "$at" "idler$me-$pid" file_handles)" \
  "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l) $(
    find "/proc/$pid/fd" -type l | wc -l)" \
  "a process at rest is reported as /proc has it"
exactly=$(value "$at" self gauge-blockio_submitter)
if [ -n "$exactly" ]; then
  # The tracepoint that runs where a request is made.
  is "$exactly" "$(grep -ac btf_trace_block_io_start /sys/kernel/btf/vmlinux)" \
    "block I/O is told exactly, or said to be approximate"
fi
for i in "${!probes[@]}"; do
  name=${probes[i]}
  if [ "$(value "$at" self "gauge-probe_$name")" = 1 ]; then
    about=
    [ "$name$exactly" != blockio0 ] || about=", approximately"
    diag "found probe $name attached$about"
    ok "$name runs, and has values" test -n \
      "$(value "$at" "idler$me-$pid" "${series[i]}")"
  else
    reason=$(logged "probe \"$name\" does not run" | sed 's/.*does not run: //')
    diag "found probe $name ${reason:-not}"
    ok "$name does not run, which a line says" test \
      "$source${reason:+ but for this}" != bpf
  fi
done
is "$(complaints | grep -vcE 'not from BPF|does not run|none runs')" 0 \
  "no other complaint"
collectd_stop
is "$stopped" 0 "collectd ends by itself"
finish
