#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# screenshots.sh DIRECTORY
# The pictures of the documents, of a real run of five minutes, best on a machine
# that has nothing else to do. A redis is alone for a while; then its CPU has
# others to run; then its disk has others to write. At last, a program whose
# threads wait for one lock. In the build directory: `make screenshots`.

# What else goes on is not to be seen: a session of its own, which comes first,
# and what the receivers write stays in memory.
if [ -z "${SCREENSHOTS_SESSION-}" ]; then
  export SCREENSHOTS_SESSION=1 TMPDIR=${TMPDIR:-/dev/shm}
  exec setsid --wait bash "$0" "$@"
fi
echo -10 2>/dev/null >/proc/self/autogroup

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/prometheus.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/graphite.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/rrdtool.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/browser.sh"
need redis-server:redis-server redis-benchmark:redis-tools python3:python3 \
  pngquant:pngquant
images=$(cd "$1" && pwd) || exit 1
disk=$(mktemp -d /var/tmp/proctrace-test.XXXXXX) || exit 1
tap_dirs+=("$disk")

# --- what is to be seen ---

# On the last CPU that there is, and without what looks after its memory and its
# file once in a while.
redis_start() {
  cpu=$(taskset -pc $$ | sed 's/.*[^0-9]//')
  free_port
  spawn taskset -c "$cpu" redis-server --bind 127.0.0.1 --port "$port" \
    --save "" --appendonly yes --dir "$disk" \
    --auto-aof-rewrite-percentage 0 --jemalloc-bg-thread no \
    >"$tmp/redis.log"
  redis=$spawned
  wait_for 10 redis-cli -p "$port" ping
  spawn redis-benchmark -p "$port" -c 1 -n 1000000000 -t get -q \
    >"$tmp/benchmark.log"
  # Something to write to the disk, which redis does once in a second.
  spawn redis-cli -p "$port" -r 1000000 -i 0.2 set key value >"$tmp/cli.log"
}

others_run() { # SECONDS
  spawn taskset -c "$cpu" "$PWD/tests/work/burn" "$1" 3 0 >"$tmp/burn.log"
}

# shellcheck disable=SC2317 # spawn calls it
keep_writing() { # SECONDS FILE
  local end=$((SECONDS + $1))
  while [ "$SECONDS" -lt "$end" ]; do
    dd if=/dev/zero of="$2" bs=4M count=16 oflag=direct status=none
  done
}

others_write() { # SECONDS
  local i
  for i in {1..4}; do
    spawn keep_writing "$1" "$disk/written.$i"
  done
}

# The lock is the interpreter's own: one thread at a time.
wait_for_locks() { # SECONDS
  spawn timeout "$1" python3 -c '
import threading
def work():
    while True:
        sum(range(1000))
for _ in range(3):
    threading.Thread(target=work).start()
work()' "worker$me"
}

play() {
  sleep 50
  others_run 50
  sleep 80
  others_write 50
  sleep 80
  wait_for_locks 50
  sleep 60
}

# --- the pictures ---

encoded() { # TEXT
  jq -rn --arg text "$1" '$text | @uri'
}

picture_of() { # NAME WIDTH HEIGHT URL
  local file=$images/$1.png
  picture "$4" "$file" "$2" "$3"
  diag "$1.png: $(ink "$file")"
  ok "$1.png shows something" within "$(ink "$file" | cut -d' ' -f3)" 2000 1e6
  pngquant --force --output "$file" 128 "$file"
}

pictures_of_prometheus() {
  local url=http://127.0.0.1:$prometheus_port parameters query
  parameters="host=test&process=redis&range=5m&window=5s"
  picture_of prometheus-console 1000 1280 \
    "$url/consoles/proctrace-process.html?$parameters"
  query='proctrace="redis",type=~"runt.*|wait.*"'
  query=$(encoded "rate(collectd_proctrace_derive_total{$query}[5s])/1e9")
  picture_of prometheus-graph 1000 840 \
    "$url/graph?g0.range_input=5m&g0.tab=0&g0.expr=$query"
}

# One reason after the other.
picture_of_graphite() {
  local url=http://127.0.0.1:$graphite_port series targets=
  for series in "redis.latency-runqueue-p99: redis waits for a CPU, p99" \
    "redis.latency-syscall_fdatasync-p99: redis waits for its disk, p99" \
    "worker.latency-syscall_futex-p99: worker waits for a lock, p99"; do
    targets+="&target=$(encoded \
      "alias(collectd.test.proctrace-${series%%:*},'${series#*: }')")"
  done
  picture_of graphite 1000 600 \
    "$url/composer?from=-5min&lineMode=connected&logBase=10$targets"
}

picture_of_collection3() {
  local page
  page=$(collection3_page redis latency)
  picture_of collection3 620 850 "$collection3/${page/=120/=300};$(
    printf 'type_instance=%s-p99;' runqueue syscall_fdatasync blockio_write
  )"
}

prometheus_configure
all=$besides
graphite_configure
all+=$'\n'$besides
rrdtool_configure
besides=$all$'\n'$besides
prometheus_arguments=(--web.console.templates="$top/dashboards/prometheus")
prometheus_start
graphite_start
rrdtool_start
collection3_start
redis_start
collectd_start <<EOF
  <Select "redis">
    Pid $redis
  </Select>
  ProcessMatch "worker" "worker$me$"
  Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched" "wchan"
  <Probe "syscall">
    LatencyOf "fdatasync" "futex"
  </Probe>
  Probe "runqueue"
  Probe "blockio"
  Probe "tcpconnect"
  Percentiles 50 99
EOF
play
pictures_of_prometheus
picture_of_graphite
picture_of_collection3
finish
