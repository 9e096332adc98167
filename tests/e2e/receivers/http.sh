# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The small receiver that users copy: lighttpd, whose CGI keeps each POST of
# write_http as a file.

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

need lighttpd:lighttpd curl:curl jq:jq
ldd /usr/lib/collectd/write_http.so 2>/dev/null | grep -q "not found" &&
  skip_all "write_http lacks a library (Debian's package libyajl2)"

http_counters=raw
# It keeps what came and knows no end: what its user takes for current.
http_stale=10

http_tables=$tmp/http.tables

http_configure() {
  free_port
  http_port=$port
  copied collectd.conf.d/http.conf
  sed -i -e "s/8080/$http_port/" -e 's/FlushInterval 10/FlushInterval 1/' \
    "$copy"
  besides="Include \"$copy\""
}

http_start() {
  mkdir -p "$tmp/http" "$http_tables"
  cp "$top/receivers/http-store.sh" "$tmp/http"
  sed "s/8080/$http_port/" "$top/receivers/http-lighttpd.conf" \
    >"$tmp/http/lighttpd.conf"
  # shellcheck disable=SC2016 # for the other shell
  spawn bash -c 'cd "$1" && exec lighttpd -D -f lighttpd.conf' . "$tmp/http" \
    >"$tmp/http.log" 2>&1
  lighttpd=$spawned
  wait_for 30 curl -s "http://127.0.0.1:$http_port/" ||
    diag "no lighttpd"$'\n'"$(tail -n 5 "$tmp/http.log")"
}

http_stop() {
  reap "$lighttpd"
}

# What came since the last time, as lines "<instance> <series> <source> <time>
# <value>" in a file for each instance: to ask all posts for each value would take
# too long.
http_sort() {
  local post
  for post in "$tmp"/http/*.json; do
    [ -e "$post" ] || return
    jq -r '.[] | select(.plugin == "proctrace") |
      ([.type, .type_instance | select(. != "")] | join("-")) as $series |
      [.plugin_instance, .time] as [$instance, $time] |
      [.dsnames, .values] | transpose[] |
      "\($instance) \($series) \(.[0]) \($time) \(.[1])"' "$post" |
      awk -v to="$http_tables" '{print >>(to "/" $1)}'
    mv "$post" "$post.seen"
  done
}

http_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "plugin_instance \"$1\", type-type_instance \"$2\"," \
    "dsname \"${3:-value}\""
}

http_points() { # INSTANCE SERIES [DATA_SOURCE]
  http_sort
  [ ! -e "$http_tables/$1" ] || awk -v of="$2 ${3:-value}" \
    '$2 " " $3 == of {print $4, $5}' "$http_tables/$1" | sort -n
}

http_instances() {
  http_sort
  ls "$http_tables"
}
