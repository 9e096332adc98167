#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# collectd starts and ends LIFE_TIMES (`make check-life`: 200) times under
# valgrind, and as often without it, with SIGTERM after reads, before the first
# one, in the midst of one, at any moment. Each time it ends with status 0, and
# nothing stays: no program, map, link or pin, no file; nor does valgrind find an
# error or a leak. A table of it is in life.md at the end.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../real/real.sh"
# shellcheck source=tests/reliability/objects.sh
. "$(dirname "$0")/objects.sh"

times=${LIFE_TIMES:-200}
[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
for command in valgrind bpftool jq; do
  command -v "$command" >/dev/null || skip_all "$command is not installed"
done

under_valgrind=(valgrind --quiet --leak-check=full --keep-debuginfo=yes
  --errors-for-leak-kinds=definite --show-leak-kinds=definite
  --suppressions="$(dirname "$0")/valgrind.supp" --log-file="$tmp/valgrind")
# Valgrind 3.19 does not know all commands of bpf(): what the kernel writes for
# the others it takes for uninitialised.
bpf_unknown=(--undef-value-errors=no)

everything='
  Process "idler'$me'"
  ProcessMatch "matched" "idle'$me'"
  <Top "busy">
    Count 5
    By "cpu" "wait"
  </Top>
  Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "wchan" "pss" "threads" "histogram"
  PssInterval 1
  Notify "gone"
  Notify "blocked"
'
probes='
  Source "auto"
  Probe "syscall"
  Probe "runqueue"
  Probe "blockio"
  Probe "tcpconnect"
  Probe "mmap"
'

# --- a proc file system whose io files never answer ---

stuck_root() {
  local pid file i
  mkdir "$tmp/root"
  for i in 1 2 3 4; do
    work idle 3600 1 0 0 "stuck$me"
    pid=${ready[3]}
    mkdir "$tmp/root/$pid"
    for file in stat status schedstat limits; do
      cat "/proc/$pid/$file" >"$tmp/root/$pid/$file"
    done
    mkfifo "$tmp/root/$pid/io"
  done
}

# A helper was left behind, and the read is not over.
# shellcheck disable=SC2317 # called by wait_for
in_a_read() {
  [ "$(cat "/proc/$collectd/task"/*/comm 2>/dev/null |
    grep -c proctrace-slow)" -ge 3 ] && [ -z "$(times)" ]
}

# shellcheck disable=SC2317 # called by wait_for
takes_signals() { # collectd's own handler of SIGTERM is there
  local caught
  caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$collectd/status")
  [ $((16#${caught:-0} & 1 << 14)) -ne 0 ]
}

# --- one life ---

# How it lives, and when it ends.
declare -A text=(
  [valgrind:probes:reads]="valgrind, all probes; after two reads"
  [valgrind:procfs:reads]="valgrind, procfs; after two reads"
  [valgrind:procfs:begun]="valgrind, procfs; when it enters its loop"
  [valgrind:stuck:middle]="valgrind, files that hang; in the midst of a read"
  [plain:probes:reads]="all probes; after two reads"
  [plain:probes:any]="all probes; at any moment from its start on"
  [plain:stuck:middle]="files that hang; in the midst of a read"
)

# Prints "<kind> <faults or "-">".
live() { # KIND
  local faults=() objects said
  rm -rf "$tmp/csv" "$tmp/log" "$tmp/valgrind" "$tmp/pid"
  interval=0.5 as_user=()
  case $1 in
  valgrind:probes:*) as_user=("${under_valgrind[@]}" "${bpf_unknown[@]}") ;;
  valgrind:*) as_user=("${under_valgrind[@]}") ;;
  esac
  case $1 in
  valgrind:procfs:*) interval=1 ;;
  valgrind:* | *:stuck:*) interval=2 ;;
  esac
  case $1 in
  *:probes:*) collectd_spawn <<<"$everything$probes" ;;
  *:procfs:*) collectd_spawn <<<"$everything" ;;
  *:stuck:*) collectd_spawn <<<"Process \"stuck$me\"
    ProcRoot \"$tmp/root\"" ;;
  esac >"$tmp/said" 2>&1
  case $1 in
  *:reads) wait_for 240 reads_since 0 2 || faults+=(does-not-read) ;;
  *:begun)
    wait_for 240 logged "entering read-loop" || faults+=(does-not-begin)
    ;;
  *:middle) wait_for 240 in_a_read || faults+=(not-in-a-read) ;;
  *:any)
    wait_for 20 takes_signals || faults+=(does-not-begin)
    sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
    ;;
  esac
  objects=$(objects_of "$collectd")
  [[ $1 != *:probes:reads || -n $objects ]] || faults+=(holds-nothing)
  collectd_stop
  [ "$stopped" = 0 ] || faults+=("status-$stopped")
  [ -z "$(objects_left "$objects")" ] || faults+=(objects-left)
  # It does not know some commands of bpf(), and says so.
  [ ! -s "$tmp/valgrind" ] ||
    ! grep -vq 'unhandled eBPF command' "$tmp/valgrind" || faults+=(valgrind)
  # A process there may be that nobody may look into.
  said=$(complaints | grep -v 'no right to')
  [ -z "$said" ] || faults+=(complains)
  [ -z "$(find "$tmp" -mindepth 1 -maxdepth 1 -newer "$tmp/conf" ! -name log \
    ! -name csv ! -name said ! -name valgrind)" ] || faults+=(files-left)
  echo "$1 $(IFS=,; echo "${faults[*]:--}")"
  [ "${#faults[@]}" = 0 ] || {
    echo "$said"
    [ ! -s "$tmp/valgrind" ] || grep -v 'unhandled eBPF' "$tmp/valgrind"
  } | head -n 60 | sed 's/^/# /'
}

# This script runs itself, two at a time: each lives the kinds that it is given.
if [ -n "${LIFE_KINDS-}" ]; then
  work idle 3600 1 0 0 "idler$me"
  stuck_root
  for kind in $LIFE_KINDS; do
    live "$kind"
  done
  exit
fi

# One in twenty of those under valgrind has probes: libbpf reads all of the
# kernel's types, which takes half a minute there.
kinds=()
for ((i = 0; i < times; i++)); do
  case $((i % 20)) in
  0) kinds+=(valgrind:probes:reads plain:probes:reads) ;;
  1 | 4 | 7 | 10 | 13 | 16 | 19) kinds+=(valgrind:procfs:reads plain:probes:any) ;;
  2 | 5 | 8 | 11 | 14 | 17) kinds+=(valgrind:procfs:begun plain:probes:reads) ;;
  *) kinds+=(valgrind:stuck:middle plain:stuck:middle) ;;
  esac
done
pins_before=$(find /sys/fs/bpf 2>/dev/null | wc -l)
began=$SECONDS jobs=()
for job in 0 1; do
  share=()
  # Neighbours, one with valgrind and one without, take turns.
  for ((i = 0; i < ${#kinds[@]}; i++)); do
    [ $(((i / 2 + i) % 2)) != "$job" ] || share+=("${kinds[i]}")
  done
  LIFE_KINDS="${share[*]}" spawn bash "$0" >"$tmp/lives.$job"
  jobs+=("$spawned")
done
wait "${jobs[@]}"
took=$((SECONDS - began))
grep -hv '^#' "$tmp"/lives.[01] >"$tmp/lives"
grep -h '^#' "$tmp"/lives.[01] | head -n 80

is "$(wc -l <"$tmp/lives")" "${#kinds[@]}" "as many lives as were meant, in $took s"
for kind in "${!text[@]}"; do
  is "$(grep "^$kind" "$tmp/lives" | grep -v ' -$' | sort | uniq -c)" "" \
    "${text[$kind]}: $(grep -c "^$kind" "$tmp/lives") times"
done
is "$(find /sys/fs/bpf 2>/dev/null | wc -l)" "$pins_before" "no pin is left"
{
  echo "| collectd lives; SIGTERM | times | without fault |"
  echo "|---|--:|--:|"
  for kind in "${!text[@]}"; do
    echo "| ${text[$kind]} | $(grep -c "^$kind" "$tmp/lives") |" \
      "$(grep -c "^$kind -\$" "$tmp/lives") |"
  done | sort
} >life.md
finish
