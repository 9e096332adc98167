#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The program of that name, for `make check-faults`: automake has rules for
# scripts, and for the programs of `make check` alone.
exec tests/reliability/faults
