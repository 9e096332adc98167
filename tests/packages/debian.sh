#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The Debian package: built from the source archive, nothing for lintian to say;
# on a bare Debian it installs, starts nothing, works, and leaves without a
# trace.

# shellcheck disable=SC2317 # functions that `ok` and `wait_for` call
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/root.sh"
need debootstrap dpkg-buildpackage dh lintian apt-get

source=proctrace
examples=/usr/share/doc/collectd-proctrace/examples
pins=/sys/fs/bpf/proctrace

tmpdir
[ -n "$(mirror)" ] || skip_all "apt knows no mirror of Debian's $(release)"
# collectd runs as another user there.
chmod 755 "$tmp"

depends_on() { # PACKAGE
  dpkg-deb -f "$(package)" Depends | tr ',' '\n' | grep -qE "^ *$1( |\$)"
}

# What the package's scripts and collectd may not change.
settings() {
  (cd "$root" && find etc/systemd etc/collectd etc/default -type f -o -type l |
    sort | while read -r name; do
    echo "$name $(readlink "$name" || sha256sum <"$name")"
  done)
}

# Lines of <Plugin proctrace> on stdin; the arguments run it.
collectd_start() { # COMMAND...
  rm -rf "$root/tmp/run"
  mkdir -m 777 "$root/tmp/run"
  {
    cat <<-EOF
	Hostname "test"
	FQDNLookup false
	BaseDir "/tmp/run"
	Interval 1
	LoadPlugin logfile
	LoadPlugin csv
	LoadPlugin proctrace
	<Plugin logfile>
	  File "/tmp/run/log"
	  PrintSeverity true
	</Plugin>
	<Plugin csv>
	  DataDir "/tmp/run/csv"
	</Plugin>
	<Plugin proctrace>
	EOF
    cat
    echo "</Plugin>"
  } >"$root/tmp/collectd.conf"
  spawn chroot "$root" "$@" collectd -f -C /tmp/collectd.conf >/dev/null
  # shellcheck disable=SC2154 # tap.sh sets it
  collectd=$spawned
  wait_for 20 sources || diag "$(tail -n 5 "$root/tmp/run/log")"
}

# That the values come from, once there are any.
sources() {
  local name
  name=$(cd "$root/tmp/run/csv/test/proctrace-self" 2>/dev/null &&
    compgen -G 'gauge-source_*') || return
  echo "${name%%-20*}"
}

# Series of a process that only a probe has.
has_probes() {
  compgen -G "$root/tmp/run/csv/test/proctrace-*/operations-syscalls-*" \
    >/dev/null
}

# Whether BPF can be had here at all.
bpf_missing() {
  [ -r /sys/kernel/btf/vmlinux ] || echo "this kernel has no BTF"
}

plan 29
distribution "$tmp/$source" || finish
ok "dpkg-buildpackage -us -uc -b" build_package "$tmp/$source" || finish
is "$(lintian --allow-root --fail-on none --tag-display-limit 0 \
  "$tmp"/*.changes 2>&1 | grep -vE '^running as root|^[NIP]:')" "" \
  "lintian has nothing to say"
for name in collectd-core libbpf1 libltdl7 libseccomp2; do
  ok "it depends on $name" depends_on "$name"
done

bare_root "$tmp/root" || finish
inside apt-get -q update >"$tmp/update" 2>&1 || diag "$(tail "$tmp/update")"
# With what it depends on, so that all that changes later is the package's own.
ok "collectd installs" install collectd-core libmnl0 systemd
settings >"$tmp/before"
cp "$(package)" "$root/tmp/proctrace.deb"
ok "it installs" install /tmp/proctrace.deb
is "$(settings | diff "$tmp/before" -)" "" \
  "nothing is configured, enabled or started by that"
ok "user and group collectd are there" inside id collectd
ok "the unit is there" test -f "$root/lib/systemd/system/proctrace-bpf.service"
if command -v systemd-analyze >/dev/null; then
  for name in all-in-one split; do
    mkdir -p "$root/etc/systemd/system/collectd.service.d"
    cp "$root$examples/collectd-$name.conf" \
      "$root/etc/systemd/system/collectd.service.d/proctrace.conf"
    is "$(systemd-analyze --root="$root" --man=no verify \
      collectd.service proctrace-bpf.service 2>&1)" "" \
      "systemd-analyze verify has nothing to say ($name)"
  done
  rm -r "$root/etc/systemd/system/collectd.service.d"
  ok "systemd-analyze security: 1.5 or less" systemd-analyze --root="$root" \
    --offline=true --threshold=15 --no-pager security proctrace-bpf.service
else
  skip "systemd-analyze verify (all-in-one)" "there is no systemd-analyze"
  skip "systemd-analyze verify (split)" "there is no systemd-analyze"
  skip "systemd-analyze security" "there is no systemd-analyze"
fi

enter_root || diag "cannot mount"
pinned=$(ls -A "$root/sys/fs/bpf") # the kernel may have some of its own
# The example stands where Debian's collectd.conf includes it from.
printf 'Include "%s/proctrace.conf"\n' "$examples" >"$root/tmp/example.conf"
# Not -t: collectd 5.12 then reads nothing at all.
is "$(inside collectd -T -C /tmp/example.conf 2>&1 |
  grep -E '"proctrace"|<Plugin|syntax')" \
  'plugin_load: plugin "proctrace" successfully loaded.' \
  "collectd takes the example"

collectd_start <<<'Source "procfs"'
is "$(sources)" gauge-source_procfs "collectd reads: from /proc"
reap "$collectd"
why=$(bpf_missing)
if [ -n "$why" ]; then
  for text in "collectd reads: by BPF" "and probes" "the loader loads" \
    "status names five probes" "collectd without privilege reads the pins" \
    "and probes there"; do
    skip "$text" "$why"
  done
else
  collectd_start <<<'Probe "syscall"'
  is "$(sources)" gauge-source_bpf "collectd reads: by BPF"
  ok "and probes" wait_for 20 has_probes
  reap "$collectd"
  ok "the loader loads" inside proctrace-bpf load
  is "$(inside proctrace-bpf status | grep -c '^probe .* attached')" 5 \
    "status names five probes"
  collectd_start setpriv --reuid collectd --regid collectd --clear-groups \
    --inh-caps=-all --bounding-set=-all --no-new-privs <<EOF
Probe "syscall"
PinPath "$pins"
EOF
  is "$(sources)" gauge-source_bpf "collectd without privilege reads the pins"
  ok "and probes there" wait_for 20 has_probes
  reap "$collectd"
fi

ok "it installs again over itself" install --reinstall /tmp/proctrace.deb
inside dpkg -L collectd-proctrace | while read -r name; do
  [ ! -f "$root/$name" ] || echo "$name"
done >"$tmp/files"
ok "it is removed" inside apt-get -q -y purge collectd-proctrace
is "$(while read -r name; do
  [ ! -e "$root/$name" ] || echo "$name"
done <"$tmp/files")" "" "without leaving a file"
is "$(ls -A "$root/sys/fs/bpf")" "$pinned" "or a pin"
is "$(settings | diff "$tmp/before" -)" "" "or a setting"
finish
