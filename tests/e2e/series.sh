#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# docs/scale.md says how many series there will be. Each row of its table is a
# configuration, or a part of one; each cell what that adds, as "<value lists> /
# <series>", where a series is one of the values of a list. Here a real collectd
# is asked.

interval=0.4
# shellcheck source=tests/e2e/e2e.sh
. "$(dirname "$0")/e2e.sh"

columns=(process group other host self)
# By column, "<series> <values>" lines: of the last run, and what of these is
# told anyway.
seen=()
basis=('' '' '' '' '')

# What was ever written of an instance. How many kinds of pressure there are is
# the kernel's choice: a row of their own.
series() { # INSTANCE
  (cd "$csv/proctrace-$1" 2>/dev/null && awk -F, '
    FNR == 1 {
      name = substr(FILENAME, 3)
      sub("-[0-9]+-[0-9]+-[0-9]+$", "", name)
      print name, NF - 1
    }' ./*) | grep -v pressure | sort -u
}

look_at() { # NAME of a worker
  looked_at=$1
  instances=("$1$me-${worker_pid[$1]}" "$1$me" other host self)
}

# The first reads, what the process does, and a read after that.
run() { # stdin: configuration
  local i
  rm -rf "$csv" "$tmp/log"
  collectd_start < <(
    echo "Process \"$looked_at$me\""
    cat
  )
  round "$looked_at"
  next_read >/dev/null
  collectd_stop
  for i in "${!columns[@]}"; do
    seen[i]=$(series "${instances[i]}")
  done
}

# Lines on stdin as a cell.
as_cell() {
  awk '{lists++; values += $2} END {if (lists) print lists " / " values}'
}

cell() { # ROW COLUMN
  awk -F ' *[|] *' -v row="$1" -v column="$(($2 + 3))" '
    {gsub("`", "", $2)}
    $2 == row {print $column; found = 1}
    END {if (!found) print "no such row"}' "$top/docs/scale.md"
}

row_is() { # ROW [PATTERN]: what was added, of that these series
  local i found='' page=''
  for i in "${!columns[@]}"; do
    found+=" ${columns[i]} $(comm -23 <(echo "${seen[i]}") \
      <(echo "${basis[i]}") | grep -E -- "${2-.}" | as_cell);"
    page+=" ${columns[i]} $(cell "$1" "$i");"
  done
  diag "$1:$found the page:$page"
  is "$found" "$page" "$1"
}

# --- what /proc tells ---

always() {
  local i state
  run <<<'Collect "state"'
  state=("${seen[@]}")
  run <<<'Collect "cpu"'
  for i in "${!columns[@]}"; do
    seen[i]=$(comm -12 <(echo "${state[i]}") <(echo "${seen[i]}"))
  done
  row_is always
  basis=("${seen[@]}")
  is "$(find "$csv/proctrace-host" -name '*pressure*' | wc -l) lists" \
    "$(($(cat /proc/pressure/* 2>/dev/null | wc -l) * 2)) lists" \
    "two of the host for each line of /proc/pressure"
}

collects() { # NAME
  run <<<"Collect \"$1\""
  row_is "Collect \"$1\""
}

plan 24
worker_start caller calls thread 1 39:1000
look_at caller
always
for name in state memory cpu contextswitch io files sched pss; do
  collects "$name"
done
basis=('' '' '' '' '')
run <<<''
row_is "default, all of it"
basis=("${seen[@]}")
default='Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched"'
run <<<"$default \"wchan\" \"threads\""
row_is 'Collect "threads", each thread' "thread-caller$me-[0-9]+"
row_is 'Collect "wchan", each symbol' "wchan-$(sed 's/[^a-z0-9_].*//' \
  "/proc/${worker_pid[caller]}/wchan") "

# --- what the probes tell ---

# What self tells of probes is in one row, for all of them together.
probes() { # stdin: lines of the plugin
  run
  lacking=
  if grep -qE ',0\.0*$' "$csv"/proctrace-self/gauge-probe_*; then
    lacking="no probe: $(logged 'probe.* run' | tail -n 1)"
  fi
  self=${seen[4]} seen[4]=
}

probe_row() { # ROW [PATTERN]
  if [ -n "$lacking" ]; then
    skip "$1" "$lacking"
  else
    row_is "$@"
  fi
}

# A worker that this machine may not let work.
look_at_if() { # NAME
  grep -q ready "$tmp/$1.out" && look_at "$1" && return
  lacking="$1: $(head -n 1 "$tmp/$1.out")"
  return 1
}

probes <<<'
  <Probe "syscall">
    Latency false
    Names 0
    Host true
  </Probe>'
# What somebody on this host calls the 32-bit way is left out.
probe_row 'Probe "syscall", Latency false, Names 0' 'syscalls |latency|_ns '
probes <<<'
  <Probe "syscall">
    LatencyOf "write"
    Host true
  </Probe>'
probe_row 'Probe "syscall", Names 0' \
  '^(operations-syscalls|derive-syscall_time_ns|latency-syscall-[^ ]*) '
probe_row "each name" '^(operations-syscall_write|derive-syscall_write_time_ns) '
probe_row "each of LatencyOf" '^latency-syscall_write-'
probes <<<'
  <Probe "runqueue">
    Host true
  </Probe>'
probe_row 'Probe "runqueue"'
probes <<<'Probe "mmap"'
probe_row 'Probe "mmap"'

worker_start sleeper sleeps 20 2000 3000
look_at sleeper
probes <<<"$default"' "histogram"
  <Probe "syscall">
    LatencyOf "clock_nanosleep"
  </Probe>'
probe_row 'Collect "histogram", each latency up to a millisecond' \
  'nanosleep_le_(1|2|4|8|16|32|65|131|262|524|1048|inf)(_[0-9]+)? '

worker_start disker dio "$tmp" 4 4096 4 4096
if look_at_if disker; then
  probes <<<'Probe "blockio"'
fi
probe_row 'Probe "blockio"'

worker_start dialer connects
if look_at_if dialer; then
  probes <<<'
    Probe "syscall"
    Probe "runqueue"
    Probe "blockio"
    Probe "tcpconnect"
    Probe "mmap"'
fi
probe_row 'Probe "tcpconnect"' 'tcpconnect|connections-(failed|established) '
probe_row "each reason of a failure" '-failed_ECONNREFUSED '
seen=('' '' '' '' "${self-}")
# The kernel may keep run times.
probe_row "all five probes" \
  '^(gauge|count|memory|operations-dropped)[-_].*probe|submitter'
finish
