# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Many hosts: what a real collectd with the plugin sends is recorded, and played
# to a central collectd under other names (hosts.c). Comes after e2e.sh.
#
#   record READS <<< "lines of the plugin"     # in $tmp/recording
#   central_start <<< "lines of collectd"      # $central; $central_port
#   central_stop                # its exit status; its log is `logged`
#   play HOSTS READS SECONDS    # all of them once in SECONDS: $sent_lists,
#                               # $sent_values, $sent_packets, $sent_bytes, $late
#   usage PID                   # what it has used by now, for:
#   cost WHO PID BEFORE NUMBER UNIT ALIVE      # a sentence

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

# One host, from its first read on, with a whole read at the end.
record() { # READS
  local recorder
  spawn tests/e2e/hosts record "$tmp/recording" >"$tmp/recorder"
  recorder=$spawned
  wait_for 10 grep -q ready "$tmp/recorder"
  csv=$tmp/csv/host-0000
  besides="Hostname \"host-0000\"
    LoadPlugin network
    <Plugin network>
      Server \"127.0.0.1\" \"$(cut -d ' ' -f 2 "$tmp/recorder")\"
    </Plugin>"
  collectd_start
  wait_for $((30 + $1 * 2)) reads_since 0 "$1"
  sleep 0.3 # not in the middle of a read
  collectd_stop
  reap "$recorder"
}

central_start() { # stdin: where it writes to
  local dir=$tmp/central
  mkdir -p "$dir"
  rm -f "$tmp/log"
  free_port
  central_port=$port
  copied receivers/collectd-central.conf
  sed -i -e "s/\"0.0.0.0\" \"25826\"/\"127.0.0.1\" \"$central_port\"/" \
    -e 's/"Encrypt"/"None"/' -e '/AuthFile/d' -e 's/#ReportStats/ReportStats/' \
    -e 's/FlushInterval 10/FlushInterval 1/' "$copy"
  {
    cat <<-EOF
	Hostname "central"
	FQDNLookup false
	BaseDir "$dir"
	PIDFile "$dir/pid"
	Interval 1
	LoadPlugin logfile
	<Plugin logfile>
	  File "$tmp/log"
	  PrintSeverity true
	</Plugin>
	Include "$copy"
	EOF
    cat
  } >"$dir/conf"
  spawn collectd -f -C "$dir/conf"
  central=$spawned
  wait_for 10 logged "entering read-loop"
}

central_stop() {
  kill "$central"
  wait "$central"
}

play() { # HOSTS READS SECONDS
  tests/e2e/hosts play "$tmp/recording" "$central_port" "$1" "$2" "$3" "$3" \
    >"$tmp/played"
  {
    read -r _ sent_lists sent_values sent_packets sent_bytes
    read -r _ late
  } <"$tmp/played"
}

usage() { # PID: "<seconds of CPU time> <kB>"
  awk -v hz="$(getconf CLK_TCK)" '
    FNR == NR {sub(/.*\) /, ""); cpu = ($12 + $13) / hz}
    /^VmRSS:/ {print cpu, $2}' "/proc/$1/stat" "/proc/$1/status"
}

cost() { # WHO PID BEFORE NUMBER UNIT ALIVE
  awk -v who="$1" -v now="$(usage "$2")" -v before="$3" -v number="$4" \
    -v unit="$5" -v alive="$6" 'BEGIN {
      split(before, old)
      split(now, new)
      cpu = new[1] - old[1]
      printf "%s: %.2f s of CPU time, %.1f us for each of %d %ss; ", who, cpu,
        cpu * 1e6 / number, number, unit
      printf "%d MB, %.2f kB more for each of %d that are alive\n",
        new[2] / 1024, (new[2] - old[2]) / alive, alive
    }'
}
