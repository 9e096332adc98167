#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# All files of collectd.conf.d in one directory that collectd.conf includes as a
# whole, in the words of Debian's and of Fedora's.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
need collectdctl:collectd-utils

declare -A include=(
  [Debian]="<Include \"$tmp/conf.d\">
    Filter \"*.conf\"
  </Include>"
  [Fedora]="Include \"$tmp/conf.d\""
)

# The plugins that the files load; collectd wants regular files.
loaded() {
  cat "$top"/collectd.conf.d/*.conf |
    sed -n 's/^ *<*LoadPlugin "*\([a-z_]*\).*/\1/p' | sort -u
}

lacking() { # PLUGIN: a library of it
  ldd "/usr/lib/collectd/$1.so" 2>&1 | sed -n 's/ *=> not found//p'
}

# They send to a port where nobody listens.
copy_files() {
  local file nobody module=$PWD/.libs/proctrace_bpf.so
  mkdir "$tmp/conf.d"
  free_port
  nobody=$port
  free_port
  for file in "$top"/collectd.conf.d/*.conf; do
    sed -e "s/\"\(2003\|8089\|6379\|25826\)\"/\"$nobody\"/" \
      -e "s/127.0.0.1:8080/127.0.0.1:$nobody/" \
      -e "s/9103/$port/" -e 's/#Host/Host/' \
      -e "s,/var/lib/collectd,$tmp," \
      -e "s,^<Plugin proctrace>,&\n  BpfModule \"$module\"," \
      "$file" >"$tmp/conf.d/${file##*/}"
  done
}

start_included() { # LINES
  rm -f "$tmp/log" "$tmp/socket"
  cat >"$tmp/conf" <<-EOF
	Hostname "test"
	FQDNLookup false
	BaseDir "$tmp"
	PIDFile "$tmp/pid"
	Interval 1
	PluginDir "$tmp/plugins"
	LoadPlugin logfile
	<Plugin logfile>
	  File "$tmp/log"
	  PrintSeverity true
	</Plugin>
	LoadPlugin unixsock
	<Plugin unixsock>
	  SocketFile "$tmp/socket"
	  SocketGroup "$(id -gn)" # there may be none of collectd's name
	  SocketPerms "0600"
	</Plugin>
	$1
	EOF
  spawn collectd -f -C "$tmp/conf" >"$tmp/out" 2>&1
  collectd=$spawned
}

# shellcheck disable=SC2317 # called by name
has_values() {
  collectdctl -s "$tmp/socket" listval | grep -q '^test/proctrace-self/'
}

# All but that nobody listens, what a machine lacks for probes, what a threshold
# says, and a complaint that write_prometheus always has.
unexpected() {
  complaints | grep -vE 'refused|command error|[Cc]onnect|no probe runs' |
    grep -vE 'Notification: |MHD_OPTION_EXTERNAL_LOGGER'
}

# shellcheck disable=SC2317 # called by name
{
  has_processes() {
    collectdctl -s "$tmp/socket" listval | grep -q '^test/proctrace-.*-[0-9]*/'
  }
  has_groups_files() { [ -e "$tmp/rrd/test/proctrace-busy/ps_count.rrd" ]; }
}

for name in $(loaded) logfile unixsock; do
  [ "$name" != proctrace ] || continue
  cp "/usr/lib/collectd/$name.so" "$tmp/plugins" ||
    skip_all "collectd's plugin $name is not there"
  [ -z "$(lacking "$name")" ] ||
    skip_all "collectd's plugin $name lacks $(lacking "$name" | xargs)"
done
copy_files

for system in "${!include[@]}"; do
  start_included "${include[$system]}"
  ok "$system: collectd starts with all files, and reads" wait_for 30 has_values
  for name in $(loaded); do
    ok "$system: $name is loaded" \
      logged "plugin \"$name\" successfully loaded"
  done
  is "$(unexpected)" "" "$system: there is nothing to complain of"
  reap "$collectd"
done

# The filter chain of rrdtool.conf, which stands there as a comment.
rm -rf "$tmp/rrd"
cp /usr/lib/collectd/match_regex.so "$tmp/plugins"
sed -i -e '/^#LoadPlugin match_regex/,$ s/^#//' \
  -e 's/CacheTimeout .*/CacheTimeout 0/' "$tmp/conf.d/rrdtool.conf"
start_included "${include[Debian]}"
ok "with the filter chain: single processes have values" \
  wait_for 30 has_processes
ok "groups have RRD files" wait_for 30 has_groups_files
sleep 2 # reads in which the others would come
is "$(find "$tmp/rrd" -name 'proctrace-*-[0-9]*' -printf '%f ')" "" \
  "single processes have none"
reap "$collectd"
finish
