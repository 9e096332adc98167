#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs programs that print TAP, in the build directory, and says of each in a
# line for matrix.sh what became of it:
#
#   kernel RELEASE
#   without OPTION...       # of the kernel's; "?" if nobody knows
#   found WORDS             # what tests/kernels/collectd.sh found out
#   result PROGRAM PASSED FAILED SKIPPED SHORT STATUS SECONDS
#                           # SHORT of them passed although the kernel left out
#                           # runs of BPF programs
#   again PROGRAM TEXT      # failed, and is run once more
#   failed PROGRAM TEXT
#   skipped PROGRAM TEXT
#   said PROGRAM TEXT       # all lines of one that failed
#   end
#
# GUEST_DISK is an empty disk to use, GUEST_HIDES a directory that is to be empty.
set -u

export CMOCKA_MESSAGE_OUTPUT=TAP
source=$(dirname "$0")/../..
options=(KPROBES DEBUG_INFO_BTF SCHED_INFO TASK_IO_ACCOUNTING PSI)

if [ -n "${GUEST_DISK-}" ]; then
  mkfs.ext4 -q "$GUEST_DISK" && mount "$GUEST_DISK" /mnt &&
    export PROCTRACE_TEST_DISK=/mnt
fi
[ -z "${GUEST_HIDES-}" ] || mount -t tmpfs tmpfs "$GUEST_HIDES"

config() {
  zcat /proc/config.gz 2>/dev/null || cat "/boot/config-$(uname -r)" 2>/dev/null
}

missing_options() {
  local option config
  config=$(config) || {
    echo "?"
    return
  }
  for option in "${options[@]}"; do
    grep -q "^CONFIG_$option=[ym]" <<<"$config" || echo "$option"
  done
}

run() { # PROGRAM; those of shell lie in the source directory
  if [[ $1 == *.sh ]]; then
    timeout 600 bash "$source/$1"
  else
    timeout 600 bash "$source/tests/run-cmocka" "./$1"
  fi
}

echo "kernel $(uname -r)"
# shellcheck disable=SC2046 # one line
echo without $(missing_options)
for program; do
  began=$SECONDS
  said=$(run "$program" 2>&1)
  status=$?
  # What else the host does can spoil a time that an emulated machine takes.
  if [ "$status" -ne 0 ] && [ -n "${PROCTRACE_TEST_EMULATED-}" ]; then
    sed -n "s,^not ok [0-9]* *-* *,again $program ,p" <<<"$said"
    said=$(run "$program" 2>&1)
    status=$?
  fi
  awk -v program="$program" -v status="$status" \
    -v seconds=$((SECONDS - began)) '
    {line[NR] = $0}
    /^# found / {print substr($0, 3)}
    /^# .* the kernel (has )?left out [1-9]/ {is_short = 1}
    /^(ok|not ok|1\.\.0) / {
      what = $0
      sub("^(not ok|ok|1\\.\\.0) *[0-9]* *-* *", "", what)
    }
    /^ok .*# *SKIP/ || /^1\.\.0 # SKIP/ {
      skipped++
      print "skipped", program, what
      next
    }
    /^ok / {
      passed++
      short += is_short
      is_short = 0
    }
    /^not ok / {
      failed++
      is_short = 0
      print "failed", program, what
    }
    END {
      for (i = 1; i <= NR && (failed || status); i++)
        print "said", program, line[i]
      print "result", program, passed + 0, failed + 0, skipped + 0, short + 0,
        status, seconds
    }
  ' <<<"$said"
done
echo end
