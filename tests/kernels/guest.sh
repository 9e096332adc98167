#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs programs that print TAP, in the build directory, and says of each in a
# line for matrix.sh what became of it:
#
#   kernel RELEASE
#   result PROGRAM PASSED FAILED SKIPPED STATUS
#   failed PROGRAM TEXT
#   found WORDS             # what tests/kernels/collectd.sh found out
#   end
set -u

export CMOCKA_MESSAGE_OUTPUT=TAP
source=$(dirname "$0")/../..

# A disk that is empty, and ours.
if [ -n "${GUEST_DISK-}" ]; then
  mkfs.ext4 -q "$GUEST_DISK" && mount "$GUEST_DISK" /mnt &&
    export PROCTRACE_TEST_DISK=/mnt
fi

run() { # PROGRAM; the programs of shell lie in the source directory
  if [[ $1 == *.sh ]]; then
    timeout 600 bash "$source/$1"
  else
    timeout 600 bash "$source/tests/run-cmocka" "./$1"
  fi
}

echo "kernel $(uname -r)"
for program; do
  said=$(run "$program" 2>&1)
  status=$?
  awk -v program="$program" -v status="$status" '
    /^ok .*# *SKIP/ || /^1\.\.0 # SKIP/ {skipped++; next}
    /^ok / {passed++}
    /^not ok / {
      failed++
      sub("^not ok [0-9]* -? *", "")
      print "failed", program, $0
    }
    /^# found / {print substr($0, 3)}
    END {print "result", program, passed + 0, failed + 0, skipped + 0, status}
  ' <<<"$said"
done
echo end
