# SPDX-License-Identifier: MIT
#
# What a service of our compose files says, as arguments of `podman run`, one a
# line: awk -v service=NAME -f compose.awk FILE. A compose program would do, but
# that of Debian 12 leaves out what ours are about: pid, user and network_mode.
# A key that is not known here is an error, so nothing goes untested.

function fail(text) {
  print FILENAME ":" FNR ": " text >"/dev/stderr"
  exit failed = 1
}

function value_of(name) {
  return name in ENVIRON ? ENVIRON[name] : ""
}

# ${NAME} and ${NAME:-DEFAULT}
function expanded(text, inner, parts, value) {
  while (match(text, /\$\{[^}]*\}/)) {
    inner = substr(text, RSTART + 2, RLENGTH - 3)
    split(inner, parts, ":-")
    value = value_of(parts[1])
    if (value == "")
      value = parts[2]
    text = substr(text, 1, RSTART - 1) value substr(text, RSTART + RLENGTH)
  }
  return text
}

function add(option, value) {
  arguments[++count] = option
  if (value != "")
    arguments[++count] = value
}

# One entry of a key.
function take(key, value) {
  value = expanded(value)
  if (key == "image")
    image = value
  else if (key == "command")
    command[++commands] = value
  else if (key == "read_only" && value == "true")
    add("--read-only")
  else if (key in options)
    add(options[key], value)
  else
    fail("no " key " here")
}

BEGIN {
  options["pid"] = "--pid"
  options["user"] = "--user"
  options["network_mode"] = "--network"
  options["tmpfs"] = "--tmpfs"
  options["cap_add"] = "--cap-add"
  options["cap_drop"] = "--cap-drop"
  options["security_opt"] = "--security-opt"
  options["volumes"] = "--volume"
  # Of the engine, not of a container.
  ignored["build"] = ignored["depends_on"] = ignored["restart"] = 1
}

/^ *#/ || /^ *$/ || /^services:$/ { next }
{ sub(/ +#.*/, "") }
/^  [a-z]+:$/ { ours = $1 == service ":"; next }
!ours { next }
/^    [a-z_]+:/ {
  key = $1
  sub(/:$/, "", key)
  rest = $0
  sub(/^ *[a-z_]+: */, "", rest)
  if (key in ignored || rest == "")
    next
  if (rest ~ /^\[.*\]$/) {
    n = split(substr(rest, 2, length(rest) - 2), list, ", *")
    for (i = 1; i <= n; i++) {
      gsub(/"/, "", list[i])
      take(key, list[i])
    }
  } else {
    take(key, rest)
  }
  next
}
key in ignored { next }
key == "environment" {
  name = $1
  sub(/:$/, "", name)
  rest = $0
  sub(/^ *[A-Z_]+: */, "", rest)
  add("--env", name "=" (rest == "" ? value_of(name) : expanded(rest)))
  next
}
/^      - / { sub(/^ *- /, ""); take(key, $0); next }
{ fail("cannot read this") }

END {
  if (failed)
    exit 1
  for (i = 1; i <= count; i++)
    print arguments[i]
  print image
  for (i = 1; i <= commands; i++)
    print command[i]
}
