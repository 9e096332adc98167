# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# InfluxDB 1.x with the listeners that users copy. There are two paths to it:
# `influxdb`, the binary protocol of the network plugin, and `influxdb_udp`,
# line protocol of write_influxdb_udp. Beside what each receiver has:
#
#   influxdb_ask DATABASE QUERY # JSON of the answer, times in microseconds
#   $influxdb_port, $influxdb_collectd_port; databases collectd, collectd_udp

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

need influxd:influxdb curl:curl jq:jq

influxdb_counters=raw
influxdb_udp_counters=rates
# It keeps points and knows no end: what its user takes for current.
influxdb_stale=10
influxdb_udp_stale=10

influxdb_ports() {
  free_port
  influxdb_port=$port
  free_port
  influxdb_rpc_port=$port
  free_port
  influxdb_collectd_port=$port
  free_port
  influxdb_lines_port=$port
}

influxdb_configure() {
  influxdb_ports
  copied collectd.conf.d/influxdb.conf
  sed -i -e "s/25826/$influxdb_collectd_port/" \
    -e 's/FlushInterval 10/FlushInterval 1/' "$copy"
  besides="Include \"$copy\""
}

influxdb_udp_configure() {
  influxdb_ports
  copied collectd.conf.d/influxdb-udp.conf
  sed -i "s/8089/$influxdb_lines_port/" "$copy"
  besides="Include \"$copy\""
}

influxdb_files() {
  local data=$tmp/influxdb
  mkdir -p "$data"
  copied receivers/influxdb.conf
  sed -i -e "s/25826/$influxdb_collectd_port/" \
    -e "s/8089/$influxdb_lines_port/" "$copy"
  cat - "$copy" >"$data/influxdb.conf" <<-EOF
	reporting-enabled = false
	bind-address = "127.0.0.1:$influxdb_rpc_port"
	[meta]
	  dir = "$data/meta"
	[data]
	  dir = "$data/data"
	  wal-dir = "$data/wal"
	  query-log-enabled = false
	[monitor]
	  store-enabled = false
	[http]
	  bind-address = "127.0.0.1:$influxdb_port"
	  log-enabled = false
	EOF
}

influxdb_start() {
  [ -e "$tmp/influxdb/influxdb.conf" ] || influxdb_files
  spawn influxd run -config "$tmp/influxdb/influxdb.conf" \
    >>"$tmp/influxdb.log" 2>&1
  influxd=$spawned
  wait_for 30 curl -sf "http://127.0.0.1:$influxdb_port/ping" ||
    diag "no InfluxDB"$'\n'"$(tail -n 5 "$tmp/influxdb.log")"
}

influxdb_stop() {
  kill "$influxd"
  wait "$influxd"
}

influxdb_ask() { # DATABASE QUERY
  curl -sG "http://127.0.0.1:$influxdb_port/query" -d "db=$1" -d epoch=u \
    --data-urlencode "q=$2"
}

influxdb_where() { # INSTANCE SERIES
  local type=${2%%-*} type_instance=
  [ "$type" = "$2" ] || type_instance=${2#*-}
  echo "instance='$1' AND type='$type' AND type_instance='$type_instance'"
}

influxdb_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "SELECT value FROM proctrace_${3:-value}" \
    "WHERE $(influxdb_where "$1" "$2")"
}

influxdb_rows() { # DATABASE QUERY: "<time> <value>" lines
  influxdb_ask "$1" "$2" |
    jq -r '.results[].series[]?.values[] | "\(.[0] / 1e6) \(.[1])"'
}

influxdb_points() { # INSTANCE SERIES [DATA_SOURCE]
  influxdb_rows collectd "$(influxdb_query "$@")"
}

influxdb_names() { # DATABASE
  influxdb_ask "$1" 'SHOW TAG VALUES WITH KEY = "instance"' |
    jq -r '.results[].series[]?.values[][1]'
}

influxdb_instances() {
  influxdb_names collectd
}

# The same server; a measurement, and a field for each data source.
influxdb_udp_start() {
  influxdb_start
}

influxdb_udp_stop() {
  influxdb_stop
}

influxdb_udp_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "SELECT \"${3:-value}\" FROM proctrace WHERE $(influxdb_where "$1" "$2")"
}

influxdb_udp_points() { # INSTANCE SERIES [DATA_SOURCE]
  influxdb_rows collectd_udp "$(influxdb_udp_query "$@")"
}

influxdb_udp_instances() {
  influxdb_names collectd_udp
}
