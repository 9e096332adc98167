# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A central collectd with the file that users copy: it takes what network.conf
# sends, encrypted.
#
#   central_configure ADDRESS LISTEN   # where it is, and the address it listens
#                               # at; sets $besides for the other collectd
#   central_start <<< "more lines"     # it lives in $central_at
#   central_stop
#   central_ask COMMAND...      # collectdctl of its socket
#   central_in=(command ...)    # what to run it with

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

need collectdctl:collectd-utils
ldd /usr/lib/collectd/network.so 2>/dev/null | grep -q "not found" &&
  skip_all "collectd's network plugin lacks a library"

central_in=()
central_at=$tmp/central

central_configure() { # ADDRESS LISTEN
  free_port
  mkdir "$central_at"
  echo "myhost: change me" >"$central_at/auth"
  copied receivers/collectd-central.conf
  sed -i -e "s/0.0.0.0\" \"25826/$2\" \"$port/" \
    -e "s,/etc/collectd/auth,$central_at/auth," "$copy"
  central_conf=$copy
  copied collectd.conf.d/network.conf
  sed -i -e "s/127.0.0.1\" \"25826/$1\" \"$port/" \
    -e 's/FlushInterval 10/FlushInterval 1/' "$copy"
  besides="Include \"$copy\""
}

central_start() { # stdin: what it writes to
  {
    cat <<-EOF
	Hostname "central"
	FQDNLookup false
	BaseDir "$central_at"
	PIDFile "$central_at/pid"
	Interval 1
	LoadPlugin logfile
	LoadPlugin unixsock
	<Plugin logfile>
	  File "$central_at/log"
	</Plugin>
	<Plugin unixsock>
	  SocketFile "$central_at/socket"
	  SocketPerms "0600"
	  DeleteSocket true
	</Plugin>
	Include "$central_conf"
	EOF
    cat
  } >"$central_at/conf"
  spawn "${central_in[@]}" collectd -f -C "$central_at/conf" \
    >"$central_at/out" 2>&1
  central=$spawned
  wait_for 30 central_ask listval ||
    diag "no central collectd"$'\n'"$(tail -n 5 "$central_at/out")"
}

central_stop() {
  kill "$central"
  wait "$central"
}

central_ask() { # COMMAND...
  collectdctl -s "$central_at/socket" "$@"
}
