# SPDX-License-Identifier: MIT
# A dashboard in Grafana's JSON. What is particular to a backend comes from the
# module that stands before this text: backend, target, transformations, owner,
# variable.  Arguments: the README, and the name of the dashboard.

def datasource: {type: backend.plugin, uid: "${datasource}"};

def uid_of($name): "proctrace-\(backend.name)-\($name)";

# --- variables ---

def selected($text; $value): {selected: true, text: $text, value: $value};

def queried($name; $shown):
  ($name | variable) + {
    name: $name, label: $shown, type: "query", datasource: datasource,
    refresh: 2, sort: 1, hide: 0, multi: false, includeAll: false, options: []};

# What a name ends with tells a process from a group; no name has a dot.
def levels: [
  {text: "processes", value: "[^.]+-[0-9]+"},
  {text: "groups", value: "[^-.]+|[^.]*-([^-.]*[^-.0-9][^-.]*)?"}];

def variable_model:
  {hosts: (queried("host"; "Host") + {multi: true, includeAll: true,
                                      current: selected(["All"]; ["$__all"])}),
   host: queried("host"; "Host"),
   process: queried("process"; "Process or group"),
   percentile: (queried("percentile"; "Percentile")
                + {current: selected("p99"; "p99")}),
   show: {name: "show", label: "Show", type: "custom", hide: 0, multi: false,
          includeAll: false,
          query: (levels | map("\(.text) : \(.value)") | join(", ")),
          current: selected(levels[0].text; levels[0].value),
          options: (levels | to_entries
                    | map(.value + {selected: (.key == 0)}))}}[.];

def datasource_model: {
  name: "datasource", label: "Data source", type: "datasource",
  query: backend.plugin, refresh: 1, hide: 0, multi: false, includeAll: false,
  options: [], regex: ""};

# --- panels ---

def description:
  ([.series[].needs | select(. != "")] | unique | join(", ")) as $needs
  | .help
    + (if .series[0].of == "shown" and .kind == "lines"
          and backend.name != "influxdb"
       then " The 15 highest of the time range." else "" end)
    + (if $needs != "" then " Needs \($needs)." else "" end);

def field_name($type): {matcher: {id: "byName", options: .legend}} + $type;

def colors:
  [.series[] | select(.color)
    | field_name({properties: [{id: "color",
        value: {mode: "fixed", fixedColor: .color}}]})];

def type_of:
  {lines: "timeseries", stack: "timeseries"}[.kind] // .kind;

def time_series($stacked): {
  fieldConfig: {
    defaults: {
      unit: .series[0].unit, min: 0,
      custom: {
        drawStyle: "line", lineWidth: 1, showPoints: "never", spanNulls: false,
        fillOpacity: (if $stacked then 30 else 5 end),
        stacking: {mode: (if $stacked then "normal" else "none" end), group: "A"}}},
    overrides: colors},
  options: {
    legend: {displayMode: "table", placement: "bottom", showLegend: true,
             calcs: ["mean", "max", "lastNotNull"]},
    tooltip: {mode: "multi", sort: "desc"}}};

def stat: {
  fieldConfig: {defaults: {unit: .series[0].unit, decimals: 0}, overrides: []},
  options: {
    reduceOptions: {calcs: ["lastNotNull"], fields: "", values: false},
    colorMode: "none", graphMode: "none", justifyMode: "auto",
    orientation: "auto", textMode: "value_and_name", wideLayout: true,
    showPercentChange: false}};

def heatmap_panel: {
  fieldConfig: {defaults: {custom: {scaleDistribution: {type: "linear"}}},
                overrides: []},
  options: {
    calculate: false, cellGap: 1, showValue: "never",
    color: {mode: "scheme", scheme: "Spectral", reverse: true, steps: 64,
            exponent: 0.5, scale: "exponential", fill: "dark-orange"},
    yAxis: {axisPlacement: "left", unit: "µs", reverse: false},
    rowsFrame: {layout: "auto"}, exemplars: {color: "rgba(255,0,255,0.7)"},
    filterValues: {le: 1e-9}, legend: {show: true},
    tooltip: {mode: "single", yHistogram: false, showColorScale: false}}};

# A link from its name into the dashboard of one process.
def drill_down:
  "/d/\(uid_of("process"))?${__url_time_range}&var-datasource=${datasource}"
  + "&var-host=${__data.fields.Host}&var-process=${__data.fields.Process}";

# Each target is a column; Value #A is what Prometheus calls it.
def table_panel:
  [.series | to_entries[] | {refId: ([65 + .key] | implode), series: .value}] as $columns
  | {
    fieldConfig: {
      defaults: {custom: {align: "auto", filterable: true, inspect: false}},
      overrides: (
        [$columns[] | .series
          | field_name({properties: [{id: "unit", value: .unit}, {id: "decimals", value: 1}]})]
        + [{matcher: {id: "byName", options: "Process"},
            properties: [{id: "links", value: [{title: "In depth", url: drill_down}]}]}])},
    options: {showHeader: true, cellHeight: "sm", frameIndex: 0,
              sortBy: [{displayName: $columns[0].series.legend, desc: true}]},
    transformations: [
      {id: "filterFieldsByName", options: {exclude: {names: ["Time"]}}},
      {id: "merge", options: {}},
      {id: "organize", options: {
        excludeByName: {},
        indexByName: {(owner.process): 0, (owner.host): 1},
        renameByName: (
          {(owner.process): "Process", (owner.host): "Host"}
          + ([$columns[] | {key: "Value #\(.refId)", value: .series.legend}]
             | from_entries))}}]};

def body:
  if .kind == "table" then table_panel
  elif .kind == "stat" then stat
  elif .kind == "heatmap" then heatmap_panel
  else time_series(.kind == "stack") end;

def panel($id; $at):
  . as $panel
  | {id: $id, title, description: description, type: type_of, gridPos: $at,
     datasource: datasource,
     transformations: transformations,
     targets: [.series | to_entries[]
       | {refId: ([65 + .key] | implode), datasource: datasource}
         + (.value | target($panel))]}
    + body
  | if .transformations == [] then del(.transformations) else . end;

# --- the page ---

def is_here:
  . as $panel
  | any(backend.kinds[]; . == $panel.kind)
    and (.backends == null or any(.backends[]; . == backend.name));

# From left to right, and on below: [{panel, x, y, w, h}], and where it ends.
def layout($width; $y):
  reduce .[] as $panel ({placed: [], x: 0, y: $y, end: $y};
    ($panel.width // $width) as $w | ($panel.height // 8) as $h
    | if .x + $w > 24 then .x = 0 | .y = .end else . end
    | .placed += [{panel: $panel, at: {x, y, w: $w, h: $h}}]
    | .x += $w | .end = ([.end, .y + $h] | max));

def row($id; $y):
  {id: $id, title, type: "row", collapsed: false, panels: [],
   gridPos: {x: 0, y: $y, w: 24, h: 1}};

def panels:
  .width as $width
  | reduce .rows[] as $row ({panels: [], y: 0};
      [$row.panels[] | select(is_here)] as $panels
      | if $panels == [] then . else
          (.panels | length + 1) as $id
          | .y as $y
          | ($panels | layout($width; $y + 1)) as $layout
          | .panels += [$row | row($id; $y)]
          | .panels += [$layout.placed | to_entries[]
              | .key as $n | .value | .at as $at
              | .panel | panel($id + 1 + $n; $at)]
          | .y = $layout.end
        end)
  | .panels;

def dashboard:
  {uid: uid_of(.name),
   title: "proctrace: \(.title)",
   description: "What the kernel does for single processes, and how long it takes. \(backend.title), fed by collectd's plugin proctrace.",
   tags: ["proctrace", "proctrace-\(backend.name)"],
   schemaVersion: 38, version: 1, editable: true, graphTooltip: 1,
   timezone: "browser", refresh: "30s",
   time: {from: "now-1h", to: "now"},
   timepicker: {}, fiscalYearStartMonth: 0, weekStart: "", liveNow: false,
   annotations: {list: []},
   links: [{type: "dashboards", title: "proctrace", asDropdown: false,
            tags: ["proctrace-\(backend.name)"], includeVars: true,
            keepTime: true, targetBlank: false, icon: "external link",
            tooltip: "", url: ""}],
   templating: {list: ([datasource_model] + [.variables[] | variable_model])},
   panels: panels};

read_source($readme) | .dashboards[] | select(.name == $name) | dashboard
