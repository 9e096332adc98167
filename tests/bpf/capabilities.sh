#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Which capability buys which values: collectd as an ordinary user with each set,
# and what it tells of a process of root. The table that comes out is the one in
# docs/capabilities.md.

PROCTRACE_SOURCE=auto
# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
document=$(dirname "$0")/../../docs/capabilities.md

# Columns of the table, and a series that stands for each.
columns=(state cpu memory contextswitch sched io files wchan probes)
declare -A series=(
  [state]=ps_state-running [cpu]=ps_cputime [memory]=ps_rss
  [contextswitch]=contextswitch-voluntary [sched]=derive-wait_sum_ns
  [io]=io_ops [files]=file_handles [wchan]='threads-wchan-*'
  [probes]=operations-syscalls
)
sets=("none" "sys_ptrace" "dac_read_search" "sys_ptrace,dac_read_search"
  "bpf,perfmon" "bpf,perfmon,sys_ptrace,dac_read_search")
plan $((${#sets[@]} + 2))

chmod 777 "$tmp"
work idle 300 1 0 0
of_root=$worker

measure() { # SET: a row of the table
  local capabilities="+${1//,/,+}" column row
  [ "$1" != none ] || capabilities=-all
  rm -rf "$csv" "$tmp/log"
  as_user=(setpriv --reuid 12345 --regid 12345 --clear-groups --no-new-privs
    "--inh-caps=-all,$capabilities" "--ambient-caps=-all,$capabilities"
    "--bounding-set=-all,$capabilities")
  collectd_start <<-EOF || return
	Process "idle$me"
	Collect "state" "cpu" "memory" "contextswitch" "sched" "io" "files" "wchan"
	Probe "syscall"
	EOF
  next_read >/dev/null
  next_read >/dev/null
  row="| ${1//,/ + } |"
  for column in "${columns[@]}"; do
    # Unquoted: a pattern.
    # shellcheck disable=SC2086
    if compgen -G "$csv/proctrace-idle$me-$of_root/"${series[$column]}-'2*' >/dev/null; then
      row+=" yes |"
    else
      row+=" – |"
    fi
  done
  echo "$row"
  reap "$collectd"
}

table="| as an ordinary user with |"
line="|---|"
for column in "${columns[@]}"; do
  table+=" $column |"
  line+="---|"
done
table+=$'\n'$line
for set in "${sets[@]}"; do
  row=$(measure "$set" 2>/dev/null | tail -n 1)
  table+=$'\n'$row
  ok "$set" eval "[[ '$row' == '| '* ]]"
  [ "$set" != none ] || ok "without any: state and CPU are told, probes not" \
    eval "[[ '$row' == '| none | yes | yes |'*' – |' ]]"
done
is "$table" "$(grep '^|' "$document")" "the table of docs/capabilities.md"
finish
