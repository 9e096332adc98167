# SPDX-License-Identifier: MIT
# The series of panels.json, with what the table of metrics says of them.

# The README's table, which is the plugin's own: by identifier.
def table:
  [split("\n")[] | select(startswith("| `")) | split(" | ")
    | select(length == 5 and (.[2] | test("^(gauge|counter), ")))
    | {key: (.[0] | ltrimstr("| `") | rtrimstr("`")),
       value: {kind: (.[2] | split(", ")[0]),
               unit: (.[2] | split(", ")[1]),
               asked: .[3],
               of: (.[4] | rtrimstr(" |") | split(", "))}}]
  | from_entries;

# And those of the host and of the plugin, which it does not have.
def known($readme):
  ($readme | table)
  + (.series | map_values({kind: .[0], unit: .[1], asked: .[2], of: null}));

# A type instance as a regular expression, with a group for each <...>.
def pattern:
  gsub("<p>"; "(p[0-9_]+|max)") | gsub("<[a-z]+>"; "(.+)");

# What is known of a series; of <...> that stands for rows of the table, of the
# first of them.
def look_up($known; $name):
  ($name | gsub("{percentile}"; "<p>")) as $name
  | $known[$name]
    // ([$known | to_entries[]
          | select(.key | test("^" + ($name | pattern) + "$"))][0].value)
    // error("\($name): there is no such series");

# Whose series the scopes of the table are.
def told_of($whose):
  {chosen: ["process", "group"], shown: ["process", "group"],
   groups: ["group", "other"], host: ["host"]}[$whose] as $scopes
  | . == null or any(.[]; . as $one | any($scopes[]; . == $one));

# How it is shown: what a second or a value is worth, and Grafana's unit.
def measure:
  if .kind == "counter" then
    {"ns": {per: 1e9, unit: "percentunit"},
     "µs": {per: 1e6, unit: "percentunit"},
     "bytes": {unit: "binBps"},
     "calls": {unit: "ops"},
     "requests": {unit: "iops"}}[.unit] // {unit: "cps"}
  else
    {"bytes": {unit: "bytes"},
     "s": {unit: "s"},
     "percent": {unit: "percent"},
     "time": {times: 1000, unit: "dateTimeFromNow"}}[.unit] // {unit: "short"}
  end;

# What the configuration has to ask for, where the default does not.
def needs:
  if . == "Probe" then "a Probe"
  else
    [split(", ")[]
      | if test("^Probe ") then "Probe \"\(ltrimstr("Probe "))\""
        elif test("^(wchan|pss|histogram)$") then "Collect \"\(.)\""
        else empty end]
    | join(", ")
  end;

# A series of a panel in full.  `ds` is its data source, if its type has several;
# `value` any that is not just "value".
def expand($known; $whose; $within):
  .series as $name
  | look_up($known; $name | split(".")[0]) as $row
  | (.of // $whose) as $of
  | if $row.of | told_of($of) | not then
      error("\($name): is not told of \($of)")
    else . end
  | ($name | capture("^(?<type>[a-z_0-9]+)(-(?<instance>[^.]+))?([.](?<ds>.+))?$"))
    + {of: $of, legend: (.legend // ""), color, within: $within,
       kind: $row.kind, needs: ($row.asked | needs)}
    + ($row | measure)
  | .value = (.ds // {duration: "seconds"}[.type])
  | .many = ((.instance // "") | test("<"));

# All of panels.json, its series in full.
def read_source($readme):
  known($readme) as $known
  | .dashboards[] |= (
      .of as $of
      | .width = (if $of == "shown" then 8 else 12 end)
      | .rows[].panels[] |= (
          .within as $within
          | .kind = (.kind // "lines")
          | .series[] |= expand($known; $of; $within)));
