# SPDX-License-Identifier: MIT
# Prometheus, as write_prometheus names things.
include "series";

def backend: {
  name: "prometheus", title: "Prometheus", plugin: "prometheus",
  kinds: ["lines", "stack", "stat", "table", "heatmap"]
};

def metric:
  "collectd_proctrace_\(.type)"
  + (if .value then "_\(.value)" else "" end)
  + (if .kind == "counter" then "_total" else "" end);

def whose:
  {chosen: "instance=\"$host\",proctrace=\"$process\"",
   shown: "instance=~\"$host\",proctrace=~\"${show:raw}\"",
   groups: "instance=\"$host\",proctrace!~\".+-[0-9]+|host|self\"",
   host: "instance=\"$host\",proctrace=\"host\"",
   self: "instance=\"$host\",proctrace=\"self\""}[.of];

def chosen_percentile: gsub("{percentile}"; "$percentile");

def selector:
  "\(metric){\(whose),type="
  + (if .many then "~" else "" end)
  + "\"\(.instance // "" | pattern | chosen_percentile)\"}";

# Over a range: what counters grew by, the worst of times, else the last.  The
# range ends the line of a process that ended, instead of five minutes later.
def over($range):
  (if .kind == "counter" then "rate"
   elif .type == "latency" then "max_over_time"
   else "last_over_time" end) + "(\(selector)[\($range)])";

def scaled($series):
  if $series.per then "\(.) / \($series.per | tostring)"
  elif $series.times then "\(.) * \($series.times)"
  else . end;

# What <...> stood for becomes a label of its own.
def named($series):
  if $series.many then
    ($series.instance | [scan("<")] | to_entries | map("$\(.key + 1)")
      | join(" ")) as $parts
    | "label_replace(\(.), \"all\", \"\($parts)\", \"type\", "
      + "\"\($series.instance | pattern | chosen_percentile)\")"
  else . end;

# The same ones at all times: those that are highest over the whole range.
def highest($series):
  if $series.of == "shown" then
    ($series | if .kind == "counter" then "rate" else "max_over_time" end) as $over
    | "\(.) and topk(15, \($over)(\($series | selector)[$__range] @ end()))"
  else . end;

# Buckets are named by microseconds, with a _ for the point.
def heatmap:
  (.instance | rtrimstr("<us>")) as $before
  | "label_replace(label_replace(rate(\(selector)[$__rate_interval]), "
    + "\"le\", \"$1.$2\", \"type\", \"\($before)([0-9]+)_([0-9]+)\"), "
    + "\"le\", \"+Inf\", \"type\", \"\($before)inf\")"
  | "sum by (le) (\(.))";

def query($panel):
  . as $series
  | if $panel.kind == "heatmap" then heatmap
    elif $panel.kind == "table" then
      "sum by (instance, proctrace) (\(over("$__range") | scaled($series)))"
    else
      over($series.within // "$__rate_interval") | scaled($series)
      | highest($series) | named($series)
    end;

def legend:
  .legend | gsub("{process}"; "{{proctrace}}") | gsub("{host}"; "{{instance}}")
  | gsub("{all}"; "{{all}}");

def target($panel):
  {expr: query($panel), legendFormat: legend, editorMode: "code"}
  + (if $panel.kind == "table" then {instant: true, range: false, format: "table"}
     elif $panel.kind == "heatmap" then {range: true, format: "heatmap", legendFormat: "{{le}}"}
     else {range: true} end);

def transformations: [];

# Columns of a table: whose it is.
def owner: {host: "instance", process: "proctrace"};

def variable:
  {host: ["label_values(collectd_proctrace_duration_seconds, instance)", ""],
   process: ["label_values(collectd_proctrace_ps_count_processes{instance=\"$host\"}, proctrace)",
             "/^(?!other$).+$/"],
   percentile: ["label_values(collectd_proctrace_latency, type)",
                "/-(p[0-9_]+|max)$/"]}[.]
  | {query: .[0], regex: .[1]};
