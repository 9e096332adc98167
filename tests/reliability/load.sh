#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What a host can be full of, and a real collectd with the plugin among it, at
# an interval of a second, by BPF with the probes and by procfs (`make load`,
# three quarters of an hour). Of each situation: what it costs, what was lost,
# whether what it tells is true, and whether a read that took longer than the
# interval was said. A table of it is in load.md at the end.
#
#   LOAD_ONLY="forks files"     # these situations alone
#   LOAD_SOURCES="procfs"       # this source alone
#   LOAD_SECONDS=60             # of forks, instead of ten minutes

# Situations, and what they ask, are called by name.
# shellcheck disable=SC2317

# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"
export LC_ALL=C

all="crowd watched wide threads files cmdline behind pids forks"
situations=${LOAD_ONLY:-$all}
sources=${LOAD_SOURCES:-bpf procfs}
forks_seconds=${LOAD_SECONDS:-600}
hz=$(getconf CLK_TCK)
patience=120
self=$(realpath "$0")
rows=()
declare -A counting # process ids by name

# --- the host, as it was ---

declare -A sysctl_before
setting() { # NAME VALUE: until the end
  local file=/proc/sys/${1//.//} before
  before=$(cat "$file")
  echo "$2" 2>/dev/null >"$file" || return
  [ -n "${sysctl_before[$1]-}" ] || sysctl_before[$1]=$before
}

at_least() { # NAME VALUE
  [ "$(cat "/proc/sys/${1//.//}")" -ge "$2" ] || setting "$1" "$2"
}

put_back() {
  local name
  for name in "${!sysctl_before[@]}"; do
    echo "${sysctl_before[$name]}" >"/proc/sys/${name//.//}"
  done
}
trap 'tap_cleanup; put_back' EXIT

# --- what it costs ---

cpu_ms() { # of collectd, since its start
  sed 's/.*) //' "/proc/$collectd/stat" |
    awk -v hz="$hz" '{printf "%d", ($12 + $13) * 1000 / hz}'
}

reads_between() { # TIME TIME: how long each took
  cat "$csv"/proctrace-self/duration-read-* |
    awk -F, -v from="$1" -v to="$2" '$1 > from && $1 <= to {print $2}'
}

# SECONDS of reads. Memory is looked at after the first minute (where less than
# two are measured, the first third), and five times until the end.
measure() { # SECONDS
  local from before settle=$(($1 / 3)) reads
  [ "$1" -lt 120 ] || settle=60
  from=$(next_read)
  before=$(cpu_ms)
  sleep "$settle"
  memory=("$(resident)")
  for _ in {1..5}; do
    sleep $((($1 - settle) / 5))
    memory+=("$(resident)")
  done
  reads=$(times | awk -v from="$from" '$1 > from' | wc -l)
  cpu=$((($(cpu_ms) - before) / (reads > 0 ? reads : 1)))
  median=$(reads_between "$from" 9e9 | quantile 0.5)
  longest=$(reads_between 0 9e9 | quantile 1)
  memory_after=$settle
}

# --- a situation, with each source ---

# collectd among all that goes on; csv has the instances that the expression
# matches, whole: what a thousand files each second cost is not what is asked.
observe() { # SOURCE EXPRESSION; stdin: the plugin's lines
  rm -rf "$tmp/csv" "$tmp/log"
  PROCTRACE_SOURCE=$1
  # shellcheck disable=SC2034 # collectd_start takes it
  besides="LoadPlugin match_regex
    PostCacheChain \"told\"
    <Chain \"told\">
      <Rule>
        <Match regex>
          PluginInstance \"^($2)\$\"
        </Match>
        Target write
      </Rule>
      Target stop
    </Chain>"
  collectd_start
}

probes='
  <Probe "syscall">
    Names 40
  </Probe>
  Probe "runqueue"
  Probe "blockio"
  Probe "tcpconnect"
  Probe "mmap"'

read_in_time_or_said() {
  within "$longest" 0 1 || logged 'a read took [0-9.]+ s, longer than the'
}

# The last of it is no more than all of the first half; but for what malloc()
# leaves between blocks, and a few blocks of collectd's own.
memory_is_flat() {
  within "${memory[5]}" 0 "$(printf '%s\n' "${memory[@]:0:3}" |
    awk '$1 > most {most = $1} END {print most * 1.05 + 256}')"
}

# Each kind that was counted has its line.
losses_are_said() {
  local kind
  for kind in $(lost | tr ' ' '\n' | grep '^[a-z]' | grep -v '^zombies$'); do
    logged "self/operations-dropped_$kind counts on" || return
  done
}

row() { # SITUATION SOURCE
  local longest_mark=
  within "$longest" 0 1 || longest_mark=', said'
  rows+=("| $1 | $2 | $(own count-tasks) | $all_threads | $(
    own count-watched) | $(own count-series) | $cpu | $median | $(
    )$longest$longest_mark | $((memory[0] / 1024)), after $memory_after s | $(
    )$((memory[5] / 1024)) | $(lost) |")
  diag "${rows[-1]}"
}

# What NAME needs has been started. With each source: collectd, then NAME_begin,
# SECONDS of measuring, NAME_holds, which says whether what is told is true.
watch() { # NAME TITLE SECONDS EXPRESSION; stdin: the plugin's lines
  local name=$1 source config probed why
  config=$(cat)
  for source in $sources; do
    label="$name, $source"
    probed=
    [ "$source" != bpf ] || probed=$probes
    observe "$source" "self|$4" <<<"$config$probed"
    if [ "$source" = bpf ] && why=$(logged 'values come from procfs'); then
      skip "$label" "$(cut -d ' ' -f 4- <<<"$why")"
      collectd_stop
      continue
    fi
    ok "$label: collectd reads" reads_since 0 2
    ! declare -F "${name}_begin" >/dev/null || "${name}_begin" "$source"
    measure "$3"
    all_threads=$(awk '{print $4}' /proc/loadavg | cut -d / -f 2)
    row "$2" "$source"
    ok "$label: no read is longer than the interval, or the log says so" \
      read_in_time_or_said
    ok "$label: memory is flat, ${memory[*]} kB" \
      memory_is_flat
    "${name}_holds" "$source"
    ok "$label: what is lost is said: $(lost)" losses_are_said
    collectd_stop
    is "$stopped" 0 "$label: collectd ends well"
  done
}

ended() { # PID: of a workload; thousands of children take their time
  kill "$1"
  wait "$1"
}

# A workload that counts what it does: NAME.said has what it says.
counting() { # NAME WORKLOAD ARGUMENT...
  spawn "$(program "$2")" "${@:3}" >"$tmp/$1.said"
  counting[$1]=$spawned
  wait_for 60 grep -q ready "$tmp/$1.said"
}

# It does no more; the number that it says then.
counted() { # NAME
  local said=$tmp/$1.said before
  before=$(wc -l <"$said")
  kill -USR1 "${counting[$1]}"
  wait_for 60 says_number "$said" "$before"
  tail -n 1 "$said" | cut -d ' ' -f 2
}

says_number() { # FILE LINES
  tail -n "+$(($2 + 1))" "$1" | grep -q '^[a-z]* [0-9]*$'
}

# --- 20,000 processes, 50,000 threads ---

crowd_start() {
  local threads=30 _
  if ! at_least kernel.pid_max 131072 || ! at_least kernel.threads-max 120000
  then
    skip "$1" "kernel.pid_max cannot be raised"
    return 1
  fi
  # Not by ok, which has a shell of its own.
  work idle 3600 19900 0 0 "crowd$me"
  ok "$1: its processes start" [ $? = 0 ] || return
  crowd=$worker
  work idle 3600 "$threads" 999 0 "threaded$me"
  ok "$1: and its threads" [ $? = 0 ] || return
  threaded=$worker
}

crowd_end() {
  ended "$crowd"
  ended "$threaded"
}

processes() { # on the host
  local all=(/proc/[1-9]*)
  echo "${#all[@]}"
}

# The kernel's own numbers of all there is; others come and go meanwhile.
counts_all() { # INSTANCE...
  local at instance processes=0 threads=0 want
  at=$(next_read)
  for instance; do
    processes=$((processes + $(value "$at" "$instance" ps_count 1)))
    threads=$((threads + $(value "$at" "$instance" ps_count 2)))
  done
  want=$(processes)
  echo "$processes of $want processes, $threads of $all_threads threads"
  within "$processes" $((want * 99 / 100)) $((want * 101 / 100)) &&
    within "$threads" $((all_threads * 99 / 100)) $((all_threads * 101 / 100))
}

few_start() {
  work idle 3600 20 3 5 "few$me"
  few=$worker
}

crowd() {
  crowd_start crowd || return
  few_start
  watch crowd "20,000 processes, 50,000 threads" 40 "few$me|busy|other" <<EOF
    Process "few$me"
    ProcessMatch "few$me" "idle$me [0-9]+ 20 3 5 few$me"
    <Top "busy">
      Count 20
    </Top>
EOF
  ended "$few"
  crowd_end
}

crowd_holds() {
  ok "$label: they are counted, $(counts_all "few$me" busy other)" \
    counts_all "few$me" busy other
  is "$(value "$(next_read)" "few$me" ps_count 2)" 81 \
    "$label: and those of a rule among them"
}

# --- 1,000 watched processes ---

watched() {
  counting ticks ticks 3600 1000 100 5
  watch watched "1,000 watched" 120 "ticks$me" <<EOF
    Process "ticks$me"
    MaxProcesses 1001
EOF
  ended "${counting[ticks]}"
}

watched_begin() {
  next_read >"$tmp/at"
  calls_before=$(value "$(cat "$tmp/at")" "ticks$me" operations-syscall_getppid)
  called_before=${called:-0}
  kill -USR1 "${counting[ticks]}"
}

watched_holds() { # SOURCE
  local at
  called=$(counted ticks)
  at=$(next_read)
  is "$(value "$at" "ticks$me" ps_count 1)" 1001 "$label: they are counted"
  [ "$1" = bpf ] || return
  is "$(($(value "$at" "ticks$me" operations-syscall_getppid) - \
    ${calls_before:-0}))" "$((called - called_before))" \
    "$label: and each of their calls"
}

# --- one process with 5,000 threads ---

wide_start() {
  work idle 3600 1 4999 0 "wide$me"
  wide=$worker
  wide_pid=${ready[3]}
}

wide() {
  wide_start
  watch wide "5,000 threads in one process" 30 "wide$me.*" <<EOF
    Process "wide$me"
    Collect "state" "memory" "cpu" "contextswitch" "sched" "wchan"
EOF
  ended "$wide"
}

wide_holds() {
  local at
  at=$(next_read)
  is "$(value "$at" "wide$me-$wide_pid" ps_count 2)" 5000 \
    "$label: they are counted"
  is "$(value "$at" "wide$me-$wide_pid" ps_state-sleeping)" 5000 \
    "$label: each with its state"
  is "$(value "$at" "wide$me-$wide_pid" contextswitch-voluntary)" \
    "$(cat "/proc/$wide_pid"/task/*/status |
      awk '/^voluntary/ {sum += $2} END {print sum}')" \
    "$label: and their context switches added up"
}

threads() {
  wide_start
  watch threads "5,000 threads, each with its series" 30 "wide$me" <<EOF
    Process "wide$me"
    MaxThreads 5000
    Collect "state" "cpu" "contextswitch" "threads"
EOF
  ended "$wide"
}

# Seven value lists of each, beside its state's.
threads_holds() {
  ok "$label: each is told, $(own count-series) value lists" \
    within "$(own count-series)" 40000 60000
}

# --- one process with 100,000 open files ---

files() {
  local most=100000
  # The hard limit, where there is no right to raise it.
  prlimit --nofile=$((most + 100)):$((most + 100)) true 2>/dev/null ||
    most=$(($(ulimit -H -n) - 100))
  work idle 3600 1 0 "$most" "open$me"
  files=$worker
  files_pid=${ready[3]}
  watch files "$most open files in one process" 20 "open$me-.*" <<EOF
    Process "open$me"
EOF
  ended "$files"
}

files_holds() {
  local at
  at=$(next_read)
  is "$(value "$at" "open$me-$files_pid" file_handles)" \
    "$(find "/proc/$files_pid/fd" -type l | wc -l)" "$label: they are counted"
}

# --- a command line of 2 MB, of 200 processes ---

cmdline() {
  local word words=() stack
  word=$(printf '%0100000d' 0)
  for _ in {1..20}; do
    words+=("$word")
  done
  # A quarter of the stack is what arguments may take.
  stack=$(ulimit -S -s)
  ulimit -S -s 32768
  work idle 3600 200 0 0 "long$me" "${words[@]}" "needle$me"
  ulimit -S -s "$stack"
  long=$worker
  long_bytes=$(wc -c <"/proc/${ready[3]}/cmdline")
  watch cmdline "200 command lines of 2 MB" 70 "(long|end)$me" <<EOF
    ProcessMatch "end$me" "needle$me"
    ProcessMatch "long$me" "long$me 0+"
    CommandLine true
EOF
  ended "$long"
}

cmdline_holds() {
  local at
  at=$(next_read)
  ok "$label: of $long_bytes bytes" within "$long_bytes" 2000000 3000000
  is "$(value "$at" "long$me" ps_count 1)" 201 \
    "$label: a rule finds them by how it begins"
  is "$(value "$at" "end$me" ps_count 1)" 0 \
    "$label: what is behind 4095 bytes is not looked at"
}

# --- too much: 20,000 watched processes ---

behind() {
  crowd_start behind || return
  watch behind "20,000 watched: too much" 30 "(crowd|threaded)$me|other" <<EOF
    Process "crowd$me"
    Process "threaded$me"
    MaxProcesses 4000
EOF
  crowd_end
}

behind_holds() {
  ok "$label: all are counted, $(counts_all "crowd$me" "threaded$me" other)" \
    counts_all "crowd$me" "threaded$me" other
}

# --- 1,000 forks and exits a second ---

churn_rule="
    <Select \"churn$me\">
      Process \"churn$me\"
      Children true
    </Select>"

forks() {
  few_start
  watch forks "1,000 forks a second" "$forks_seconds" \
    "(few|churn|other)$me|other" <<EOF
    Process "few$me"$churn_rule
    <Top "busy">
      Count 20
      By "cpu" "io"
    </Top>
EOF
  ended "$few"
}

churn_begin() { # PER_SECOND PER_SECOND_WITHOUT_EXEC
  counting execs churn 3600 "$1" 20
  counting forks churn 3600 "$2" 20 fork
}

# Each of them wrote a byte, so they are what the group has written, but for
# the two lines that each of their two parents did.
churn_holds() {
  local started at told missing twice=0
  started=$(($(counted execs) + $(counted forks)))
  next_read >"$tmp/at"
  at=$(next_read)
  told=$(($(value "$at" "churn$me" io_ops 2) - 4))
  missing=$(lost | sed -n 's/.*ended \([0-9]*\).*/\1/p')
  # Where a read takes longer than the interval, its parts are not of one time:
  # what a life did may be told of it, and of who waited for it once more.
  within "$longest" 0 1 || twice=$((started / 200))
  ok "$label: $started lives, $told of them counted, ${missing:-0} lost" \
    within "$told" $((started - ${missing:-0})) $((started + twice))
  ok "$label: what the group has done never falls" group_never_falls "churn$me"
  ended "${counting[execs]}"
  ended "${counting[forks]}"
}

group_never_falls() { # INSTANCE
  local file files=0
  for file in "$csv/proctrace-$1"/{ps_cputime,ps_pagefaults,io_,disk_,contextswitch,derive,operations,total_}*; do
    [ -e "$file" ] || continue
    files=$((files + 1))
    awk -F, 'NR > 2 && ($2 < a || $3 < b) {exit 1} {a = $2; b = $3}' "$file" || {
      echo "$file"
      return 1
    }
  done
  [ "$files" -gt 0 ]
}

forks_begin() {
  churn_begin 200 800
}

forks_holds() {
  churn_holds
  is "$(value "$(next_read)" "few$me" ps_count 2)" 80 \
    "$label: others are told as ever"
}

# --- pids that come again ---

# In a PID namespace: from Linux 6.14 on it has a pid_max of its own; before, it
# is the host's, and is put back. So it is not that small.
pids() {
  local line ended=
  if ! unshare --pid --fork --mount-proc true 2>/dev/null; then
    skip pids "no right to a PID namespace"
  elif [ "$(processes)" -gt 1000 ]; then
    skip pids "more than 1,000 processes"
  else
    # Ended with this test, whatever ends it.
    spawn env LOAD_ONLY=reuse LOAD_SOURCES="$sources" unshare --pid --fork \
      --kill-child --mount-proc bash "$self" >"$tmp/reuse.said"
    wait "$spawned"
    while read -r line; do
      case $line in
      "ok "*) tap_result 0 "${line#*- }" ;;
      "not ok "*) tap_result 1 "${line#*- }" ;;
      "# | "*)
        rows+=("${line#\# }")
        echo "$line"
        ;;
      "# "*) echo "$line" ;;
      "1.."*) ended=1 ;;
      esac
    done <"$tmp/reuse.said"
    ok "pids: it came to its end there" test -n "$ended"
  fi
}

reuse() {
  setting kernel.pid_max 4000 || {
    skip reuse "kernel.pid_max cannot be set"
    return
  }
  watch reuse "pids that come again, pid_max 4,000" 120 \
    "lives$me.*|churn$me|other" <<EOF
    Process "lives$me"$churn_rule
EOF
}

reuse_begin() {
  counting lives lives 3600 20 2500
  churn_begin 100 900
}

# Every value that was told of a process is of a life that its pid had then:
# what it wrote is its number. A read takes a while, and ends after its values
# were taken. Prints what is wrong.
lives_are_told_apart() {
  local file pid slack
  slack=$(awk "BEGIN {print 0.2 + $longest}")
  for file in "$csv/proctrace-lives$me"-*/io_ops-*; do
    pid=${file#"$csv/proctrace-lives$me"-}
    sed "s/^/${pid%%/*},/" "$file"
  done | grep -v epoch | awk -F'[, ]' -v slack="$slack" '
    FNR == NR {
      if ($1 == "life") {
        n = ++lives[$2]
        number[$2, n] = $3
        born[$2, n] = $4
        written[$2, n] = $5
        ended[$2, n] = $6
        if ($6 - $4 > 2.3)
          all++
      }
      next
    }
    !($1 in lives) {next} # their parent
    {
      right = 0
      for (n = 1; n <= lives[$1]; n++)
        if (born[$1, n] < $2 && $2 < ended[$1, n] + slack &&
            ($4 == number[$1, n] || ($2 < written[$1, n] + slack &&
              $4 < number[$1, n]))) {
          right = 1
          told[$1, n]
        }
      if (!right) {
        print "pid " $1 " at " $2 " has written " $4
        bad++
      }
      values++
    }
    END {
      for (pid in lives)
        again += lives[pid] > 1
      printf "%d values of %d lives of %d; %d pids had several\n", values,
        length(told), all, again
      exit bad || length(told) < 0.95 * all || again < 5
    }' "$tmp/lives.said" -
}

reuse_holds() { # SOURCE
  local lived all twice=0
  lived=$(counted lives)
  all=$((lived * (lived + 1) / 2 + 2))
  # Who is waited for between the read of its io and that of its parent's counts
  # in both, until the parent does more: at the end it does nothing.
  [ "$1" = bpf ] || twice=$((2 * lived))
  next_read >"$tmp/at"
  ok "$label: all that $lived lives did, $all" within \
    "$(value "$(next_read)" "lives$me" io_ops 2)" "$all" $((all + twice))
  ok "$label: and each life by itself, $(lives_are_told_apart | tail -n 1)" \
    lives_are_told_apart
  ok "$label: what the group has done never falls" group_never_falls "lives$me"
  churn_holds
  ended "${counting[lives]}"
}

# --- all of them ---

for situation in $situations; do
  "$situation"
done
{
  echo "| situation | source | processes | threads | watched | value lists |" \
    "CPU, ms of an interval | read, s | longest | memory, MB | at the end |" \
    "lost |"
  echo "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"
  printf '%s\n' "${rows[@]}"
} >load.md
finish
