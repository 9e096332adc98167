#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The package's unit and both drop-ins under a systemd that runs: what it denies
# is seen only there.

# shellcheck disable=SC2317 # functions that `ok` and `wait_for` call
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/engine.sh"
need debootstrap dpkg-buildpackage dh apt-get
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
[ -n "$(mirror)" ] || skip_all "apt knows no mirror of Debian's $(release)"

examples=/usr/share/doc/collectd-proctrace/examples
csv=/var/lib/collectd/csv

# In the container; systemd's own noise is not the test's.
there() { # COMMAND...
  podman exec booted "$@" 2>/dev/null
}

configure() { # DROP-IN LINE; and start collectd anew
  cat >"$tmp/collectd.conf" <<EOF
Hostname "test"
FQDNLookup false
Interval 1
LoadPlugin csv
LoadPlugin proctrace
<Plugin csv>
  DataDir "$csv"
</Plugin>
<Plugin proctrace>
  Probe "syscall"
  $2
</Plugin>
EOF
  podman cp "$tmp/collectd.conf" booted:/etc/collectd/collectd.conf
  there mkdir -p /etc/systemd/system/collectd.service.d
  there cp "$examples/collectd-$1.conf" \
    /etc/systemd/system/collectd.service.d/proctrace.conf
  there systemctl stop collectd # or the one before writes on
  there rm -rf "$csv"
  there systemctl daemon-reload
  there systemctl start collectd
}

# The last values of collectd come from BPF, and have probes.
measures() {
  there sh -c "ls $csv/test/proctrace-self/gauge-source_bpf-* \
    $csv/test/proctrace-*/operations-syscalls-*"
}

capabilities() { # UNIT
  there sh -c "grep CapEff /proc/\$(systemctl show -p MainPID --value $1)/status" |
    cut -f 2
}

unit_is() { # STATE
  [ "$(there systemctl is-active proctrace-bpf)" = "$1" ]
}

# Which load the pins are of, and who reads them.
read_load() {
  there proctrace-bpf status | awk '/^pins|^reader/ {print $NF}'
}

reader_changed() { # SINCE
  local now
  now=$(read_load)
  [[ $now != "$1" && $now =~ [0-9]$ ]]
}

plan 21
distribution "$tmp/proctrace" || finish
ok "the package" build_package "$tmp/proctrace" || finish
bare_root "$tmp/root" || finish
inside apt-get -q update >/dev/null 2>&1
cp "$(package)" "$root/opt/proctrace.deb"
ok "it installs" install systemd libmnl0 /opt/proctrace.deb
rm "$root/usr/sbin/policy-rc.d"
ok "podman has it" import_root localhost/booted || finish
ok "systemd starts" podman run --detach --name booted --systemd=always \
  --privileged localhost/booted /lib/systemd/systemd
ok "and is up" wait_for 60 there systemctl is-active multi-user.target || finish

# As systemd itself mounts it where it is not in a container.
there mount -t bpf -o mode=700 bpf /sys/fs/bpf
pinned=$(there ls /sys/fs/bpf)
ok "the unit does not start by itself" unit_is inactive
ok "it can be started" podman exec booted systemctl start proctrace-bpf ||
  diag "$(there journalctl -o cat -u proctrace-bpf | tail)"
is "$(there stat -c '%A %U %G' /sys/fs/bpf/proctrace)" \
  "drwxr-x--- root collectd" "the pins are the group's to read"

configure split 'PinPath "/sys/fs/bpf/proctrace"'
ok "split: collectd reads the pins" wait_for 30 measures
is "$(capabilities collectd)" 0000000000000000 "without any capability"
before=$(read_load)
ok "the unit can be reloaded" there systemctl reload proctrace-bpf
ok "and collectd reads the new pins" wait_for 30 reader_changed "$before"
there systemctl stop proctrace-bpf
is "$(there ls /sys/fs/bpf)" "$pinned" "stopped, it leaves no pin"

configure all-in-one ''
ok "all in one: collectd loads by itself" wait_for 30 measures
is "$(capabilities collectd)" 000000c000080004 "with four capabilities"

there systemctl start proctrace-bpf
ok "installed again, the unit stays" there dpkg --install /opt/proctrace.deb
ok "active" unit_is active
ok "removed, it is stopped" there dpkg --remove collectd-proctrace
is "$(there ls /sys/fs/bpf)" "$pinned" "and there is no pin"
finish
