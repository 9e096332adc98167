# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A private real collectd with the built plugin, and what it said. Tests run in
# the build directory. Nothing of the system's collectd is touched. The source is
# procfs, or what the environment variable PROCTRACE_SOURCE says.
#
#   collectd_start <<< "lines of <Plugin proctrace>"     # until it has read twice
#   collectd_spawn <<< "..."    # does not wait
#   collectd_stop               # asks it to end; its exit status in $stopped
#   work idle 60 1 0 0          # starts tests/work/idle under the name idle$me:
#                               # its id in $worker, its words in ${ready[@]}
#   at=$(next_read)             # time of a read that began after now, whole
#   values "$at" INSTANCE       # "<type>[-<instance>] <column> <value>" lines
#   value "$at" INSTANCE SERIES [COLUMN]
#   column INSTANCE SERIES [COLUMN]    # all values ever written, in order
#   own SERIES                  # of self: the newest value
#   lost                        # so far, by kind: "late 12 ended 3", or nothing
#   logged PATTERN              # lines of the log that match
#   complaints                  # errors and warnings in it
#   proc_values PID             # the same lines as `values`, from /proc itself

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../tap.sh"

PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/collectd/sbin
command -v collectd >/dev/null || skip_all "collectd is not installed"

tmpdir
# shellcheck disable=SC2154 # tap.sh sets it
csv=$tmp/csv/test
# What marks the processes of this test among all of the machine: a number of
# four digits that no other test has while this one runs.
me=$((1000 + $$ % 1250))
until mkdir "${tmp%/*}/proctrace-test.me$me" 2>/dev/null; do
  me=$((1000 + (me - 999) % 1250))
done
tap_dirs+=("${tmp%/*}/proctrace-test.me$me")
# What to run collectd and workloads with, to be somebody else.
as_user=()
# Further lines of collectd's configuration: other plugins.
besides=
# A test may run collectd as somebody who cannot look into the build directory.
chmod 755 "$tmp"
mkdir "$tmp/plugins"
cp .libs/proctrace.so "$tmp/plugins/" || exit 1

collectd_spawn() { # stdin: the plugin's configuration
  {
    cat <<-EOF
	Hostname "test"
	FQDNLookup false
	BaseDir "$tmp"
	PIDFile "$tmp/pid"
	Interval ${interval:-1}
	WriteThreads 1
	LoadPlugin logfile
	LoadPlugin csv
	$besides
	PluginDir "$tmp/plugins"
	LoadPlugin proctrace
	<Plugin logfile>
	  File "$tmp/log"
	  PrintSeverity true
	</Plugin>
	<Plugin csv>
	  DataDir "$tmp/csv"
	  StoreRates false
	</Plugin>
	<Plugin proctrace>
	  Source "${PROCTRACE_SOURCE:-procfs}"
	  BpfModule "$PWD/.libs/proctrace_bpf.so"
	EOF
    cat
    echo "</Plugin>"
  } >"$tmp/conf"
  spawn "${as_user[@]}" collectd -f -C "$tmp/conf"
  # shellcheck disable=SC2154 # tap.sh sets it
  collectd=$spawned
}

# Where reads may take longer than their interval, tests are more patient.
patience=20

collectd_start() { # stdin: the plugin's configuration
  collectd_spawn
  wait_for "$patience" reads_since 0 2 && return
  diag "collectd does not read"$'\n'"$(tail -n 5 "$tmp/log")"
  return 1
}

resident() { # kB of collectd
  awk '/^VmRSS:/ {print $2}' "/proc/$collectd/status"
}

# One that does not end is killed, which its status says.
collectd_stop() {
  kill "$collectd"
  wait_for 60 eval "! kill -0 $collectd" || kill -KILL "$collectd"
  wait "$collectd"
  # shellcheck disable=SC2034 # for the tests
  stopped=$?
}

program() { # NAME; the path of a workload under which its command is $1$me
  ln -sf "$PWD/tests/work/$1" "$tmp/$1$me"
  echo "$tmp/$1$me"
}

# What it says is "ready <pid> ...", or "skip <why it cannot be>".
work() { # NAME ARGUMENT...
  local said=$tmp/said.$RANDOM name=$1
  shift
  spawn "${as_user[@]}" "$(program "$name")" "$@" >"$said"
  # shellcheck disable=SC2034 # for the tests
  worker=$spawned
  wait_for 30 grep -q . "$said" || diag "$name does not start"
  read -ra ready <"$said"
  [ "${ready[0]-}" = ready ]
}

# Of all reads: when each began, or a little earlier, and its time. The time is
# that of its report, before which it has taken no longer than in all.
begun() {
  cat "$csv"/proctrace-self/duration-read-* 2>/dev/null | grep -v epoch |
    awk -F, '{printf "%.6f %s\n", $1 - $2, $1}'
}

times() { # of all reads
  begun | cut -d ' ' -f 2
}

since() { # TIME COUNT: are so many of stdin later?
  awk -v since="$1" -v want="$2" '$1 > since {n++} END {exit !(n >= want)}'
}

reads_since() { # TIME COUNT
  times | since "$@"
}

begun_since() { # TIME COUNT
  begun | since "$@"
}

# The time of a read that has begun since. One writing thread: when the next one
# has a value, it is whole.
next_read() {
  local now
  now=$(date +%s.%N)
  wait_for "$patience" begun_since "$now" 2 || diag "no read since $now" >&2
  begun | awk -v since="$now" '$1 > since {print $2; exit}'
}

values() { # TIME INSTANCE
  awk -F, -v at="$1" '
    $1 == at {
      name = FILENAME
      sub(".*/", "", name)
      sub("-[0-9]+-[0-9]+-[0-9]+$", "", name)
      for (i = 2; i <= NF; i++) {
        sub("\\.0+$", "", $i) # csv writes gauges with six decimals
        print name, i - 1, $i
      }
    }' "$csv/proctrace-$2"/* 2>/dev/null | sort
}

value() { # TIME INSTANCE SERIES [COLUMN]
  values "$1" "$2" | awk -v name="$3" -v column="${4:-1}" \
    '$1 == name && $2 == column {print $3}'
}

column() { # INSTANCE SERIES [COLUMN]
  cat "$csv/proctrace-$1/$2"-[0-9][0-9][0-9][0-9]-* 2>/dev/null |
    grep -v epoch | cut -d, -f"$((${3:-1} + 1))"
}

own() { # SERIES
  column self "$1" | tail -n 1 | sed 's/\.0*$//'
}

lost() {
  local file kind
  for file in "$csv"/proctrace-self/operations-dropped_*; do # a file each day
    kind=${file##*dropped_}
    echo "${kind%%-*} $(tail -n 1 "$file" | cut -d, -f2)"
  done | awk '{last[$1] = $2}
    END {for (kind in last) if (last[kind] > 0) print kind, last[kind]}' |
    sort | tr '\n' ' ' | sed 's/ $//'
}

quantile() { # SHARE of the numbers on stdin that are no greater
  sort -g | awk -v share="$1" '
    {value[NR] = $1}
    END {if (NR > 0) printf "%.3f", value[int(1 + share * (NR - 1))]}'
}

# All waiting of one interval is at most half of it. Who waits longer does so
# each time; a machine that is busy itself makes one late.
reads_are_on_time() {
  within "$(column self duration-read | quantile 0.8)" 0 0.8
}

a_read_a_second() {
  within "$(times | awk 'NR > 1 {print $1 - last} {last = $1}' |
    quantile 0.5)" 0.9 1.1
}

never_falls() { # INSTANCE SERIES [COLUMN]
  column "$@" | awk 'NR > 1 && $1 < last {print $1 " after " last; bad = 1}
    {last = $1} END {exit bad || NR < 2}'
}

instances() { # PATTERN: names that have series, that match it whole
  find "$csv" -mindepth 1 -maxdepth 1 -name 'proctrace-*' 2>/dev/null |
    sed 's,.*/proctrace-,,' | grep -xE "$1"
}

logged() { # PATTERN
  grep -E "$1" "$tmp/log"
}

# Errors and warnings, but for those of a machine that stood still for a while:
# collectd ends with what its writing thread has not come to.
complaints() {
  logged 'error|warning' |
    grep -v 'value lists were left after shutting down' |
    grep -vE 'three quarters of the interval|next interval is .* in the past' |
    grep -vE 'above its read interval|longer than the interval' |
    grep -v 'holds its lock for long'
}

within() { # VALUE LEAST MOST
  awk -v value="$1" -v least="$2" -v most="$3" \
    'BEGIN {exit !(value != "" && value >= least && value <= most)}'
}

# The lines of the first list whose series are in the second one.
matching() { # LINES LINES
  awk 'NR == FNR {want[$1, $2]; next} ($1, $2) in want' \
    <(echo "$2") <(echo "$1")
}

# Whether all values of the second list that the first has as well lie between
# those of the first and of the third: a look, a read of the plugin, a look.
between() { # LINES LINES LINES; of what runs only counters make sense
  awk '
    FNR == 1 {file++}
    file == 1 {least[$1, $2] = $3}
    file == 2 {value[$1, $2] = $3}
    file == 3 && ($1, $2) in least {
      seen++
      if (!(($1, $2) in value) || value[$1, $2] < least[$1, $2] ||
          value[$1, $2] > $3) {
        print $1, $2 ":", value[$1, $2], "not within", least[$1, $2], "and", $3
        bad = 1
      }
    }
    END {exit bad || !seen}' <(echo "$1") <(echo "$2") <(echo "$3")
}

counters() { # of the lines on stdin
  grep -E '^(ps_cputime|ps_pagefaults|contextswitch|io_|disk_|derive)'
}

# What the kernel says of a process, by means that share nothing with the
# plugin. A counter of threads is the sum over the threads that live.
proc_values() { # PID
  local hz
  hz=$(getconf CLK_TCK)
  {
    sed 's/^/status /' "/proc/$1/status"
    sed 's/.*) /stat /' "/proc/$1/stat"
    sed 's/^/io /' "/proc/$1/io"
    sed 's/^/taskstatus /' "/proc/$1"/task/*/status
    sed 's/^/schedstat /' "/proc/$1"/task/*/schedstat
    find "/proc/$1/fd" -type l | sed 's/^/fd /'
  } | awk -v hz="$hz" '
    function say(name, column, number) {
      printf "%s %d %.0f\n", name, column, number
    }
    $1 == "status" && $2 == "VmRSS:" {say("ps_rss", 1, $3 * 1024)}
    $1 == "status" && $2 == "VmHWM:" {say("ps_rss-peak", 1, $3 * 1024)}
    $1 == "status" && $2 == "VmSize:" {say("ps_vm", 1, $3 * 1024)}
    $1 == "status" && $2 == "VmPeak:" {say("ps_vm-peak", 1, $3 * 1024)}
    $1 == "status" && $2 == "VmSwap:" {say("bytes-swap", 1, $3 * 1024)}
    $1 == "stat" { # what follows the command: the state is field 3
      say("ps_pagefaults", 1, $9)
      say("ps_pagefaults", 2, $11)
      say("ps_cputime", 1, $13 * 1000000 / hz)
      say("ps_cputime", 2, $14 * 1000000 / hz)
      say("ps_count", 1, 1)
      say("ps_count", 2, $19)
    }
    $1 == "io" && $2 == "rchar:" {say("io_octets", 1, $3)}
    $1 == "io" && $2 == "wchar:" {say("io_octets", 2, $3)}
    $1 == "io" && $2 == "syscr:" {say("io_ops", 1, $3)}
    $1 == "io" && $2 == "syscw:" {say("io_ops", 2, $3)}
    $1 == "io" && $2 == "read_bytes:" {say("disk_octets", 1, $3)}
    $1 == "io" && $2 == "write_bytes:" {say("disk_octets", 2, $3)}
    $1 == "taskstatus" && $2 == "voluntary_ctxt_switches:" {voluntary += $3}
    $1 == "taskstatus" && $2 == "nonvoluntary_ctxt_switches:" {forced += $3}
    $1 == "taskstatus" && $2 == "State:" {state[$3]++}
    $1 == "schedstat" {runtime += $2; wait += $3}
    $1 == "fd" {files++}
    END {
      say("contextswitch-voluntary", 1, voluntary)
      say("contextswitch-involuntary", 1, forced)
      say("derive-runtime_ns", 1, runtime)
      say("derive-wait_sum_ns", 1, wait)
      say("ps_state-running", 1, state["R"])
      say("ps_state-sleeping", 1, state["S"])
      say("ps_state-blocked", 1, state["D"])
      say("ps_state-stopped", 1, state["T"] + state["t"])
      say("ps_state-zombies", 1, state["Z"] + state["X"])
      say("ps_state-idle", 1, state["I"])
      say("file_handles", 1, files)
    }' | sort
}
