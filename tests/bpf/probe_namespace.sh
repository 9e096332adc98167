#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The same in a PID namespace, where the plugin and those it watches have other
# ids than the kernel's.

if [ "$(id -u)" != 0 ] || ! unshare --pid --fork --mount-proc true; then
  echo "1..0 # SKIP needs root and PID namespaces"
  exit 0
fi
exec bash "$(dirname "$0")/../run-cmocka" \
  unshare --pid --fork --kill-child --mount-proc tests/bpf/test_probe_lives
