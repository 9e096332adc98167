# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The BPF objects that a process holds, and which of them are left after it. Ids
# are given out in turn: one that is gone is not soon another object's, whatever
# other programs load meanwhile.
#
#   objects_can_be_seen         # by bpftool, which may not fit the kernel
#   objects=$(objects_of PID)   # "prog 12" lines
#   objects_left "$objects"     # those that exist; waits a moment for none

PATH=$PATH:/usr/sbin:/sbin

objects_of() { # PID
  cat "/proc/$1/fdinfo"/* 2>/dev/null |
    sed -nE 's/^(prog|map|link)_id:[[:space:]]*/\1 /p' | sort -u
}

objects_can_be_seen() {
  bpftool -j prog show >/dev/null 2>&1
}

objects_now() {
  local kind
  for kind in prog map link; do
    bpftool -j "$kind" show | jq -r --arg kind "$kind" \
      '.[] | "\($kind) \(.id)"'
  done
}

objects_left() { # OBJECTS
  local left try
  for try in {1..20}; do # the kernel frees them a moment later
    left=$(comm -12 <(sort <<<"$1") <(objects_now | sort))
    [ -n "$left" ] || return 0
    [ "$try" = 20 ] || sleep 0.25
  done
  echo "$left"
}
