# SPDX-License-Identifier: MIT
# InfluxDB 1.x and InfluxQL, as its [[collectd]] listener stores things.
include "series";

def backend: {
  name: "influxdb", title: "InfluxDB", plugin: "influxdb",
  kinds: ["lines", "stack", "stat", "table"]
};

def whose:
  {chosen: "\"host\" = '$host' AND \"instance\" = '$process'",
   shown: "\"host\" =~ /^$host$/ AND \"instance\" =~ /^(${show:raw})$/",
   groups: "\"host\" = '$host' AND \"instance\" !~ /^(.+-[0-9]+|host|self)$/",
   host: "\"host\" = '$host' AND \"instance\" = 'host'",
   self: "\"host\" = '$host' AND \"instance\" = 'self'"}[.of];

def chosen_percentile: gsub("{percentile}"; "$percentile");

def source:
  (.instance // "" | pattern | chosen_percentile) as $instance
  | "FROM \"proctrace_\(.value // "value")\" WHERE \(whose) AND \"type\" = '\(.type)'"
    + " AND \"type_instance\" "
    + (if .many then "=~ /^\($instance)$/" else "= '\($instance)'" end)
    + " AND $timeFilter";

def scaled($series):
  if $series.per then "\(.) / \($series.per | tostring)"
  elif $series.times then "\(.) * \($series.times)"
  else . end;

# The tags that the legend names.
def tags:
  [if .legend | test("{process}") then "\"instance\"" else empty end,
   if .legend | test("{host}") then "\"host\"" else empty end,
   if .legend | test("{all}") then "\"type_instance\"" else empty end];

# Of what falls together in a point: growth, the worst of times, else the mean.
def line:
  . as $series
  | (if .kind == "counter" then "non_negative_derivative(max(\"value\"), 1s)"
     elif .type == "latency" then "max(\"value\")"
     else "mean(\"value\")" end | scaled($series)) as $value
  | "SELECT \($value) \(source) GROUP BY "
    + (["time($__interval)"] + tags | join(", ")) + " fill(none)";

# Over the whole range; a counter never falls.
def cell:
  . as $series
  | (if .kind == "counter" then "spread(\"value\") / $__range_s"
     elif .type == "latency" then "max(\"value\")"
     else "last(\"value\")" end | scaled($series)) as $value
  | "SELECT \($value) AS \"\(.legend)\" \(source) GROUP BY \"host\", \"instance\"";

def target($panel):
  {rawQuery: true,
   query: (if $panel.kind == "table" then cell else line end),
   alias: (.legend | gsub("{process}"; "$tag_instance")
           | gsub("{host}"; "$tag_host") | gsub("{all}"; "$tag_type_instance")),
   resultFormat: (if $panel.kind == "table" then "table" else "time_series" end)};

# The alias can tell a whole tag alone: what <...> stood for is cut out later.
def transformations:
  [.series[] | select(.many and (.legend | test("{all}")))
    | {id: "renameByRegex",
       options: {regex: "^\(.instance | pattern | chosen_percentile)$",
                 renamePattern: (.instance | [scan("<")] | to_entries
                   | map("$\(.key + 1)") | join(" "))}}];

def owner: {host: "host", process: "instance"};

def variable:
  {host: ["SHOW TAG VALUES FROM \"proctrace_seconds\" WITH KEY = \"host\"", ""],
   process: ["SHOW TAG VALUES FROM \"proctrace_processes\" WITH KEY = \"instance\" WHERE \"host\" = '$host'",
             "/^(?!other$).+$/"],
   percentile: ["SHOW TAG VALUES FROM \"proctrace_value\" WITH KEY = \"type_instance\" WHERE \"type\" = 'latency'",
                "/-(p[0-9_]+|max)$/"]}[.]
  | {query: .[0], regex: .[1]};
