#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The image, built from the source archive on a bare Debian and run as the
# compose files say: a collectd of this host gets from it what the probes
# counted of a process of this host, exactly; and it leaves without a trace.

# shellcheck disable=SC2317 # functions that `ok` and `wait_for` call
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/engine.sh"
need debootstrap collectd apt-get
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
[ -n "$(mirror)" ] || skip_all "apt knows no mirror of Debian's $(release)"

source=$tmp/proctrace
bpffs=$tmp/bpf
csv=$tmp/csv/container
me=$(($$ % 10000))
mkdir "$bpffs"

# A free port, above those that programs get by themselves.
free_port() {
  local port=$((61000 + RANDOM % 4000))
  while grep -qi ":$(printf %04X "$port") " /proc/net/udp; do
    port=$((61000 + RANDOM % 4000))
  done
  echo "$port"
}

receiver_start() { # PORT
  cat >"$tmp/receiver.conf" <<EOF
Hostname "receiver"
FQDNLookup false
BaseDir "$tmp"
Interval 1
LoadPlugin network
LoadPlugin csv
<Plugin network>
  Listen "127.0.0.1" "$1"
</Plugin>
<Plugin csv>
  DataDir "$tmp/csv"
  StoreRates false
</Plugin>
EOF
  spawn collectd -f -C "$tmp/receiver.conf" >/dev/null 2>&1
}

# A process of the host that makes a known number of system calls for each byte.
worker_start() {
  ln -s "$PWD/tests/work/probe" "$tmp/probe$me"
  mkfifo "$tmp/bytes"
  exec 3<>"$tmp/bytes" # with a reader and a writer, nobody waits for the other
  # shellcheck disable=SC2016 # for the inner shell
  spawn sh -c 'exec "$@" <"$0"' "$tmp/bytes" \
    "$tmp/probe$me" 600 calls threads 1 124:1000 >"$tmp/said"
  # shellcheck disable=SC2154 # tap.sh sets it
  worker=$spawned
  wait_for 10 grep -q ready "$tmp/said"
}

# All values that were ever received of a series of the worker.
received() { # SERIES
  cat "$csv/proctrace-probe$me-$worker/$1"-[0-9]* 2>/dev/null |
    grep -v epoch | cut -d, -f2
}

has_received() { # LEAST
  [ "$(received operations-syscalls | wc -l)" -ge "$1" ]
}

# The last value that is sure to have been read after now.
settled() {
  local have
  have=$(received operations-syscalls | wc -l)
  wait_for 30 has_received $((have + 3)) ||
    diag "nothing is received" >&2
  received operations-syscalls | tail -n 1
}

# One round of the worker: what it did, and what was counted of it.
round() {
  local before rounds
  before=$(settled)
  rounds=$(grep -c '^done' "$tmp/said")
  printf x >&3
  wait_for 10 eval "[ \$(grep -c ^done '$tmp/said') -gt $rounds ]"
  did=$(awk '$1 == "done" {n = $2} END {print n}' "$tmp/said")
  counted=$(($(settled) - before))
}

# A service of a compose file, as the container of that name.
compose() { # FILE SERVICE
  local file=$source/packaging/container/$1 arguments
  mapfile -t arguments < <(awk -v service="$2" \
    -f "$source/tests/packages/compose.awk" "$file")
  podman run --detach --name "$2" "${arguments[@]}"
}

ended() { # SERVICE
  [ "$(state "$1" Status)" = exited ]
}

said_by() { # SERVICE
  podman logs "$1" 2>&1 | tail -n 20
}

capabilities() { # SERVICE
  awk '$1 == "CapEff:" {print $2}' "/proc/$(state "$1" Pid)/status"
}

# The default profile, and bpf() in it, as docs/container.md says.
seccomp() {
  local profile=/usr/share/containers/seccomp.json
  if ! command -v jq >/dev/null || [ ! -r "$profile" ]; then
    echo unconfined
    return
  fi
  jq '(.syscalls[] | select(.action == "SCMP_ACT_ERRNO").names) -= ["bpf"] |
    .syscalls += [{"names": ["bpf"], "action": "SCMP_ACT_ALLOW"}]' \
    "$profile" >"$tmp/seccomp.json"
  echo "$tmp/seccomp.json"
}

plan 22
distribution "$source" || finish
bare_root "$tmp/root" || finish
ok "podman has it" import_root localhost/bare || finish
ok "the image is built" podman build --network host \
  --build-arg BASE=localhost/bare -t localhost/proctrace \
  -f "$source/packaging/container/Containerfile" "$source" || finish

mount -t bpf bpf "$bpffs" && mounted=("$bpffs" "${mounted[@]}")
pinned=$(ls -A "$bpffs")
port=$(free_port)
receiver_start "$port"
worker_start
export PROCTRACE_IMAGE=localhost/proctrace PROCTRACE_BPFFS=$bpffs
export PROCTRACE_SEND_TO=127.0.0.1:$port PROCTRACE_PROCESS=probe$me
export PROCTRACE_HOSTNAME=container PROCTRACE_INTERVAL=1
PROCTRACE_SECCOMP=$(seccomp)
export PROCTRACE_SECCOMP

ok "without a receiver it says what to set" eval \
  'podman run --rm localhost/proctrace 2>&1 | grep -q PROCTRACE_SEND_TO='
is "$(podman run --rm --env PROCTRACE_SEND_TO='a"b:1' localhost/proctrace 2>&1)" \
  "proctrace: PROCTRACE_SEND_TO: there may be no quotes, backslashes or line ends in it" \
  "a variable cannot end its quotes"

ok "compose.yaml starts" compose compose.yaml proctrace
ok "the receiver gets a process of the host, under its id" \
  wait_for 60 has_received 2 || diag "$(said_by proctrace)"
round
is "$counted" "$did" "its system calls are counted exactly"
is "$(cd "$csv/proctrace-self" && compgen -G 'gauge-source_*' | sed 's/-20.*//' |
  sort -u)" gauge-source_bpf "all comes from BPF"
is "$(capabilities proctrace)" 000000c000080004 "it has four capabilities"
ok "it is told to stop" podman stop --time 20 proctrace
is "$(state proctrace ExitCode)" 0 "and ends well"
is "$(ls -A "$bpffs")" "$pinned" "without leaving a pin"
rm -rf "$csv"

ok "compose-split.yaml: the loader starts" compose compose-split.yaml loader
ok "and ends" wait_for 60 ended loader
is "$(state loader ExitCode)" 0 "well" || diag "$(said_by loader)"
ok "collectd starts" compose compose-split.yaml collectd
ok "the receiver gets the process from the pins" wait_for 60 has_received 2 ||
  diag "$(said_by collectd)"
round
is "$counted" "$did" "its system calls are counted exactly"
is "$(capabilities collectd)" 0000000000000000 "by a collectd without capability"
podman stop --time 20 collectd >/dev/null
podman run --rm --network none --cap-drop all \
  --volume "$bpffs:/sys/fs/bpf" localhost/proctrace unload
is "$(ls -A "$bpffs")" "$pinned" "unload leaves no pin"
finish
