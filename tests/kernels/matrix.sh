#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The suites and a real collectd on other kernels of Debian, emulated, and on
# the running one. `make check-kernels` names the programs in KERNEL_UNIT,
# KERNEL_PLUGIN and KERNEL_BPF, and gets a table for the documents in
# kernels.md. KERNELS names others than all.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

kernels=${KERNELS:-5.10 6.1 6.12 7.2}
here=$(dirname "$0")
collectd=tests/kernels/collectd.sh
# shellcheck disable=SC2206 # words
programs=(${KERNEL_UNIT-} ${KERNEL_PLUGIN-} ${KERNEL_BPF-} "$collectd")
tmpdir
# All of a kernel: emulation is ten to twenty times slower.
export VM_TIMEOUT=${VM_TIMEOUT:-2400}

lacks() {
  local item
  for item in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static \
    cpio:cpio modprobe:kmod xz:xz-utils zstd:zstd apt-get:apt; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${item%%:*}" >/dev/null || {
      echo "${item#*:} is not installed"
      return
    }
  done
  [ "$(uname -m)" = x86_64 ] || echo "no x86-64"
}

run_here() {
  bash "$here/guest.sh" "${programs[@]}" >"$tmp/here" 2>"$tmp/here.said"
}

# shellcheck disable=SC2317 # called by spawn
run_under() { # KERNEL
  GUEST_DISK=/dev/vda bash "$here/vm" "$1" -- bash "$here/guest.sh" "${programs[@]}" \
    >"$tmp/$1" 2>"$tmp/$1.said"
}

# Emulated machines have one CPU each.
run_all() {
  local kernel
  for kernel in $kernels; do
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do
      wait -n
    done
    spawn run_under "$kernel"
  done
  wait
}

judge() { # NAME: of its file
  local program passed failed skipped status said=$tmp/$1
  ok "$1: all programs have run" grep -qx end "$said" ||
    diag "$(tail -n 20 "$said.said")"
  while read -r _ program passed failed skipped status; do
    # Nothing passed and nothing was skipped: it ended early.
    ok "$1: $program: $passed passed, $failed failed, $skipped skipped" \
      test "$status" -eq 0 -a "$failed" -eq 0 -a \
      $((passed + skipped)) -gt 0 ||
      diag "$(grep -F "failed $program " "$said")"
  done < <(grep '^result ' "$said")
}

# "12 of 12" passed, and how many were skipped, of these programs.
sum() { # NAME PROGRAM...
  local name=$1
  shift
  printf '%s\n' "$@" | awk '
    NR == FNR {wanted[$1]; next}
    $1 == "result" && $2 in wanted {
      passed += $3; failed += $4 + ($4 == 0 && $6 != 0); skipped += $5
    }
    END {
      printf "%d of %d", passed, passed + failed
      if (skipped) printf ", %d skipped", skipped
    }' - "$tmp/$name"
}

probe() { # NAME PROBE
  sed -n "s/^found probe $2 //p" "$tmp/$1" | cut -c 1-60
}

table() { # NAME...
  local name row
  echo "| kernel | source | syscall | runqueue | blockio | tcpconnect | mmap |" \
    "unit | plugin | BPF oracles | collectd |"
  echo "|---|---|---|---|---|---|---|---|---|---|---|"
  for name; do
    grep -qx end "$tmp/$name" || continue
    row="| $(sed -n 's/^kernel //p' "$tmp/$name")"
    row+=" | $(sed -n 's/^found source //p' "$tmp/$name" |
      sed 's/ (.*: \(.*\))/: \1/')"
    for what in syscall runqueue blockio tcpconnect mmap; do
      row+=" | $(probe "$name" "$what")"
    done
    # shellcheck disable=SC2086 # words
    {
      row+=" | $(sum "$name" ${KERNEL_UNIT-})"
      row+=" | $(sum "$name" ${KERNEL_PLUGIN-})"
      row+=" | $(sum "$name" ${KERNEL_BPF-})"
    }
    echo "$row | $(sum "$name" "$collectd") |"
  done
}

why=$(lacks)
run_here
judge here
if [ -z "$why" ]; then
  run_all
  for kernel in $kernels; do
    judge "$kernel"
  done
else
  for kernel in $kernels; do
    skip "$kernel" "$why"
  done
fi
# shellcheck disable=SC2086 # words
table $kernels here >kernels.md
finish
