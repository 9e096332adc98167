# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Redis, with a collectd beside it that takes the values of others and is
# restarted with it: write_redis never connects again.

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/central.sh"
need redis-server:redis-server redis-cli:redis-tools
ldd /usr/lib/collectd/write_redis.so 2>/dev/null | grep -q "not found" &&
  skip_all "write_redis lacks a library (Debian's package libhiredis0.14)"

redis_counters=rates
# It keeps points and knows no end: what its user takes for current.
redis_stale=10

redis_configure() {
  central_configure 127.0.0.1 127.0.0.1
  free_port
  redis_port=$port
  copied collectd.conf.d/redis.conf
  redis_conf=$copy
  sed -i "s/6379/$redis_port/" "$redis_conf"
}

redis_start() {
  mkdir -p "$tmp/redis"
  spawn redis-server --bind 127.0.0.1 --port "$redis_port" --save "" \
    --appendonly yes --dir "$tmp/redis" >>"$tmp/redis.log" 2>&1
  redis=$spawned
  wait_for 30 redis_ask ping ||
    diag "no Redis"$'\n'"$(tail -n 5 "$tmp/redis.log")"
  central_start <<<"Include \"$redis_conf\""
}

redis_stop() {
  reap "$redis"
  central_stop
}

redis_ask() { # COMMAND...
  redis-cli -h 127.0.0.1 -p "$redis_port" "$@"
}

redis_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "ZRANGE collectd/test/proctrace-$1/$2 0 -1"
}

# A member is <time>:<value>[:<value>...], in the order of types.db; the first
# rate of a counter is nan.
redis_points() { # INSTANCE SERIES [DATA_SOURCE]
  local column
  column=$(awk -v type="${2%%-*}" -v name="${3:-value}" '
    $1 == type {for (i = 2; i <= NF; i++) if ($i ~ "^" name ":") print i}' \
    /usr/share/collectd/types.db)
  # shellcheck disable=SC2046 # words
  redis_ask $(redis_query "$@") | awk -F: -v column="$column" '
    NF > 1 && $column != "nan" {print $1, $column}'
}

redis_instances() {
  redis_ask smembers collectd/values |
    sed -n 's,^test/proctrace-\([^/]*\)/.*,\1,p'
}
