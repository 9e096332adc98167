#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every query of every dashboard, asked of the real receiver while processes do
# all that there are series of: an answer with nothing in it fails and names the
# panel. So do Prometheus' consoles and collection3's pictures.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/prometheus.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/influxdb.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/graphite.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/receivers/rrdtool.sh"
need perl:perl

# What e2e.sh and the receivers set.
# shellcheck disable=SC2154

dashboards=$top/dashboards
group=doers$me

# --- what is going on ---

# A round each second; what takes longer has its bytes wait.
# shellcheck disable=SC2317 # spawn calls it
keep_going() {
  local in
  while sleep 1; do
    for in in "${worker_in[@]}"; do
      echo -n . >&"$in"
    done
  done
}

# Connects that are established, and others that are refused.
connects_start() {
  free_port
  cat >"$tmp/connects$me" <<'EOF'
while sleep 0.3; do
  for port in "$2" "$3"; do
    : <"/dev/tcp/127.0.0.1/$port"
  done
done
EOF
  spawn bash "$tmp/connects$me" 600 "$prometheus_port" "$port" 2>/dev/null
  worker_pid[connects]=$spawned
}

doers_start() {
  worker_start dio dio "$tmp" 20 4096 20 4096
  worker_start mmaps mmaps 100 1000000
  worker_start pingpong pingpong 200
  spawn keep_going
  connects_start
}

# Why there is no direct I/O, if so.
no_disk() {
  sed -n 's/^skip //p' "$tmp/dio.out"
}

# The kernel counts runs of BPF programs as long as somebody asks for it.
stats_wanted() {
  local bpf=321
  [ "$(uname -m)" = x86_64 ] || bpf=280
  perl -e "exit 1 if syscall($bpf, 32, my \$type = pack('L', 0), 4) < 0;
    \$| = 1; print 'on'; sleep 600"
}

all_series() {
  cat <<EOF
ProcessMatch "$group" "$tmp/(dio|connects|mmaps|pingpong)$me 600 "
Collect "state" "memory" "cpu" "contextswitch" "io" "files" "sched"
Collect "wchan" "pss" "histogram"
PssInterval 2
<Probe "syscall">
  LatencyOf "read" "write"
  Host true
</Probe>
<Probe "runqueue">
  Host true
</Probe>
Probe "blockio"
Probe "tcpconnect"
Probe "mmap"
EOF
}

# Why a panel may be empty on this machine; nothing if it must not.
excuse() { # DESCRIPTION QUERY
  case $1 in
  *Needs*Probe*) [ -z "$probes" ] || { echo "$probes" && return; } ;;
  esac
  case $1 in
  *bpf_stats_enabled*)
    [ -s "$tmp/stats" ] || { echo "no right to count runs" && return; }
    ;;
  esac
  case $2 in
  *blockio*) no_disk ;;
  esac
}

# --- asking ---

# Every query of a backend's dashboards, a line each: dashboard, title,
# description, part and the query with what Grafana puts in the place of
# variables. Parts have to answer, each by one of its lines: a process and a group
# have the same series, but for two.
questions() { # BACKEND
  local name
  for name in overview process host self; do
    jq -r --arg name "$name" --arg show "$show" --arg group "$group" \
      --arg processes "${processes[*]}" '
      def filled_in($process):
        gsub("[$][{]show:raw[}]"; $show) | gsub("[$]process"; $process)
        | gsub("[$]host"; "test") | gsub("[$]percentile"; "p99")
        | gsub("[$]__rate_interval"; "30s") | gsub("[$]__interval"; "2s")
        | gsub("[$]__range_s"; "60") | gsub("[$]__range"; "60s")
        | gsub("[$]timeFilter"; "time > now() - 60s");
      def whose($title):
        if contains("$process") | not then ["any", ""]
        else
          ["group", $group], ["process", ($processes / " ")[]]
          | select((.[0] == "group" and $title == "Lives since")
                   or (.[0] == "process" and $title == "Restarts") | not)
          | .[0] as $kind | .[1:][] | [$kind, .]
        end;
      .panels[] | select(.targets) | . as $panel
      | .targets | to_entries[] | .key as $n
      | (.value | .expr // .query // .target) as $query
      | ($query | whose($panel.title)) as [$kind, $process]
      | [$name, ($panel.title | filled_in("")), $panel.description,
         "\($kind)\($n)", ($query | filled_in($process))] | join("\t")' \
      "$dashboards/grafana/$1/$name.json"
  done
}

# What curl is to ask, for the numbers and queries that stdin has.
requests() { # BACKEND
  local url
  case $1 in
  prometheus) url=$prometheus_port/api/v1/query ;;
  influxdb) url="$influxdb_port/query?db=collectd" ;;
  graphite) url="$graphite_port/render?format=json&from=-1min" ;;
  esac
  jq -rR --arg url "http://127.0.0.1:$url" --arg out "$tmp/answers/" \
    --arg field "$(sed 's/prometheus/query/; s/influxdb/q/; s/graphite/target/' \
      <<<"$1")" '
    split("\t") | "url = \($url | @json)", "get",
    "data-urlencode = \("\($field)=\(.[1])" | @json)",
    "output = \($out + .[0] | @json)", "next"' | sed '$d'
}

# How many series have a value, and one of the values, after a number; or what
# was wrong.
read_answers() { # BACKEND
  local filter
  case $1 in
  prometheus) filter='.error //
    "\(.data.result | length) \(.data.result[0].value[1])"' ;;
  influxdb) filter='.error // .results[0].error //
    (.results[0].series // [] |
      "\(length) \(.[0].values[-1][1])")' ;;
  graphite) filter='[.[] | [.datapoints[][0] | values] | select(. != [])] |
    "\(length) \(.[0][-1])"' ;;
  esac
  find "$tmp/answers" -type f -exec jq -r \
    "\"\(input_filename | split(\"/\")[-1])\t\($filter)\"" {} +
}

# Asks what has no answer yet; fails if a part has none.
ask() { # BACKEND
  rm -rf "$tmp/answers"
  mkdir "$tmp/answers"
  awk -F'\t' 'FILENAME == ARGV[1] {answer[$1] = $2; next}
    answer[FNR] !~ /^[1-9]/ {print FNR "\t" $5}' \
    "$tmp/answered" "$tmp/questions" | requests "$1" >"$tmp/requests"
  curl -s -K "$tmp/requests"
  read_answers "$1" >>"$tmp/answered"
  awk -F'\t' 'FILENAME == ARGV[1] {answer[$1] = $2; next}
    {part = $1 FS $2 FS $4; parts[part]; if (answer[FNR] ~ /^[1-9]/) good[part]}
    END {for (part in parts) if (!(part in good)) exit 1}' \
    "$tmp/answered" "$tmp/questions"
}

# --- Grafana's dashboards ---

# Of a panel: the title, the description, and for each part how it went.
test_panel() { # BACKEND DASHBOARD TITLE DESCRIPTION
  local text="$1, $2: $3" why part queries='' failed=()
  for part in "${!said[@]}"; do
    queries+=${said[$part]}
    [ -n "${good[$part]-}" ] || failed+=("$part")
  done
  why=$(excuse "$4" "$queries")
  if [ -n "$why" ] && [ "${#failed[@]}" -gt 0 ]; then
    skip "$text" "$why"
    return
  fi
  for part in "${!said[@]}"; do
    diag "${said[$part]}"
  done
  is "${failed[*]}" "" "$text"
}

test_dashboards() { # BACKEND
  local try dashboard title description part query answer
  local before='' panel=()
  local -A said=() good=()
  questions "$1" >"$tmp/questions"
  : >"$tmp/answered"
  for try in {1..8}; do
    ask "$1" && break
    [ "$try" -eq 8 ] || sleep 1
  done
  while IFS=$'\t' read -r dashboard title description part query answer; do
    if [ "$dashboard/$title" != "$before" ]; then
      [ -z "$before" ] || test_panel "$1" "${panel[@]}"
      before=$dashboard/$title
      panel=("$dashboard" "$title" "$description")
      said=() good=()
    fi
    [ -z "${good[$part]-}" ] || continue
    said[$part]="$query: $answer"
    [[ $answer != [1-9]* ]] || good[$part]=yes
  done < <(awk -F'\t' 'FILENAME == ARGV[1] {answer[$1] = $2; next}
    {print $0 FS (answer[FNR] == "" ? "no answer" : answer[FNR])}' \
    "$tmp/answered" "$tmp/questions")
  test_panel "$1" "${panel[@]}"
}

# By the dashboard's query, beside what /proc says.
test_oracle() { # BACKEND
  local query files=/proc/${worker_pid[dio]}/fd
  query=$(questions "$1" | awk -F'\t' -v process="${processes[0]}" \
    '$1 == "process" && $2 == "Open files" && index($5, process) {print $5}')
  printf 'process\tOpen files\t-\tprocess0\t%s\n' "$query" >"$tmp/questions"
  : >"$tmp/answered"
  ask "$1"
  files=$(find "$files" -type l | wc -l)
  diag "$query: $(cut -d' ' -f2 "$tmp/answered"), oracle $files"
  is "$(cut -d' ' -f2 "$tmp/answered" | cut -d. -f1)" "$files" \
    "$1: open files, as many as /proc has"
}

variable() { # BACKEND DASHBOARD NAME FIELD
  jq -r --arg name "$3" ".templating.list[] | select(.name == \$name) | .$4" \
    "$dashboards/grafana/$1/$2.json"
}

# What Grafana makes of a variable's query. Called by name:
# shellcheck disable=SC2317
{
  prometheus_choices() { # QUERY
    local inner=${1#label_values(}
    inner=${inner%)}
    prometheus_get query \
      --data-urlencode "query=group by (${inner##*, }) (${inner%, *})" |
      jq -r '.data.result[].metric[]'
  }

  influxdb_choices() { # QUERY
    influxdb_ask collectd "$1" | jq -r '.results[0].series[].values[][1]'
  }

  graphite_choices() { # QUERY
    curl -sfG "http://127.0.0.1:$graphite_port/metrics/find" \
      --data-urlencode "query=$1" | jq -r '.[].text'
  }
}

choices() { # BACKEND DASHBOARD NAME
  local regex
  regex=$(variable "$@" regex)
  "$1_choices" "$(variable "$@" query | sed "s/\$host/test/")" |
    REGEX=${regex:-/.*/} perl -ne 'BEGIN {($re) = $ENV{REGEX} =~ m{^/(.*)/$}}
      chomp; print defined $1 ? $1 : $_, "\n" if /$re/' | sort -u
}

test_variables() { # BACKEND
  local names
  is "$(choices "$1" process host)" test "$1: the hosts to choose from"
  is "$(choices "$1" overview host)" test "$1: the same of the overview"
  names=$(choices "$1" process process)
  diag "$(variable "$1" process process query): $(wc -w <<<"$names") names"
  is "$(printf '%s\n' "$group" "${processes[@]}" | sort | comm -23 - \
    <(echo "$names"))" "" "$1: the group and its processes to choose from"
  is "$(grep -xE 'host|self|other' <<<"$names")" "" "$1: and what is no process"
  if [ -n "$probes" ]; then
    skip "$1: the percentiles" "$probes"
  else
    is "$(choices "$1" process percentile | xargs)" "max p50 p90 p99" \
      "$1: the percentiles"
  fi
}

# --- Prometheus' consoles ---

console() { # NAME [PARAMETER=VALUE...]
  local name=$1 parameter arguments=()
  shift
  for parameter in range=1m window=30s "$@"; do
    arguments+=(--data-urlencode "$parameter")
  done
  curl -sG "http://127.0.0.1:$prometheus_port/consoles/proctrace-$name.html" \
    -w '\n<!-- status %{http_code} -->' "${arguments[@]}"
}

# Panels without a value, of a page.
empty_panels() {
  awk -F'[<>]' '
    /<h3>/ {title = $3}
    /<tbody/ {rows = 0}
    /<tr><td>/ {rows++}
    /<\/tbody>/ && !rows {print title}
    /class="wide"/ {wide = 1; rows = 0}
    wide && /<\/table>/ {if (!rows) print title; wide = 0}'
}

# Those that may be empty, for a process or a group, or without probes.
excused() { # NAME
  echo "Lives since"
  jq -r --arg name "$1" '.panels[] | select(.targets) | [.title, .description] |
    @tsv' "$dashboards/grafana/prometheus/$1.json" |
    while IFS=$'\t' read -r title description; do
      queries=$(jq -r --arg title "$title" '.panels[] |
        select(.title == $title).targets[].expr' \
        "$dashboards/grafana/prometheus/$1.json")
      [ -z "$(excuse "$description" "$queries")" ] ||
        echo "${title/\$percentile/p99}"
    done
}

test_console() { # NAME [PARAMETER=VALUE...]
  local html empty try
  for try in {1..5}; do
    html=$(console "$@")
    empty=$(empty_panels <<<"$html" | grep -vxF "$(excused "$1")")
    [[ $html == *"<!-- status 200 -->" ]] || empty=$(head -c 500 <<<"$html")
    [ -n "$empty" ] || break
    sleep 1 # a machine that stood still
  done
  diag "/consoles/proctrace-$1.html ${*:2}: $(grep -c '<tr><td>' <<<"$html")" \
    "values, for instance $(grep -m 1 -o '<tr><td>.*' <<<"$html" |
      sed 's/<[^>]*>/ /g')"
  is "$empty" "" "console $1, ${*:2}: every panel has a value"
}

# The pages draw with what Prometheus answers their scripts.
test_graphs() {
  command -v chromium >/dev/null || {
    skip "a browser draws the graphs of a console" "there is no chromium"
    return
  }
  # shellcheck source-path=SCRIPTDIR
  . "$here/browser.sh"
  local lines
  lines=$(page "http://127.0.0.1:$prometheus_port/consoles/`
    `proctrace-process.html?process=$group&range=1m&window=30s" |
    grep -o '<path d="M[^"]*L' | wc -l)
  diag "$lines lines"
  ok "a browser draws the graphs of a console" [ "$lines" -ge 20 ]
}

# --- collection3 ---

# A file of each type.
each_type() {
  find "$rrds/test" -name '*.rrd' -printf '%P\n' |
    sed -nE 's,^proctrace-([^/]+)/([a-z_0-9]+)(-(.*))?\.rrd$,\2 \1 \4,p' |
    sort | awk '!seen[$1]++'
}

# shellcheck disable=SC2317 # ok calls it
has_title() { # TYPE INSTANCE QUERY
  collection3_get "bin/graph.cgi?$3;debug=1" | grep "^$1 of $2"
}

test_types() {
  local type instance type_instance query picture=$tmp/picture.png
  local unseen
  unseen=$(each_type | cut -d' ' -f1 | comm -13 - <(sed -n \
    's/^<Type \(.*\)>/\1/p' "$dashboards/collection3/proctrace.conf"))
  if [ -n "$probes" ]; then
    skip "collection3: each type of its definitions has come" "$probes"
  else
    is "$unseen" "" "collection3: each type of its definitions has come"
  fi
  while read -r type instance type_instance; do
    query="hostname=test;plugin=proctrace;plugin_instance=$instance;type=$type"
    query="$query${type_instance:+;type_instance=$type_instance};begin=-60"
    collection3_get "bin/graph.cgi?$query" >"$picture"
    diag "graph.cgi?$query: $(wc -c <"$picture") bytes"
    ok "collection3: a picture of $type" grep -q '^.PNG' "$picture"
    [ "$type" != ps_count ] ||
      ok "with the title of its definition" wait_for 10 has_title "$type" \
        "$instance" "$query"
  done < <(each_type)
}

# --- all of it ---

start_all() {
  local name all
  for name in prometheus influxdb graphite rrdtool; do
    "${name}_configure"
    all=${all-}$besides$'\n'
  done
  besides=$all
  prometheus_arguments=(--web.console.templates="$dashboards/prometheus")
  rrdtool_start
  prometheus_start
  doers_start
  collectd_start < <(all_series) || return
  graphite_start
  influxdb_start
  collection3_start
}

level() { # NUMBER; what the overview shows: processes, groups
  variable prometheus overview show "options[$1].value"
}

stats_wanted >"$tmp/stats" 2>/dev/null &
tap_pids+=($!)
start_all || {
  ok "collectd starts" false
  finish
}
probes=$(why_no_probe)
processes=()
for name in dio mmaps pingpong connects; do
  processes+=("$group-${worker_pid[$name]}")
done
show=$(level 0)

for backend in prometheus influxdb graphite; do
  test_dashboards "$backend"
  test_oracle "$backend"
  test_variables "$backend"
done

test_console overview host=test
test_console overview host=test "show=$(level 1)"
test_console process host=test "process=$group"
test_console host host=test
test_console self host=test
test_console self
test_graphs
test_types
collectd_stop
is "$stopped" 0 "collectd ends well"
finish
