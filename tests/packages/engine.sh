# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# podman and runc with a store of the test's own, beside what root.sh has.
#
#   podman ...                  # as ever
#   import_root NAME            # an image of the last root, which is then gone
#   state CONTAINER FIELD       # of .State

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/root.sh"
need podman runc conmon

tmpdir
export CONTAINERS_CONF=$tmp/containers.conf
podman() {
  command podman --root "$tmp/pod/root" --runroot "$tmp/pod/run" \
    --tmpdir "$tmp/pod/tmp" --storage-driver overlay "$@"
}
# Within the limits of whoever runs the test; crun wants another cgroup layout
# than many hosts have.
cat >"$CONTAINERS_CONF" <<'EOF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
EOF

cgroups() {
  find /sys/fs/cgroup -maxdepth 3 -type d -name libpod_parent 2>/dev/null | sort
}
cgroups_before=$(cgroups)

leave_containers() {
  podman rm --all --force --time 5 >/dev/null 2>&1
  # What it keeps mounted, and what it left when it was killed.
  awk -v store="$tmp/pod/" 'index($2, store) == 1 {print $2}' /proc/mounts |
    tac | xargs -r -n 1 umount --lazy
  wait_for 5 leave_cgroups # what watched the containers ends after them
}

# Those that were not there before; an empty directory is nobody's.
leave_cgroups() {
  local name left=0
  while read -r name; do
    find "$name" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
  done < <(cgroups | comm -13 <(echo "$cgroups_before") -)
  return "$left"
}

trap 'leave_containers; leave_root; tap_cleanup' EXIT

import_root() { # NAME
  tar -C "$root" --exclude='./dev/*' -c . | podman import - "$1" &&
    rm -rf "$root"
}

state() { # CONTAINER FIELD
  podman inspect --format "{{.State.$2}}" "$1"
}
