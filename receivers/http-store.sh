#!/bin/sh
# SPDX-License-Identifier: MIT
#
# CGI: keeps the body of a POST as a file beside this script, which has its name
# when it is whole. A list of objects; see collectd.conf.d/http.conf.
directory=$(dirname "$SCRIPT_FILENAME")
if part=$(mktemp "$directory/post.XXXXXX") && cat >"$part" &&
  mv "$part" "$directory/$(date +%s.%N).json"; then
  printf 'Status: 200\r\n\r\n'
else
  printf 'Status: 500\r\n\r\n'
fi
