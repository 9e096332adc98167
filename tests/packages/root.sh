# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A bare Debian in a directory, of the release and from the mirrors that apt is
# set up with here.
#
#   need debootstrap lintian    # commands, or the test is skipped
#   distribution "$tmp/source"  # the source archive, unpacked
#   build_package DIRECTORY     # Debian's, of it, to beside it
#   package                     # its path
#   bare_root "$tmp/root"       # debootstrap
#   install PACKAGE...          # apt-get there
#   inside COMMAND...           # in the last root, with /proc, /sys and its bpf
#   leave_root                  # unmounts what `inside` needs

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../tap.sh"

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
# A make that runs the test would hand its variables, TESTS too, to those that
# build the package: which would run the test.
unset MAKEFLAGS MFLAGS MAKELEVEL

root=
mounted=()

[ "$(id -u)" = 0 ] || skip_all "needs root"
unshare --mount mount -t proc proc /proc 2>/dev/null ||
  skip_all "nothing can be mounted here"

need() { # COMMAND...
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null || skip_all "$command is not installed"
  done
}

# Mirror, suite, components and keyring of each Debian suite that apt knows.
mirrors() {
  # shellcheck disable=SC2016 # apt's
  apt-get indextargets --format \
    '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)' \
    'Created-By: Packages' 2>/dev/null | grep -E '^Debian(-Security)?\|' |
    sort -u
}

release() {
  # shellcheck disable=SC1091
  (. /etc/os-release && echo "${VERSION_CODENAME-}")
}

# The mirror of the release itself.
mirror() {
  mirrors | awk -F'|' -v suite="$(release)" '$3 == suite {print $2; exit}'
}

distribution() { # DIRECTORY
  ok "the source archive" make -s distdir distdir="$1"
}

build_package() { # DIRECTORY
  (cd "$1" && dpkg-checkbuilddeps && dpkg-buildpackage -us -uc -b)
}

# The one that is not the debugging symbols.
package() {
  # shellcheck disable=SC2154 # tap.sh sets it
  find "$tmp" -maxdepth 1 -name 'collectd-proctrace_*.deb'
}

# What root.sh makes of apt's set-up, in a root: sources and proxies.
apt_as_here() { # ROOT
  rm -rf "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/*
  mirrors | awk -F'|' '{print "deb " ($5 ~ "^/" ? "[signed-by=" $5 "] " : "") \
    $2, $3, $4}' >"$1/etc/apt/sources.list"
  apt-config dump | grep -iE '^Acquire::(https?|::)?.*(proxy|timeout)' \
    >"$1/etc/apt/apt.conf.d/90here"
}

bare_root() { # DIRECTORY
  root=$1
  ok "a bare $(release)" debootstrap --variant=minbase "$(release)" "$root" \
    "$(mirror)" || return
  apt_as_here "$root"
  # Nothing that is installed there starts.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
}

enter_root() {
  local what
  for what in proc sys sys/fs/bpf; do
    case $what in
    proc) mount -t proc proc "$root/proc" ;;
    # Private: what is mounted below it is not to appear in this machine's own.
    sys) mount --bind /sys "$root/sys" && mount --make-private "$root/sys" ;;
    # A BPF file system of its own: the pins of this machine are not ours.
    sys/fs/bpf) mount -t bpf bpf "$root/sys/fs/bpf" ;;
    esac || return
    mounted=("$root/$what" "${mounted[@]}")
  done
}

leave_root() {
  local what
  for what in "${mounted[@]}"; do
    umount "$what" || umount --lazy "$what"
  done
  mounted=()
}

inside() { # COMMAND...
  chroot "$root" "$@"
}

install() { # APT-OPTION...
  inside apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
}

# Mounts first: what tap.sh then removes must be ours alone.
trap 'leave_root; tap_cleanup' EXIT
