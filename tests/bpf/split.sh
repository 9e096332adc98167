#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The split mode: root loads and pins, a collectd without any privilege reads.

# The loads of this test are seen by nobody else: a file system of their own.
if [ "$(id -u)" = 0 ] && [ -z "${SPLIT_MOUNTED-}" ]; then
  exec env SPLIT_MOUNTED=1 unshare --mount bash "$0"
fi

PROCTRACE_SOURCE=auto
# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
mkdir "$tmp/bpf"
mount -t bpf -o mode=0755 bpf "$tmp/bpf" 2>/dev/null ||
  skip_all "a BPF file system cannot be mounted"
PATH=$PATH:/usr/sbin:/sbin
pins=$tmp/bpf/proctrace
loader=$PWD/proctrace-bpf
# Any group that is not root's, by name; nobody is in it but our collectd.
group=$(getent group | awk -F: '$3 > 0 && $3 < 1000 && $4 == "" {print $1; exit}')
gid=$(getent group "$group" | cut -d: -f3)
plan 61
# What a BPF file system has of its own cannot be removed with the directory.
trap 'umount -l "$tmp/bpf"; tap_cleanup' EXIT

load() {
  "$loader" load --pin "$pins" --group "$group" 2>"$tmp/said"
}

entries() { # MODE: the names below the current load that have it
  find "$pins/current/" -mindepth 1 -perm "$1" -printf '%f\n' | sort
}

# --- the loader alone ---

"$loader" load --probes nonsense 2>"$tmp/said"
is "$?" 2 "wrong usage is status 2"
ok "and says what there is" grep -q "nonsense: there are syscall" "$tmp/said"
"$loader" load --pin "$pins" --group no-such-group 2>"$tmp/said"
is "$?" 1 "a group that is not there is status 1"
ok "with the remedy" grep -q "groupadd --system" "$tmp/said"
"$loader" load --pin "$tmp/elsewhere" --group "$group" 2>"$tmp/said"
is "$?" 1 "a directory on another file system is refused"
ok "with the remedy" grep -q "mount -t bpf" "$tmp/said"
ok "and not left behind" test ! -e "$tmp/elsewhere"
"$loader" status --pin "$pins" 2>"$tmp/said"
is "$?" 1 "status of nothing is status 1"

mkdir "$pins"
chown 12345 "$pins"
ok "a directory of somebody else is refused" eval "! load"
ok "with its owner" grep -q "belongs to user 12345" "$tmp/said"
chown 0 "$pins"
chmod 777 "$pins"
ok "one that all can write to is refused" eval "! load"
rmdir "$pins"

ok "load" load
is "$(cat "$tmp/said")" "" "without a word"
is "$(stat -c '%a %u %G' "$pins")" "750 0 $group" "the directory is the group's"
is "$(entries -o=r)$(entries -o=w)" "" "nobody else may do anything"
is "$(entries -g=w | tr '\n' ' ')" "epoch watch " \
  "the group may write whom to watch, and nothing else"
is "$(entries -g=r | grep -c '^link-')" 0 "and may not take links"
ok "status" "$loader" status --pin "$pins"
ok "status as JSON" eval "'$loader' status --pin '$pins' --json |
  grep -q '\"name\": \"runqueue\", \"attached\": true'"
ok "a second load" load
is "$(find "$pins" -mindepth 1 -maxdepth 1 -name 'load-*' | wc -l)" 1 \
  "leaves nothing of the first"
ok "unload" "$loader" unload --pin "$pins"
ok "leaves nothing at all" test ! -e "$pins"
ok "unload again is no error" "$loader" unload --pin "$pins"

ok "a group may be a number" "$loader" load --pin "$pins" --group "$gid"
is "$(stat -c '%G' "$pins")" "$group" "as it is in a container"

# The kernel refuses one program: which system call that is, a load tells. libbpf
# asks twice, for the verifier's log.
if command -v strace >/dev/null; then
  strace -v -o "$tmp/calls" -e trace=bpf "$loader" load --pin "$pins" \
    --group "$group" 2>/dev/null
  nth=$(awk '/PROG_LOAD.*"block_rq_comple/ {print NR; exit}' "$tmp/calls")
  strace -o /dev/null -e trace=bpf \
    -e "inject=bpf:error=EACCES:when=$nth..$((nth + 1))" "$loader" load \
    --pin "$pins" --group "$group" 2>"$tmp/said"
  is "$?" 3 "a load without a probe that is refused is status 3"
  ok "which it names" grep -q "the probe blockio does not run" "$tmp/said"
  is "$("$loader" status --pin "$pins" | grep -c '^probe.*attached')" 4 \
    "the others are attached"
else
  for what in "status 3" "which it names" "the others are attached"; do
    skip "a probe is refused: $what" "strace is not installed"
  done
fi
"$loader" unload --pin "$pins"

# A load that fails on its way: no room for one more directory's entries.
mkdir -m 700 "$pins"
mkdir "$pins/current"
ok "a load that cannot be switched to fails" eval "! load"
is "$(find "$pins" -mindepth 1 -name 'load-*')" "" "and leaves nothing behind"
rmdir "$pins/current" "$pins"

# --- collectd without privilege ---

chmod 777 "$tmp"
as_user=(setpriv --reuid 12345 --regid "$gid" --clear-groups
  --bounding-set=-all --no-new-privs)
# Of root: another user's.
coproc probe {
  exec "$(program probe)" 600 calls threads 1 39:1000
}
# shellcheck disable=SC2154 # the shell's
work_pid=$probe_PID
tap_pids+=("$work_pid")
read -r -t 30 -u "${probe[0]}" said || diag "no workload: ${said-}"

counts_calls() { # TEXT: of a round of the workload, which says how many it made
  local at before
  at=$(next_read)
  before=$(value "$at" "$of_work" operations-syscalls)
  echo >&"${probe[1]}"
  read -r -t 60 -u "${probe[0]}" said
  at=$(next_read)
  is "$(($(value "$at" "$of_work" operations-syscalls) - before))" \
    "$(echo "$said" | cut -d' ' -f2)" "$1"
}

load || diag "$(cat "$tmp/said")"
collectd_start <<-EOF
	PinPath "$pins"
	Process "probe$me"
	Probe "syscall"
	Probe "blockio"
EOF
of_work=probe$me-$work_pid
at=$(next_read)
is "$(value "$at" self gauge-source_bpf)" 1 "values come from the pins"
counts_calls "the calls of a process of root are counted"
at=$(next_read)
ok "with their latency" test -n "$(column "$of_work" latency-syscall-p99)"
ok "block I/O of the host is told" test -n \
  "$(value "$at" host operations-blockio_read)"
is "$(value "$at" "$of_work" derive-wait_sum_ns | wc -l)" 1 \
  "and all else that only the iterator tells"
is "$(column "$of_work" operations-runqueue)" "" \
  "but not of a probe that is loaded and not named"
is "$(complaints)" "" "without a complaint"
ok "status names the reader" eval "'$loader' status --pin '$pins' |
  grep -q 'reader  *process $collectd\$'"

# Who is in the group says whom to watch, and no more.
# shellcheck disable=SC2317 # called by eval
member() {
  "${as_user[@]}" env PATH="$PATH:/usr/sbin:/sbin" "$@"
}
number="0 0 0 0 0 0 0 0"
# shellcheck disable=SC2086 # words
{
  ok "the group can write whom to watch" member bpftool map update \
    pinned "$pins/current/watch" key 1 0 0 0 value $number $number
  ok "and not a counter" eval "! member bpftool map update \
    pinned '$pins/current/losses' key 0 0 0 0 value $number"
}
ok "nor remove a pin" eval "! member rm -f '$pins/current/losses'"

# A second reader is told who has it. The first one goes on, in its own files.
second_reader() {
  local first=$collectd tmp=$tmp/second
  local csv=$tmp/csv/test
  mkdir -m 777 "$tmp"
  ln -s ../plugins "$tmp/plugins"
  collectd_start <<<"PinPath \"$pins\""
  ok "a second reader is told who reads" logged "process $first reads it"
  is "$(value "$(next_read)" self gauge-source_procfs)" 1 \
    "and goes on with procfs"
  reap "$collectd"
  collectd=$first
}
second_reader

# Other pins, none, and pins again.
load
wait_for 10 logged "others now, and used"
counts_calls "after another load the calls go on being counted"
# Both between two reads: the next load has the name of the last one.
before=$(logged "others now, and used" | wc -l)
kill -STOP "$collectd"
"$loader" unload --pin "$pins"
load
kill -CONT "$collectd"
# shellcheck disable=SC2317 # called by wait_for
used_again() {
  [ "$(logged "others now, and used" | wc -l)" -gt "$before" ]
}
ok "one of the same name is noticed" wait_for 10 used_again
counts_calls "and the calls are counted"
"$loader" unload --pin "$pins"
wait_for 10 logged "pins are gone"
is "$(value "$(next_read)" self gauge-source_procfs)" 1 \
  "without pins values come from procfs"
load
wait_for 10 logged "are back, and used"
at=$(next_read)
is "$(value "$at" self gauge-source_bpf)" 1 "and from pins when they are back"
counts_calls "the calls are counted again"
for series in operations-syscalls ps_cputime derive-wait_sum_ns \
  contextswitch-voluntary; do
  ok "$series has never fallen" never_falls "$of_work" "$series"
done

# A new reader forgets what others watched, be it nonsense.
reap "$collectd"
rm -rf "$csv" "$tmp/log"
# shellcheck disable=SC2317 # called by ok
watched() {
  bpftool map lookup pinned "$pins/current/watch" key 1 0 0 0
}
# shellcheck disable=SC2086 # words
bpftool map update pinned "$pins/current/watch" key 1 0 0 0 value $number $number
ok "what a reader watched stays when it ends" watched
collectd_start <<<"PinPath \"$pins\""
next_read >"$tmp/at"
ok "a new one clears it" eval "! watched"
is "$(own gauge-probe_syscall) $(own gauge-probe_mmap)" "1 1" \
  "without a line of a probe it has all that are loaded"

# Pins of another version: here with a layout of another size.
reap "$collectd"
rm -rf "$csv" "$tmp/log"
layout=$pins/current/layout
rm "$layout"
bpftool map create "$layout" type array key 4 value 8 entries 1 name layout
chgrp "$group" "$layout"
chmod 440 "$layout"
collectd_start <<<"PinPath \"$pins\""
ok "pins of another version are refused" logged "by another version of proctrace"
is "$(value "$(next_read)" self gauge-source_procfs)" 1 "and not misread"
reap "$collectd"

# One that is not in the group.
as_user=(setpriv --reuid 12345 --regid 12345 --clear-groups --bounding-set=-all)
rm -rf "$csv" "$tmp/log" "$tmp/pid"
load
collectd_start <<<"PinPath \"$pins\""
ok "who is not in the group is told so" logged "not open to this user"
ok "and can read none of it" eval "! ${as_user[*]} ls '$pins'"
finish
