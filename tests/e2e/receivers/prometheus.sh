# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Prometheus, with the scrape configuration that users copy, fed by
# write_prometheus. It also has
#
#   prometheus_ask PROMQL       # "<labels> <time> <value>" of an instant query
#   prometheus_get PATH [ARGUMENT...]    # of its API, JSON
#   prometheus_arguments=()     # further ones of the command, rules for instance
#   $prometheus_port, $exporter_port

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

need prometheus:prometheus promtool:prometheus curl:curl jq:jq \
  /usr/lib/collectd/write_prometheus.so:collectd-core

prometheus_counters=raw
# How long an instant query looks back.
prometheus_stale=10
prometheus_arguments=()

prometheus_configure() {
  free_port
  exporter_port=$port
  copied collectd.conf.d/prometheus.conf
  sed -i -e "s/9103/$exporter_port/" -e "s/#Host/Host/" "$copy"
  besides="Include \"$copy\""
}

prometheus_start() {
  if [ -z "${prometheus_port-}" ]; then
    free_port
    prometheus_port=$port
    copied receivers/prometheus.yml
    prometheus_yml=$copy
    sed -i -e "s/127.0.0.1:9103/127.0.0.1:$exporter_port/" \
      -e 's/\(scrape_[a-z]*\): .*/\1: 1s/' "$prometheus_yml"
  fi
  spawn prometheus --config.file="$prometheus_yml" \
    --storage.tsdb.path="$tmp/prometheus" --log.level=warn \
    --web.listen-address="127.0.0.1:$prometheus_port" \
    --query.lookback-delta="${prometheus_stale}s" \
    "${prometheus_arguments[@]}" 2>"$tmp/prometheus.log"
  prometheus=$spawned
  wait_for 30 curl -sf "http://127.0.0.1:$prometheus_port/-/ready" ||
    diag "no Prometheus"$'\n'"$(tail -n 5 "$tmp/prometheus.log")"
}

prometheus_stop() {
  reap "$prometheus"
}

prometheus_get() { # PATH [CURL-ARGUMENT...]
  curl -sG "http://127.0.0.1:$prometheus_port/api/v1/$1" "${@:2}"
}

# collectd_<plugin>_<type>[_<data source>][_total for counters]
prometheus_query() { # INSTANCE SERIES [DATA_SOURCE]
  local type=${2%%-*} labels="proctrace=\"$1\"" name
  name=collectd_proctrace_$type${3:+_$3}
  [ "$type" = "$2" ] || labels="$labels,type=\"${2#*-}\""
  case $type in
  operations | total_* | derive | contextswitch | io_* | disk_* | \
    ps_cputime | ps_pagefaults) name=${name}_total ;;
  esac
  echo "$name{$labels}"
}

prometheus_ask() { # PROMQL
  prometheus_get query --data-urlencode "query=$1" | jq -r '
    .data.result[] | [(.metric | tojson), .value[0], .value[1]] | @tsv'
}

prometheus_points() { # INSTANCE SERIES [DATA_SOURCE]
  prometheus_get query --data-urlencode "query=$(prometheus_query "$@")[10m]" |
    jq -r '.data.result[].values[] | "\(.[0]) \(.[1])"' | sort -n
}

prometheus_current() { # INSTANCE SERIES [DATA_SOURCE]
  prometheus_get query --data-urlencode "query=$(prometheus_query "$@")" |
    jq -r '.data.result[].value[1]'
}

prometheus_instances() {
  prometheus_get label/proctrace/values | jq -r '.data[]'
}
