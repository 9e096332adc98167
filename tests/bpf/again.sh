# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What holds of a real collectd with procfs holds with BPF too: run the test of
# this name there, with the other source.

if [ "$(id -u)" != 0 ] || [ ! -r /sys/kernel/btf/vmlinux ]; then
  echo "1..0 # SKIP needs root and a kernel with BTF"
  exit 0
fi
export PROCTRACE_SOURCE=bpf
exec bash "$(dirname "$0")/../real/$(basename "$0")"
