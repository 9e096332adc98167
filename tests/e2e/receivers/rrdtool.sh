# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# RRD files, written by the plugin rrdtool, and collection3 behind lighttpd. The
# receiver that is away is a directory that is not there: a disk that is not
# mounted. It also has
#
#   rrdtool_file INSTANCE SERIES
#   collection3_start           # at $collection3, a URL; it reads these files
#   collection3_page INSTANCE [TYPE...]    # the path of its page
#   collection3_get PATH
#
# Everything is ten times as fast as in the file that users copy.

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

need rrdtool:rrdtool collectdctl:collectd-utils curl:curl \
  /usr/lib/collectd/rrdtool.so:collectd-core

rrdtool_counters=rates
# The heartbeat is two intervals, and a row is complete when the next one began.
rrdtool_stale=4

rrds=$tmp/disk/rrd

rrdtool_configure() {
  copied collectd.conf.d/rrdtool.conf
  # Rows of one interval each, as they are with ten seconds.
  sed -i -e "s,^  DataDir.*,  DataDir \"$rrds\"\n  RRATimespan 1200," \
    -e 's/CacheTimeout .*/CacheTimeout 12/' \
    -e 's/CacheFlush .*/CacheFlush 90/' \
    -e 's/WritesPerSecond .*/WritesPerSecond 500/' "$copy"
  besides="Include \"$copy\"
    LoadPlugin unixsock
    <Plugin unixsock>
      SocketFile \"$tmp/socket\"
      SocketPerms \"0600\"
    </Plugin>"
}

# In one step: collectd makes directories whenever it finds none.
rrdtool_disk() { # mounted|unmounted
  ln -s "$1" "$tmp/disk.new"
  mv -T "$tmp/disk.new" "$tmp/disk"
}

rrdtool_start() {
  mkdir -p "$tmp/mounted/rrd"
  rrdtool_disk mounted
}

rrdtool_stop() {
  : >"$tmp/unmounted"
  rrdtool_disk unmounted
}

rrdtool_file() { # INSTANCE SERIES
  echo "$rrds/test/proctrace-$1/$2.rrd"
}

rrdtool_flush() { # INSTANCE SERIES
  collectdctl -s "$tmp/socket" flush plugin=rrdtool \
    identifier="test/proctrace-$1/$2" >/dev/null 2>&1
  sleep 0.1
}

rrdtool_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "rrdtool fetch $(rrdtool_file "$@") AVERAGE, ${3:-value}"
}

# What reads an RRD file does not wait for collectd, which writes to it just then.
rrdtool_answers() { # FILE ARGUMENT...
  rrdtool fetch "$@" >"$tmp/rrdtool.answer" 2>&1 ||
    ! grep -q 'could not lock RRD' "$tmp/rrdtool.answer"
}

rrdtool_points() { # INSTANCE SERIES [DATA_SOURCE]
  rrdtool_flush "$@"
  wait_for 5 rrdtool_answers "$(rrdtool_file "$@")" AVERAGE -s -600 -e now
  awk -v source="${3:-value}" '
    NR == 1 {for (i = 1; i <= NF; i++) if ($i == source) column = i + 1}
    NR > 2 && $column !~ /nan/ {print $1 + 0, $column + 0}' OFMT=%.12g \
    "$tmp/rrdtool.answer"
}

rrdtool_instances() {
  find "$rrds" -mindepth 2 -maxdepth 2 -printf '%f\n' |
    sed -n 's/^proctrace-//p'
}

collection3_start() {
  local from=/usr/share/doc/collectd-core/examples/collection3 module
  need lighttpd:lighttpd "$from/bin/graph.cgi:collectd-core"
  for module in RRDs:librrds-perl Config::General:libconfig-general-perl \
    Regexp::Common:libregexp-common-perl CGI:libcgi-pm-perl \
    HTML::Entities:libhtml-parser-perl URI::Escape:liburi-perl; do
    perl -M"${module%:*}" -e 1 2>/dev/null ||
      skip_all "Perl has no ${module%:*} (Debian's package ${module##*:})"
  done
  cp -a "$from" "$tmp/collection3"
  cat "$top/dashboards/collection3/proctrace.conf" \
    >>"$tmp/collection3/etc/collection.conf"
  sed -i -e "s|^#DataDir.*|DataDir \"$rrds\"|" \
    -e "s|^#UnixSockAddr.*|UnixSockAddr \"$tmp/socket\"|" \
    "$tmp/collection3/etc/collection.conf"
  free_port
  collection3=http://127.0.0.1:$port
  cat >"$tmp/lighttpd.conf" <<EOF
server.modules = ( "mod_cgi" )
server.document-root = "$tmp/collection3"
server.bind = "127.0.0.1"
server.port = $port
server.errorlog = "$tmp/lighttpd.log"
server.breakagelog = "$tmp/collection3.log"
mimetype.assign = ( ".css" => "text/css", ".js" => "text/javascript",
  ".png" => "image/png" )
cgi.assign = ( ".cgi" => "$(command -v perl)" )
EOF
  spawn lighttpd -D -f "$tmp/lighttpd.conf"
  wait_for 30 collection3_answers bin/index.cgi ||
    diag "no collection3"$'\n'"$(tail -n 5 "$tmp/lighttpd.log")"
}

collection3_answers() { # PATH
  curl -sf "$collection3/$1" >"$tmp/collection3.answer" &&
    [ -s "$tmp/collection3.answer" ]
}

# Its answer is empty if collectd was writing the file (rrdtool_answers).
collection3_get() { # PATH
  wait_for 10 collection3_answers "$1" ||
    diag "$(tail -n 5 "$tmp/collection3.log")" >&2
  cat "$tmp/collection3.answer"
}

# Of the last two minutes.
collection3_page() { # INSTANCE [TYPE...]
  local types=("${@:2}")
  echo "bin/index.cgi?action=show_selection;hostname=test;plugin=proctrace" \
    "plugin_instance=$1" "${types[@]/#/type=}" "timespan=120" | tr ' ' ';'
}
