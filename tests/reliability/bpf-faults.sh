#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every bpf() call of a start fails once with each of four errors (`make
# check-bpf-faults`): strace makes the kernel refuse the Nth, for all N. collectd
# lives and ends well, values arrive from what is left, a line says what failed
# unless nothing is missing, and no object stays. FAULTS_EVERY=K does each Kth of
# these. A table of it is in bpf-faults.md at the end.

PROCTRACE_SOURCE=auto
# shellcheck disable=SC2034 # for collectd_start
interval=0.4
# shellcheck source=tests/real/real.sh
. "$(dirname "$0")/../real/real.sh"
# shellcheck source=tests/reliability/objects.sh
. "$(dirname "$0")/objects.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
for command in strace bpftool jq; do
  command -v "$command" >/dev/null || skip_all "$command is not installed"
done
objects_can_be_seen || skip_all "bpftool does not work here"

probes=(syscall runqueue blockio tcpconnect mmap)
errors=(EPERM ENOMEM E2BIG EINVAL)
# One series of each probe, of whoever has it.
series=(operations-syscalls operations-runqueue operations-blockio_read
  total_connections-established operations-mmap)

# collectd under strace, which is not its parent: two reads.
traced() { # STRACE_OPTION...
  rm -rf "$csv" "$tmp/log" "$tmp/calls"
  as_user=(strace -D -f -qq -e trace=bpf -o "$tmp/calls" "$@")
  collectd_start 2>/dev/null >"$tmp/started" <<-EOF
	Process "idler$me"
	$(printf 'Probe "%s"\n' "${probes[@]}")
	EOF
}

there() { # SERIES
  compgen -G "$csv/proctrace-*/$1-[0-9]*" >/dev/null
}

# "<N> <error> <command> <what is missing or "-"> <faults>" for one call.
fault() { # N ERROR
  local faults=() missing=() i objects
  # A machine that is busy may not let strace come along in its three seconds.
  while ! traced -e "inject=bpf:error=$2:when=$1"; do
    if kill -0 "$collectd" 2>/dev/null; then
      wait_for 30 reads_since 0 2 || faults+=(does-not-read)
      break
    fi
    wait "$collectd"
    [ $? = $((128 + $(kill -l ALRM))) ] || break
  done
  kill -0 "$collectd" 2>/dev/null || faults+=(died)
  there gauge-source_bpf || missing+=(iterator)
  for i in "${!probes[@]}"; do
    there "${series[i]}" || missing+=("${probes[i]}")
  done
  [ "$(instances "idler$me-$idler")" = "idler$me-$idler" ] ||
    faults+=(no-values)
  [ "${#missing[@]}" = 0 ] || logged 'proctrace: ' >/dev/null ||
    faults+=(not-said)
  objects=$(objects_of "$collectd")
  [ -n "$objects" ] || [[ " ${missing[*]} " = *" iterator "* ]] ||
    faults+=(holds-nothing)
  collectd_stop
  [ "$stopped" = 0 ] || faults+=("status-$stopped")
  [ -z "$(objects_left "$objects")" ] || faults+=(objects-left)
  echo "$1 $2 $(sed -nE '/INJECTED/ {s/.*bpf\((BPF_)?([A-Z_0-9]+).*/\2/p;q}' \
    "$tmp/calls") $(IFS=,; echo "${missing[*]:--}") $(
    IFS=,; echo "${faults[*]:--}")"
  [ "${#faults[@]}" = 0 ] || logged 'proctrace: ' | sed 's/^/# /'
}

# This script runs itself, several at a time; each takes its share of the calls.
if [ -n "${FAULTS_SHARE-}" ]; then
  read -r first step calls me idler <<<"$FAULTS_SHARE"
  for ((n = first; n < calls * ${#errors[@]}; n += step)); do
    fault $((n / ${#errors[@]} + 1)) "${errors[n % ${#errors[@]}]}"
  done
  exit
fi

work idle 3600 1 0 0 "idler$me"
idler=${ready[3]}
traced || skip_all "strace cannot trace collectd here"
first_thread=$collectd
reap "$collectd"
not_run=$(logged 'probe.* not run|no probe runs')
[ -z "$not_run" ] || skip_all "$not_run"
# init calls from the first thread, reads from others: those are fewer.
calls=$(awk -v pid="$first_thread" '$1 == pid && /bpf\(/' "$tmp/calls" | wc -l)
of_read=$(awk -v pid="$first_thread" '$1 != pid && /bpf\(/ {n[$1]++}
  END {for (i in n) if (n[i] > most) most = n[i]; print most + 0}' "$tmp/calls")
diag "$calls bpf() calls of a start; the reads made up to $of_read in a thread"
ok "a start makes calls to fail" test "$calls" -gt 50

began=$SECONDS jobs=() every=${FAULTS_EVERY:-1}
for job in 0 1; do
  FAULTS_SHARE="$((job * every)) $((2 * every)) $calls $me $idler" \
    spawn bash "$0" >"$tmp/faults.$job"
  jobs+=("$spawned")
done
wait "${jobs[@]}"
cat "$tmp"/faults.[01] | grep -v '^#' | sort -n >"$tmp/faults"
grep -h '^#' "$tmp"/faults.[01] | head -n 40
ran=$(wc -l <"$tmp/faults")
diag "$ran starts in $((SECONDS - began)) s"

is "$ran" $(((calls * ${#errors[@]} + every - 1) / every)) \
  "as many starts as calls and errors"
is "$(awk 'NF != 5' "$tmp/faults")" "" "in each a call was refused"
for fault in "does-not-read:collectd reads" "died:collectd lives" \
  "no-values:values of the process arrive" \
  "not-said:a line says what failed, or nothing is missing" \
  "holds-nothing:it held objects" "does-not-end:collectd ends" "status:with status 0" \
  "objects-left:no program, map or link is left"; do
  is "$(grep "[ ,]${fault%%:*}" "$tmp/faults")" "" "${fault#*:}"
done

{
  echo "| refused | starts | nothing missing | a probe missing | all by procfs |"
  echo "|---|--:|--:|--:|--:|"
  awk '{
    n[$3]++
    if ($4 == "-") all[$3]++
    else if ($4 ~ /iterator/) none[$3]++
    else some[$3]++
  } END {
    for (c in n)
      printf "| `%s` | %d | %d | %d | %d |\n", c, n[c], all[c], some[c], none[c]
  }' "$tmp/faults" | sort
} >bpf-faults.md
finish
