# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Pages as a browser shows them, for tests that have e2e.sh.
#
#   picture URL FILE [WIDTH [HEIGHT]]   # a PNG of the page
#   page URL                    # its document, after its scripts
#   ink FILE                    # "<width> <height> <pixels that have a colour>",
#                               # nothing if it is no PNG

need chromium:chromium

# shellcheck disable=SC2154 # real.sh sets it
browse() { # ARGUMENT...
  local _
  for _ in 1 2 3; do # should it crash or hang
    timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic \
      --no-first-run --disable-background-networking \
      --disable-component-update --disable-sync --disable-dev-shm-usage \
      --hide-scrollbars --user-data-dir="$tmp/browser" "$@" \
      2>"$tmp/browser.log" && return
  done
}

# Without --kiosk a frame that nobody sees takes part of the height.
picture() { # URL FILE [WIDTH [HEIGHT]]
  local width=${3:-1000} height=${4:-800}
  browse --virtual-time-budget=10000 --window-size="$width,$height" --kiosk \
    --screen-info="{${width}x$height}" --screenshot="$2" "$1" >/dev/null
}

page() { # URL
  browse --virtual-time-budget=10000 --dump-dom "$1"
}

# shellcheck disable=SC2154 # e2e.sh sets it
ink() { # FILE
  perl "$top/tests/e2e/ink.pl" "$1"
}
