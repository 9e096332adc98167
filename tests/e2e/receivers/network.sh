# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A central collectd in a network namespace of its own, with csv files; the
# collectd with our plugin is in another one. `network_spaces` makes both.

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/central.sh"
need ip:iproute2 unshare:util-linux nsenter:util-linux

network_counters=raw
# A value that did not come for two intervals is forgotten.
network_stale=3

space= # the id of a process in the last one

new_space() {
  spawn unshare --net sleep 600
  space=$spawned
  wait_for 10 own_space "$space"
}

own_space() { # PID
  local its
  its=$(readlink "/proc/$1/ns/net") &&
    [ "$its" != "$(readlink /proc/self/ns/net)" ]
}

# 192.0.2.1 is the collectd with our plugin, 192.0.2.2 the central one.
network_spaces() {
  local sender
  new_space || skip_all "no network namespace can be made here"
  sender=$space
  new_space || skip_all "no network namespace can be made here"
  as_user=(nsenter "--net=/proc/$sender/ns/net")
  central_in=(nsenter "--net=/proc/$space/ns/net")
  "${as_user[@]}" ip link add wire type veth peer name wire netns "$space" ||
    skip_all "no pair of network devices can be made here"
  "${as_user[@]}" ip address add 192.0.2.1/24 dev wire
  "${central_in[@]}" ip address add 192.0.2.2/24 dev wire
  "${as_user[@]}" ip link set wire up
  "${central_in[@]}" ip link set wire up
}

network_configure() {
  central_configure 192.0.2.2 0.0.0.0
}

network_start() {
  central_start <<-EOF
	LoadPlugin csv
	<Plugin csv>
	  DataDir "$central_at/csv"
	  StoreRates false
	</Plugin>
	EOF
}

network_stop() {
  central_stop
}

network_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "test/proctrace-$1/$2, ${3:-value}"
}

# The first line of a file names its columns.
network_points() { # INSTANCE SERIES [DATA_SOURCE]
  cat "$central_at/csv/test/proctrace-$1/$2"-[0-9][0-9][0-9][0-9]-* \
    2>/dev/null | awk -F, -v name="${3:-value}" '
      $1 == "epoch" {for (i = 2; i <= NF; i++) if ($i == name) column = i; next}
      {print $1, $column}'
}

network_current() { # INSTANCE SERIES [DATA_SOURCE]
  central_ask getval "test/proctrace-$1/$2" 2>/dev/null |
    sed -n "s/^${3:-value}=//p"
}

network_instances() {
  central_ask listval | sed -n 's,^test/proctrace-\([^/]*\)/.*,\1,p'
}
