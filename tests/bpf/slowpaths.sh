#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/real/slowpaths.sh with the other source.

# shellcheck source=tests/bpf/again.sh
. "$(dirname "$0")/again.sh"
