# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The frame of the end-to-end tests: processes that know what they do, a real
# collectd with the built plugin and one write plugin, a real receiver, and the
# receiver's own answer beside the oracle's. It stands on tests/real/real.sh
# (collectd_start, values, resident, complaints, ...; $me and $tmp) and
# tests/tap.sh (ok, is, spawn, reap, wait_for, ...). Tests run in the build
# directory, several at the same time.
#
#   need carbon-cache:graphite-carbon ...   # commands (or files) and Debian's
#                               # package of each: what lacks skips the test
#   free_port                   # a port of this test's own, in $port
#   copied FILE                 # what the user copies: $top/FILE to $tmp, its
#                               # name there in $copy; then sed -i it
#   besides="Include \"$copy\"" # more of collectd's configuration
#
#   workload_start              # idler$me: 3 processes of 3 threads, $idler is
#                               # the first of them; quitter$me: $quitter;
#                               # $hostile: one of a hostile name, as it has to
#                               # arrive; caller$me and sleeper$me: see `round`
#   observed <<< "more lines"   # collectd with the plugin and rules for all
#                               # these; $probes says why no probe runs, or is
#                               # empty; $began is the time
#   round caller                # $calls system calls of caller$me, exactly
#   round sleeper               # 200 calls of clock_nanosleep; ${p50[@]}: between
#                               # which two (seconds) their p50 is
#   ios PID                     # read calls that it made, by /proc
#
# A receiver NAME is a file receivers/NAME.sh, for all tests that need it:
#
#   NAME_start                  # at free ports; again after NAME_stop with what
#                               # it had, at the same ports
#   NAME_stop
#   NAME_configure              # sets $besides, of the file that users copy
#   NAME_points INSTANCE SERIES [DATA_SOURCE]
#                               # "<time> <value>" lines of all it has, in order;
#                               # times are epoch seconds, unknown values left out
#   NAME_query INSTANCE SERIES [DATA_SOURCE]     # the same as its user asks it
#   NAME_instances              # all plugin instances of ours that it knows
#   NAME_current INSTANCE SERIES [DATA_SOURCE]   # the value as of now, if it says
#                               # so itself; else a point of the last NAME_stale
#                               # seconds is current
#   NAME_counters=raw|rates     # what becomes of a counter
#   NAME_stale=SECONDS          # how long after its end a series has a value
#
# SERIES is <type>[-<type instance>] and DATA_SOURCE the name that types.db has,
# if that is not "value". With these,
#
#   path_test NAME [MORE]       # is all of what a path has to keep, in 25 tests;
#                               # the caller has MORE, some of them perhaps in
#                               # NAME_more, which runs while collectd does

# Most of what is set here is for the tests.
# shellcheck disable=SC2034
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../real/real.sh"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LC_ALL=C
PROCTRACE_SOURCE=${PROCTRACE_SOURCE:-auto}

# --- what a test needs ---

need() { # COMMAND:PACKAGE | /FILE:PACKAGE...
  local item
  for item in "$@"; do
    case $item in
    /*) [ -e "${item%%:*}" ] ;;
    *) command -v "${item%%:*}" >/dev/null ;;
    esac || skip_all "${item%%:*} is not there (Debian's package ${item#*:})"
  done
}

# Sixteen ports for each test, below those that the kernel gives away.
port=
next_port=$((12000 + (me - 1000) * 16))
free_port() {
  while :; do
    port=$next_port
    next_port=$((next_port + 1))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
}

copied() { # FILE
  copy=$tmp/${1##*/}
  cp "$top/$1" "$copy"
}

# --- the workload ---

# 15 bytes, all that the kernel keeps, with what means something in a path, a
# label, a tag, a query, a shell.
hostile_comm=$'a.b;c=d "{$`\n,:'
hostile=$(printf '%s' "$hostile_comm" | tr -c 'A-Za-z0-9_+@-' '_')

declare -A worker_pid worker_in

# What runs in the background reads /dev/null, unless it says so itself.
# shellcheck disable=SC2317 # spawn calls it
fed() { # DESCRIPTOR COMMAND...
  local from=$1
  shift
  exec "$@" <&"$from"
}

# A workload `probe` under a name of its own, for ten minutes or $worker_seconds:
# a byte starts a round.
worker_start() { # NAME ARGUMENT...
  local name=$1 in
  shift
  ln -sf "$PWD/tests/work/probe" "$tmp/$name$me"
  mkfifo "$tmp/$name.in"
  exec {in}<>"$tmp/$name.in" # a reader alone would wait for a writer
  spawn fed "$in" "$tmp/$name$me" "${worker_seconds:-600}" "$@" >"$tmp/$name.out"
  worker_in[$name]=$in
  wait_for 30 grep -q ready "$tmp/$name.out" || diag "$name does not start"
  worker_pid[$name]=$spawned
}

rounds_of() { # NAME
  grep -c "^done" "$tmp/$1.out"
}

another_round() { # NAME BEFORE
  [ "$(rounds_of "$1")" -gt "$2" ]
}

round() { # NAME
  local said before
  before=$(rounds_of "$1")
  echo -n . >&"${worker_in[$1]}"
  wait_for 60 another_round "$1" "$before" || diag "$1: the round has no end"
  read -ra said < <(tail -n 1 "$tmp/$1.out")
  case $1 in
  caller) calls=${said[1]} ;;
  # Of the shortest and of the longest, and buckets of 6.25 %.
  sleeper)
    read -ra p50 < <(awk "BEGIN {
      printf \"%.9f %.9f\", ${said[3]} / 1.0625e9, ${said[4]} * 1.0625 / 1e9}")
    ;;
  esac
}

workload_start() {
  work idle 600 3 2 5 "idler$me"
  idler=${ready[3]}
  work idle 600 1 0 0 "quitter$me"
  quitter=${ready[3]} quitters=$worker
  work idle 600 1 0 7 "$hostile_comm"
  hostiles=("$worker" "${ready[3]}")
  # 39 is a call that does nothing, wherever this runs.
  worker_start caller calls thread 1 39:1000
  worker_start sleeper sleeps 200 100 300
}

ios() { # PID
  awk '/^syscr:/ {print $2}' "/proc/$1/io"
}

# --- collectd ---

observed() { # stdin: further lines of the plugin
  {
    cat <<-EOF
	Process "idler$me"
	Process "quitter$me"
	Process "caller$me"
	Process "sleeper$me"
	ProcessMatch "\\\\1" "idle$me 600 1 0 7 (.*)"
	<Probe "syscall">
	  LatencyOf "clock_nanosleep"
	</Probe>
	Percentiles 50 99
	EOF
    cat
  } >"$tmp/plugin.conf"
  began=$(date +%s)
  collectd_start <"$tmp/plugin.conf"
  probes=$(why_no_probe)
}

# Why none runs; nothing if they do.
why_no_probe() {
  [ "$(value "$(next_read)" self gauge-probe_syscall)" = 1 ] ||
    logged 'probe.* not run' || echo "no probe runs"
}

# What there has to be below our plugin, and nothing else.
expected_instances() {
  local pid
  printf '%s\n' host self other "idler$me" "quitter$me" "caller$me" \
    "sleeper$me" "$hostile" "quitter$me-$quitter" \
    "caller$me-${worker_pid[caller]}" "sleeper$me-${worker_pid[sleeper]}"
  for pid in "${hostiles[@]}"; do
    echo "$hostile-$pid"
  done
  pgrep -x "idler$me" | sed "s/^/idler$me-/"
}

# --- a path ---

path= # the receiver

last_point() { # INSTANCE SERIES [DATA_SOURCE]
  "${path}_points" "$@" | awk 'END {if (NR) print $2}'
}

newest() { # INSTANCE SERIES [DATA_SOURCE]: its time
  "${path}_points" "$@" | awk 'END {print NR ? $1 : 0}'
}

point_since() { # TIME INSTANCE SERIES [DATA_SOURCE]
  local since=$1
  shift
  awk "BEGIN {exit !($(newest "$@") > $since)}"
}

current() { # INSTANCE SERIES [DATA_SOURCE]
  if declare -F "${path}_current" >/dev/null; then
    "${path}_current" "$@"
  else
    local stale=${path}_stale
    "${path}_points" "$@" | awk -v since="$(($(date +%s) - ${!stale}))" \
      '$1 >= since {value = $2} END {print value}'
  fi
}

# Seconds until there is no current value, for some time at the most.
fades() { # SECONDS INSTANCE SERIES [DATA_SOURCE]
  local end=$((SECONDS + $1))
  shift
  while [ -n "$(current "$@")" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

# Of a counter since TIME: the difference of raw values, or the sum of rates,
# each of the time since the point before.
growth() { # TIME INSTANCE SERIES [DATA_SOURCE]
  local since=$1 counters=${path}_counters
  shift
  "${path}_points" "$@" | awk -v since="$since" -v counters="${!counters}" '
    $1 <= since {base = $2}
    $1 > since && counters == "raw" {grown = $2 - base}
    $1 > since && counters == "rates" && at != "" {grown += $2 * ($1 - at)}
    {at = $1}
    END {printf "%.2f\n", grown}'
}

asked() { # VALUE ORACLE INSTANCE SERIES [DATA_SOURCE]
  diag "$("${path}_query" "${@:3}"): ${1:-nothing}, oracle $2"
}

# The value comes, after the time that a path needs.
arrived() { # LEAST MOST INSTANCE SERIES [DATA_SOURCE]
  within "$(last_point "${@:3}")" "$1" "$2"
}

arrives() { # TEXT LEAST MOST INSTANCE SERIES [DATA_SOURCE]
  local text=$1 oracle=$2
  [ "$2" = "$3" ] || oracle="$2 to $3"
  wait_for 15 arrived "${@:2}"
  asked "$(last_point "${@:4}")" "$oracle" "${@:4}"
  ok "$text" arrived "${@:2}"
}

# Rates are of times that some receivers keep in whole seconds.
grown() { # TIME WANT INSTANCE SERIES [DATA_SOURCE]
  local counters=${path}_counters share=0
  [ "$2" -gt 0 ] || return
  [ "${!counters}" = raw ] || share=0.03
  within "$(growth "$1" "${@:3}")" "$(awk "BEGIN {print $2 * (1 - $share)}")" \
    "$(awk "BEGIN {print $2 * (1 + $share)}")"
}

# A point of the quiet before, then a round, then what the counter grew by. What
# a stalled machine tore apart is tried again, and what collectd reads just at
# half a second, which is rounded down and up.
counts() { # TEXT ROUND_OF ORACLE INSTANCE SERIES [DATA_SOURCE]
  local text=$1 name=$2 oracle=$3 try since before want
  shift 3
  for try in {1..6}; do
    since=$(date +%s.%N)
    wait_for 15 point_since "$since" "$@"
    since=$(newest "$@")
    before=$($oracle)
    round "$name"
    want=$(($($oracle) - before))
    wait_for 10 grown "$since" "$want" "$@" && break
  done
  asked "grown by $(growth "$since" "$@")" "$want" "$@"
  ok "$text" grown "$since" "$want" "$@"
}

# Oracles of `counts`.
# shellcheck disable=SC2317 # called by name
{
  reads_of_sleeper() { ios "${worker_pid[sleeper]}"; }
  calls_of_caller() {
    awk '/^done/ {sum += $2} END {printf "%d", sum}' "$tmp/caller.out"
  }
}

# Several seconds of rounds, since a value of a single interval is unknown to
# some receivers: p50 of each interval is between those of the rounds.
sleep_a_while() {
  local seen='' _
  for _ in {1..15}; do
    round sleeper
    seen+="${p50[*]}"$'\n'
    sleep 0.1
  done
  read -ra p50 < <(awk '
    NF == 2 {
      low = low == "" || $1 < low ? $1 : low
      high = $2 > high ? $2 : high
    }
    END {print low, high}' <<<"$seen")
}

highest_since() { # TIME INSTANCE SERIES
  "${path}_points" "$2" "$3" | awk -v since="$1" \
    '$1 > since && $2 > most {most = $2} END {print most}'
}

tells_p50() { # TEXT
  local text=$1 since of=("sleeper$me" latency-syscall_clock_nanosleep-p50) _
  for _ in 1 2 3; do
    sleep 1
    since=$(date +%s)
    sleep_a_while
    wait_for 15 point_since "$since" "${of[@]}"
    within "$(highest_since "$since" "${of[@]}")" "${p50[@]}" && break
  done
  asked "$(highest_since "$since" "${of[@]}")" "${p50[*]}" "${of[@]}"
  ok "$text" within "$(highest_since "$since" "${of[@]}")" "${p50[@]}"
}

rss_of_idler() {
  awk '/^VmRSS:/ {print $2 * 1024}' "/proc/$idler/status"
}

# shellcheck disable=SC2317 # called by name
rss_arrived() { # INSTANCE
  local now
  now=$(rss_of_idler)
  arrived "$now" "$now" "$1" ps_rss
}

values_arrive() {
  local id=idler$me-$idler of_caller=caller$me-${worker_pid[caller]}
  arrives "a process: open files" "$(find "/proc/$idler/fd" -type l | wc -l)" \
    "$(find "/proc/$idler/fd" -type l | wc -l)" "$id" file_handles
  arrives "a process: threads" 3 3 "$id" ps_count threads
  # The kernel may take pages back meanwhile.
  ok "a process: resident memory" wait_for 15 rss_arrived "$id"
  asked "$(last_point "$id" ps_rss)" "$(rss_of_idler)" "$id" ps_rss
  arrives "a group: processes" 3 3 "idler$me" ps_count processes
  arrives "a group: threads" 9 9 "idler$me" ps_count threads
  arrives "the host: CPUs" "$(getconf _NPROCESSORS_ONLN)" \
    "$(getconf _NPROCESSORS_ONLN)" host count-cpus
  arrives "others: processes" 1 100000 other ps_count processes
  counts "a process: read calls, as in /proc" sleeper reads_of_sleeper \
    "sleeper$me-${worker_pid[sleeper]}" io_ops read
  if [ -n "$probes" ]; then
    skip "a process: system calls" "$probes"
    skip "a group: system calls" "$probes"
    skip "a latency of a tenth of a millisecond" "$probes"
    return
  fi
  counts "a process: system calls, as many as it made" caller calls_of_caller \
    "$of_caller" operations-syscalls
  counts "a group: system calls" caller calls_of_caller "caller$me" \
    operations-syscalls
  tells_p50 "a latency of a tenth of a millisecond"
}

# shellcheck disable=SC2317 # called by name
instances_as_expected() {
  [ "$("${path}_instances" | sort -u)" = "$(expected_instances | sort -u)" ]
}

hostile_is_harmless() {
  arrives "a hostile name: as $hostile" 2 2 "$hostile" ps_count processes
  arrives "a hostile name: its process" 1 1 "$hostile-${hostiles[1]}" ps_count \
    processes
  wait_for 15 instances_as_expected
  diag "instances: $("${path}_instances" | sort -u | tr '\n' ' ')"
  is "$("${path}_instances" | sort -u)" "$(expected_instances | sort -u)" \
    "and no name but those that there are"
}

an_end_is_seen() {
  local stale=${path}_stale of=("quitter$me-$quitter" ps_count processes) ended
  arrives "before its end: a process" 1 1 "${of[@]}"
  reap "$quitters"
  ended=$(date +%s)
  ok "after its end: no current value of it" fades $((${!stale} + 15)) "${of[@]}"
  diag "none after $(($(date +%s) - ended)) s, staleness ${!stale} s"
  ok "and none that is of later" within "$(newest "${of[@]}")" 0 $((ended + 2))
  arrives "its group has no process" 0 0 "quitter$me" ps_count processes
}

survives_an_outage() {
  local before after since gone back reads counters=${path}_counters
  local of=("sleeper$me" io_ops read)
  before=$(resident)
  since=$(newest "${of[@]}")
  reads=$(reads_of_sleeper)
  "${path}_stop"
  gone=$(date +%s)
  sleep 10
  round sleeper
  sleep 10
  ok "20 s without the receiver: collectd goes on reading" \
    wait_for 10 reads_since "$gone" 15
  "${path}_start"
  back=$(date +%s)
  ok "values flow again" wait_for 30 point_since "$back" "${of[@]}"
  diag "after $(($(date +%s) - back)) s"
  if [ "${!counters}" = raw ]; then
    reads=$(($(reads_of_sleeper) - reads))
    wait_for 10 grown "$since" "$reads" "${of[@]}"
    asked "grown by $(growth "$since" "${of[@]}")" "$reads" "${of[@]}"
    ok "a counter has what was done meanwhile" \
      grown "$since" "$reads" "${of[@]}"
  else
    ok "a rate makes up nothing that was not done" within \
      "$(growth "$since" "${of[@]}")" 0 \
      "$((($(reads_of_sleeper) - reads) * 103 / 100))"
  fi
  counts "and what is done from now on" sleeper reads_of_sleeper "${of[@]}"
  after=$(resident)
  ok "collectd has not grown by more than 2 MB ($before kB, then $after kB)" \
    within "$after" 0 $((before + 2048))
}

path_test() { # NAME [MORE]
  path=$1
  plan $((25 + ${2-0}))
  values_arrive
  ! declare -F "${path}_more" >/dev/null || "${path}_more"
  hostile_is_harmless
  an_end_is_seen
  survives_an_outage
  collectd_stop
  is "$stopped" 0 "collectd ends well"
  # Probes that do not run are reported above.
  is "$(complaints | grep '\] proctrace: ' | grep -v probe)" "" \
    "and the plugin had no complaint"
}
