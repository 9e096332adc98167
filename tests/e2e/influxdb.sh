#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a process to InfluxDB, by the binary protocol of the network plugin.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/e2e.sh"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/receivers/influxdb.sh"

workload_start
influxdb_configure
observed </dev/null
influxdb_start
path_test influxdb
influxdb_stop
finish
