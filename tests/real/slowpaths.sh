#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Processes of which something cannot be read at once: one that holds its mmap
# lock, one in the midst of execve(), one in uninterruptible sleep, frozen ones;
# and proc file systems that hide. Reads are on time, all else arrives, and what
# could not be read is counted, and never 0.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/real.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
# With the other source this is of processes alone: it is root's.
source=${PROCTRACE_SOURCE:-procfs}
planned=42
[ "$source" = procfs ] || planned=20
plan "$planned"

# --- processes ---

groups=()
# shellcheck disable=SC2317 # called by their kind
freeze_v1() { # PID
  local group=/sys/fs/cgroup/freezer/proctrace-test-$me
  mkdir "$group" 2>/dev/null && groups+=("$group") &&
    echo "$1" >"$group/cgroup.procs" && echo FROZEN >"$group/freezer.state" &&
    wait_for 5 grep -q FROZEN "$group/freezer.state"
}

# shellcheck disable=SC2317
freeze_v2() { # PID
  local mount group
  mount=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
  group=$mount/proctrace-test-$me
  [ -n "$mount" ] && mkdir "$group" 2>/dev/null && groups+=("$group") &&
    echo "$1" >"$group/cgroup.procs" && echo 1 >"$group/cgroup.freeze" &&
    wait_for 5 grep -q "frozen 1" "$group/cgroup.events"
}

thaw() {
  local group
  for group in "${groups[@]}"; do
    [ ! -e "$group/freezer.state" ] || echo THAWED >"$group/freezer.state"
    [ ! -e "$group/cgroup.freeze" ] || echo 0 >"$group/cgroup.freeze"
  done
}

# A group whose last process is ending is busy for a moment.
# shellcheck disable=SC2317 # the trap calls it
clean() {
  local group
  thaw
  tap_cleanup
  for group in "${groups[@]}"; do
    wait_for 5 rmdir "$group"
  done
}
trap clean EXIT

work idle 120 1 0 0 "easy$me"
easy=easy$me-${ready[3]}
# Of each kind its instance, or why there is none.
declare -A name why holder
for kind in mmaphold exechold vforked; do
  mkdir "$tmp/$kind"
  arguments=("$tmp/$kind")
  [ "$kind" != vforked ] || arguments=()
  if work "$kind" 120 "${arguments[@]}"; then
    name[$kind]=$kind$me-${ready[1]} holder[$kind]=$worker
  else
    why[$kind]="${ready[*]:1}"
  fi
done
for kind in v1 v2; do
  work idle 120 1 2 3 "frozen$kind$me"
  if "freeze_$kind" "${ready[3]}"; then
    name[frozen$kind]=frozen$kind$me-${ready[3]}
  else
    why[frozen$kind]="no control group of $kind can be frozen here"
  fi
done

# As ok and is, of a kind that this machine may not have.
ok_of() { # KIND TEXT COMMAND...
  if [ -n "${name[$1]-}" ]; then
    ok "${@:2}"
  else
    skip "$2" "${why[$1]}"
  fi
}

is_of() { # KIND GOT WANT TEXT
  if [ -n "${name[$1]-}" ]; then
    is "${@:2}"
  else
    skip "$4" "${why[$1]}"
  fi
}

# shellcheck disable=SC2317 # called by ok
has() { # KIND SERIES...
  local kind=$1 series
  shift
  for series in "$@"; do
    values "$at" "${name[$kind]}" | grep -q "^$series" || return
  done
}

# shellcheck disable=SC2317 # called by ok
lacks() { # KIND SERIES...
  local kind=$1 series
  shift
  for series in "$@"; do
    ! has "$kind" "$series" || return
  done
}

# shellcheck disable=SC2317 # called by wait_for
back() { # KIND SERIES...
  at=$(next_read)
  has "$@"
}

# What is read of a process that holds nobody up, be it asleep for good.
all_of() { # KIND TEXT
  local want=
  [ -z "${name[$1]-}" ] ||
    want=$(proc_values "${name[$1]#*-}" | grep -v '^io_\|^disk')
  is_of "$1" "$(matching "$(values "$at" "${name[$1]-}")" "$want")" "$want" \
    "$2: all values are those of /proc"
  # PSS is left out where the machine itself is late with it.
  ok_of "$1" "$2: I/O, wait channels and PSS are there" \
    wait_for 15 back "$1" io_octets bytes-pss threads-wchan
}

collectd_start <<EOF
$(printf '  Process "%s%s"\n' easy "$me" mmaphold "$me" exechold "$me" vforked \
  "$me" frozenv1 "$me" frozenv2 "$me")
  ProcessMatch "matched" "easy$me"
  <Select "executable">
    Executable "$(readlink -f tests/work/idle)"
  </Select>
  Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "wchan" "pss"
  PssInterval 1
  PssBudget 100
  Notify "blocked"
EOF
name[easy]=$easy
wait_for 30 back easy bytes-pss threads-wchan io_octets
ok "another process is told, with what may have to wait" \
  has easy ps_count io_octets bytes-pss threads-wchan
all_of vforked "in uninterruptible sleep (vfork)"
is_of vforked "$(value "$at" "${name[vforked]-}" ps_state-blocked)" 1 \
  "in uninterruptible sleep: its state says so"
all_of frozenv1 "frozen (v1)"
all_of frozenv2 "frozen (v2)"
is_of mmaphold "$(value "$at" "${name[mmaphold]-}" ps_count 2)" 2 \
  "holds its mmap lock: what needs no lock arrives"
ok_of mmaphold "holds its mmap lock: PSS does not" lacks mmaphold bytes-pss
# The iterator takes no lock, and tells of it what it can.
waits=(bytes-pss bytes-uss threads-wchan)
[ "$source" != procfs ] || waits+=(io_octets)
ok_of exechold "in execve(): what has to wait is not there, and not 0" \
  lacks exechold "${waits[@]}"

if [ -n "${name[mmaphold]-}${name[exechold]-}" ]; then
  stuck=$(value "$at" self operations-dropped_stuck)
  ok "self counts what got stuck" within "$stuck" 1 1e9
  at=$(next_read)
  ok "in each interval" within "$(value "$at" self operations-dropped_stuck)" \
    $((stuck + 1)) 1e9
  is "$(logged 'warning.*self/operations-dropped_stuck' | wc -l)" 1 \
    "and one line says so"
else
  skip_each "nothing is stuck" "self counts what got stuck" \
    "in each interval" "and one line says so"
fi

# They are let go.
thaw
for kind in mmaphold exechold; do
  [ -z "${name[$kind]-}" ] || kill -USR1 "${holder[$kind]}"
done
ok_of mmaphold "its mmap lock is free: PSS is there" \
  wait_for 15 back mmaphold bytes-pss
ok_of exechold "execve() is over: all is there" \
  wait_for 15 back exechold ps_count io_octets bytes-pss threads-wchan
ok "all of these: reads are on time" reads_are_on_time
ok "one a second" a_read_a_second
begin=$SECONDS
collectd_stop
is "$stopped" 0 "collectd ends well"
ok "at once" within $((SECONDS - begin)) 0 20

[ "$source" = procfs ] || finish

# --- proc file systems that hide ---

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
as_user=("${nobody[@]}")
work idle 120 1 0 0 "nobody$me"
name[own]=nobody$me-${ready[3]}
chown 65534 "$tmp"

# A collectd of nobody's for whom /proc is mounted so, and a read of it; false
# where the kernel does not know the option.
hiding() { # OPTIONS
  rm -rf "$tmp/csv" "$tmp/log"
  unshare --mount mount -t proc -o "$1" proc /proc 2>/dev/null || return
  # shellcheck disable=SC2016 # for the inner shell
  as_user=(unshare --mount sh -c
    'mount -t proc -o "$0" proc /proc && exec "$@"' "$1" "${nobody[@]}")
  collectd_start <<-EOF
	Process "nobody$me"
	Process "easy$me"
	Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "wchan"
	EOF
  at=$(next_read)
}

hides() { # OPTIONS LEAST MOST: closed processes that self counts
  local texts=("one's own processes are told, with all that they have"
    "those of others are not" "self counts those that are seen and closed"
    "the host's values are there" "and one line says what is closed"
    "reads are on time")
  if ! hiding "$1"; then
    skip_each "this kernel does not know $1" "${texts[@]/#/$1: }"
    return
  fi
  ok "$1: ${texts[0]}" has own ps_count io_octets threads-wchan
  is "$(values "$at" "$easy")" "" "$1: ${texts[1]}"
  ok "$1: ${texts[2]}" within \
    "$(value "$at" self count-unreadable_processes)" "$2" "$3"
  name[host]=host
  ok "$1: ${texts[3]}" has host load memory-available
  is "$(complaints | wc -l)" "$(($2 > 0))" "$1: ${texts[4]}"
  ok "$1: ${texts[5]}" reads_are_on_time
  reap "$collectd"
}

hides hidepid=1 1 1e6
hides hidepid=2 0 0
hides hidepid=ptraceable 0 0

texts=("processes are told" "of the host nothing is, and not 0"
  "no line but of others' I/O and wait channels"
  "reads are on time")
if hiding subset=pid; then
  is "$(value "$at" "${name[own]}" ps_count) $(value "$at" "$easy" ps_count)" \
    "1 1" "subset=pid: ${texts[0]}"
  is "$(values "$at" host)" "" "subset=pid: ${texts[1]}"
  is "$(complaints | grep -v 'CAP_SYS_PTRACE')" "" "subset=pid: ${texts[2]}"
  ok "subset=pid: ${texts[3]}" reads_are_on_time
  reap "$collectd"
else
  skip_each "this kernel does not know subset=pid" "${texts[@]/#/subset=pid: }"
fi
finish
