#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# collectd without any privilege: what it can read is sent, what it cannot is
# not, and is said once.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root, to become somebody else"
command -v setpriv >/dev/null || skip_all "setpriv (util-linux) is missing"
plan 13

work idle 120 1 2 5 "rooty$me"
root=${ready[3]}
as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
work idle 120 1 2 5 "nobody$me"
own=${ready[3]}
chown 65534 "$tmp"
collectd_start <<EOF
  Process "rooty$me"
  Process "nobody$me"
  <Select "nothing$me">
    Executable "$tmp/nothing"
  </Select>
  Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "wchan"
EOF
sleep 3
at=$(next_read)

want=$(proc_values "$root" | grep -vE '^(io_|disk_|file_handles)')
is "$(matching "$(values "$at" "rooty$me-$root")" "$want")" "$want" \
  "another user's process: all that everybody may read"
is "$(values "$at" "rooty$me-$root" | grep -E '^(io_|disk_|threads-wchan)')" "" \
  "another user's process: no I/O and no wait channels"
if [ "$(stat -c %s "/proc/$root/fd")" -gt 0 ]; then
  is "$(value "$at" "rooty$me-$root" file_handles)" \
    "$(find "/proc/$root/fd" -type l | wc -l)" \
    "another user's process: open files, by the directory's size"
else
  skip "another user's process: open files" "this kernel is older than 6.2"
fi
want=$(proc_values "$own")
is "$(matching "$(values "$at" "nobody$me-$own")" "$want")" "$want" \
  "its own user's process: everything"

is "$(logged 'I/O counters.*CAP_SYS_PTRACE' | wc -l)" 1 \
  "said once for I/O, with the capability"
is "$(logged 'wait channel.*CAP_SYS_PTRACE' | wc -l)" 1 \
  "said once for wait channels, with the capability"
is "$(logged 'executable.*CAP_SYS_PTRACE' | wc -l)" 1 \
  "said once for executables, with the capability"
ok "few lines in the log" within "$(complaints | wc -l)" 0 5
is "$(value "$at" self count-unreadable_io)" 1 "self counts it: I/O"
is "$(value "$at" self count-unreadable_wchan)" 3 "self counts it: wchan"
# The first read looks at all of them.
ok "self counts it: executables" within \
  "$(column self count-unreadable_executable | head -n 1)" 1 1e6

ok "reads go on" reads_since "$at" 1
collectd_stop
is "$stopped" 0 "collectd ends well"
finish
