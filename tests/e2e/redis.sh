#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to Redis, by a collectd beside it.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/redis.sh"

workload_start
redis_configure
observed </dev/null
redis_start
path_test redis
finish
