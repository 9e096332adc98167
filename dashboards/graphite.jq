# SPDX-License-Identifier: MIT
# Graphite, as write_graphite names things: with Prefix "collectd." and with
# StoreRates, so that counters arrive as what they grow by in a second.
include "series";

def backend: {
  name: "graphite", title: "Graphite", plugin: "graphite",
  kinds: ["lines", "stack", "stat"]
};

def owner_name: {chosen: "$process", host: "host", self: "self"}[.of] // "*";

def path:
  "collectd.$host.proctrace-\(owner_name).\(.type)"
  + (if .instance then
       "-" + (.instance | gsub("<[a-z]+>"; "*") | gsub("{percentile}"; "$percentile"))
     else "" end)
  + (if .ds then ".\(.ds)" else "" end);

def whose($of):
  if $of == "shown" then "grep(\(.), 'proctrace-(${show:raw})[.]')"
  elif $of == "groups" then "exclude(\(.), 'proctrace-([^.]+-[0-9]+|host|self)[.]')"
  else . end;

def scaled($series):
  if $series.per then "scale(\(.), \(1 / $series.per))"
  elif $series.times then "scale(\(.), \($series.times))"
  else . end;

def named($series):
  ($series.legend) as $legend
  | if $legend | test("{process} {host}") then
      "aliasSub(aliasByNode(\(.), 2, 1), '^proctrace-([^.]+)[.]', '\\1 ')"
    elif $legend | test("{process}") then
      "aliasSub(aliasByNode(\(.), 2), '^proctrace-', '')"
    elif $legend | test("{all}") then
      "aliasSub(aliasByNode(\(.), 3), '^\($series.type)-\($series.instance
        | pattern | gsub("{percentile}"; "$percentile"))$', '\($series.instance
        | [scan("<")] | to_entries | map("\\\(.key + 1)") | join(" "))')"
    else "alias(\(.), '\($legend)')" end;

def query:
  . as $series
  | path | whose($series.of) | scaled($series)
  | if $series.type == "latency" then "consolidateBy(\(.), 'max')" else . end
  | if $series.of == "shown" then "highestMax(\(.), 15)" else . end
  | named($series);

def target($panel): {target: query};

def transformations: [];

def owner: {};

def variable:
  {host: ["collectd.*", ""],
   process: ["collectd.$host.proctrace-*",
             "/^proctrace-((?!(?:host|self|other)$).+)$/"],
   percentile: ["collectd.*.proctrace-*.latency-runqueue-*",
                "/-(p[0-9_]+|max)$/"]}[.]
  | {query: .[0], regex: .[1]};
