#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to Graphite: write_graphite, carbon, and what /render answers.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/graphite.sh"

workload_start
graphite_configure
graphite_start
observed </dev/null
path_test graphite 2

# Each dot begins another directory, each semicolon a tag.
is "$(graphite_names | grep -vE \
  '^collectd\.test\.proctrace-[A-Za-z0-9_+@-]+\.[A-Za-z0-9_+@-]+(\.[a-z]+)?$')" \
  "" "no name of a series has a dot or a tag of its own"
is "$(find "$graphite/whisper" -mindepth 1 -maxdepth 1 -printf '%f\n')" \
  collectd "nor has carbon made a directory of one"
finish
