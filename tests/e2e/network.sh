#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to a central collectd, over a wire that others may listen to.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/network.sh"
need collectd-tg:collectd-utils python3:python3-minimal

# What passes the wire in three seconds: how many packets, and in how many of
# them our plugin's name can be read.
# shellcheck disable=SC2317 # called by network_more
listen() {
  "${central_in[@]}" python3 - <<-'EOF'
	import socket, time
	wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
	wire.settimeout(0.5)
	packets = readable = 0
	end = time.time() + 3
	while time.time() < end:
	  try:
	    packet = wire.recv(65536)
	  except socket.timeout:
	    continue
	  packets += 1
	  readable += b"proctrace" in packet
	print(packets, readable)
	EOF
}

# shellcheck disable=SC2317 # called by path_test
network_more() {
  local packets readable
  read -r packets readable < <(listen)
  diag "$packets packets, $readable of them readable"
  ok "values are on the wire" test "$packets" -gt 2
  is "$readable" 0 "nobody else can read them"
  # All of it for three seconds, so that some would have come.
  timeout 3 "${as_user[@]}" collectd-tg -n 100 -H 1 -p 1 -i 1 -d 192.0.2.2 \
    -D "$port" >/dev/null 2>&1
  is "$(central_ask listval | grep -v '^test/proctrace-')" "" \
    "what is not encrypted is not taken"
}

workload_start
network_spaces
network_configure
observed </dev/null
network_start
path_test network 3
finish
