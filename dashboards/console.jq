# SPDX-License-Identifier: MIT
# A dashboard as a console template of Prometheus: a page that Prometheus fills
# in itself.  Graphs are drawn by console.js; the values are there without it.
# Arguments: the README, the name of the dashboard, console.css, console.js.
include "series";
include "prometheus";

def text: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");

# A query as the template's expression: what is Grafana's variable is one of the
# page.
def expression:
  gsub("[$]__rate_interval"; "@{window}") | gsub("[$]__range"; "@{range}")
  | gsub("[$]{show:raw}"; "@{show}")
  | gsub("[$](?<name>host|process|percentile)"; "@{\(.name)}")
  | "(print `" + gsub("@{(?<name>[a-z]+)}"; "` $\(.name) `") + "`)";

def value:
  {percentunit: "{{ .Value | humanizePercentage }}",
   percent: "{{ .Value | printf \"%.1f\" }}%",
   s: "{{ .Value | humanizeDuration }}",
   dateTimeFromNow: "{{ .Value | humanizeTimestamp }}",
   bytes: "{{ .Value | humanize1024 }}B",
   binBps: "{{ .Value | humanize1024 }}B/s",
   short: "{{ .Value | humanize }}"}[.unit] // "{{ .Value | humanize }}/s";

def name:
  .legend | gsub("{process}"; "{{ .Labels.proctrace }}")
  | gsub("{host}"; "{{ .Labels.instance }}")
  | gsub("{all}"; "{{ .Labels.all }}");

# --- panels ---

def head:
  "<h3>\(.title | gsub("[$]percentile"; "{{ $percentile }}"))</h3>\n"
  + "<p>\(.help | text)</p>\n";

# Lines of a legend, which are values of now; the graph takes its query here.
def lines($panel):
  (.times = null | query($panel) | expression) as $query
  | "{{ $query := \($query) }}"
    + "<tbody data-query=\"{{ $query }}\" data-legend=\"\(.legend)\""
    + " data-unit=\"\(.unit)\" data-colour=\"\(.color // "")\">\n"
    + "{{ range query $query }}<tr><td>\(name)</td><td>\(value)</td></tr>\n"
    + "{{ end }}</tbody>\n";

def graph:
  . as $panel
  | "<section>\n\(head)"
    + (if .kind == "stat" then "" else "<small></small>\n<svg></svg>\n" end)
    + "<table>\n"
    + ([.series[] | lines($panel)] | add) + "</table>\n</section>\n";

# The processes with most of the first column.
def ranked($n):
  if $n == 0 then "sort_desc(topk(30, \(.)))" else . end;

def cell($n):
  "<td>{{ range $column\($n) }}{{ if and (eq .Labels.proctrace $process)"
  + " (eq .Labels.instance $host) }}\(value){{ end }}{{ end }}</td>";

def table:
  . as $panel
  | (.series | to_entries) as $columns
  | "<section class=\"wide\">\n\(head)"
    + ([$columns[] | "{{ $column\(.key) := query \(.key as $n
        | .value | query($panel) | ranked($n) | expression) }}\n"] | add)
    + "<table>\n<tr><th>Process</th><th>Host</th>"
    + ([$columns[].value | "<th>\(.legend)</th>"] | add) + "</tr>\n"
    + "{{ range $column0 }}{{ $process := .Labels.proctrace }}"
    + "{{ $host := .Labels.instance }}<tr>"
    + "<td><a href=\"proctrace-process.html?host={{ $host }}&amp;process="
    + "{{ $process }}\">{{ $process }}</a></td><td>{{ $host }}</td>"
    + ([$columns[] | .key as $n | .value | cell($n)] | add)
    + "</tr>\n{{ end }}</table>\n</section>\n";

def panel: if .kind == "table" then table else graph end;

# --- the page ---

# What the reader asked for, or else what there is.
def parameter:
  {range: "{{ $range := or .Params.range `1h` }}",
   window: "{{ $window := or .Params.window `1m` }}",
   percentile: "{{ $percentile := or .Params.percentile `p99` }}",
   show: "{{ $show := or .Params.show `[^.]+-[0-9]+` }}",
   hosts: "{{ $host := or .Params.host `.+` }}",
   host: "{{ $host := .Params.host }}{{ if not $host }}{{ with query `collectd_proctrace_duration_seconds` }}{{ $host = . | sortByLabel `instance` | first | label `instance` }}{{ end }}{{ end }}",
   process: "{{ $process := .Params.process }}{{ if not $process }}{{ with query (print `collectd_proctrace_ps_count_processes{proctrace!=\"other\",instance=\"` $host `\"}`) }}{{ $process = . | sortByLabel `proctrace` | first | label `proctrace` }}{{ end }}{{ end }}"}[.];

def choice($query; $of):
  "<select name=\"\($of)\" onchange=\"this.form.submit()\">\n"
  + "{{ range query \($query) | sortByLabel `\(
      if $of == "host" then "instance" else "proctrace" end)` }}"
  + "{{ $one := .Labels.\(if $of == "host" then "instance" else "proctrace" end) }}"
  + "<option{{ if eq $one $\($of) }} selected{{ end }}>{{ $one }}</option>"
  + "{{ end }}\n</select>\n";

def input($size): "<input name=\"\(.)\" value=\"{{ $\(.) }}\" size=\"\($size)\">\n";

# Of the variables of a dashboard, the fields of a form.
def field:
  if . == "host" then
    choice("`collectd_proctrace_duration_seconds`"; "host")
  elif . == "process" then
    choice("(print `collectd_proctrace_ps_count_processes{proctrace!=\"other\",instance=\"` $host `\"}`)"; "process")
  elif . == "hosts" then "hosts " + ("host" | input(16))
  elif . == "range" then "of the last " + input(6)
  elif . == "window" then "rates over " + input(6)
  elif . == "show" then
    "<select name=\"show\" onchange=\"this.form.submit()\">"
    + "<option value=\"[^.]+-[0-9]+\">processes</option>"
    + "<option value=\"[^-.]+|[^.]*-([^-.]*[^-.0-9][^-.]*)?\""
    + "{{ if ne $show `[^.]+-[0-9]+` }} selected{{ end }}>groups</option></select>\n"
  else input(6) end;

def menu($pages):
  "<nav>\n" + ([$pages[]
    | "<a href=\"proctrace-\(.name).html\">\(.title)</a>\n"] | add)
  + "</nav>\n";

def page($pages):
  (.variables + ["range", "window"]) as $variables
  | "<!DOCTYPE html>\n"
    + "<!-- SPDX-License-Identifier: MIT. Made by dashboards/generate. -->\n"
    + ([$variables[] | parameter] | join("\n")) + "\n"
    + "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    + "<title>proctrace: \(.title)</title>\n<style>\n\($css)</style>\n</head>\n"
    + "<body data-prefix=\"{{ pathPrefix }}\" data-range=\"{{ $range }}\">\n"
    + menu($pages) + "<h1>\(.title)</h1>\n<form>\n"
    + ([$variables[] | field] | add) + "<button>Show</button>\n</form>\n"
    + ([.rows[]
        | "<h2>\(.title)</h2>\n<div>\n"
          + ([.panels[] | select(.kind != "heatmap") | panel] | add)
          + "</div>\n"] | add)
    + "<script>\n\($js)</script>\n</body>\n</html>\n";

read_source($readme) | .dashboards as $pages
| $pages[] | select(.name == $name) | page($pages)
