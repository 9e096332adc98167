"use strict";
// Draws each graph of the page: the lines of its queries over the time range.
const prefix = document.body.dataset.prefix;
const hues = [210, 20, 130, 280, 50, 170, 330, 90, 240, 0, 150, 300];

function seconds(duration) {
  const unit = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
  let sum = 0;
  for (const [, n, u] of duration.matchAll(/(\d+)([smhdw])/g))
    sum += n * unit[u];
  return sum || 3600;
}

const range = seconds(document.body.dataset.range);
const end = Date.now() / 1000;
const start = end - range;

async function ask(query) {
  const parameters = new URLSearchParams({
    query, start, end, step: Math.max(1, Math.round(range / 200)) });
  const answer = await fetch(`${prefix}/api/v1/query_range?${parameters}`);
  const { data } = await answer.json();
  return data ? data.result : [];
}

function legend(text, labels) {
  return text.replace("{process}", labels.proctrace)
    .replace("{host}", labels.instance).replace("{all}", labels.all);
}

// The row of the table that has this name gets the colour of the line.
function paint(body, name, colour) {
  for (const row of body.rows)
    if (row.cells[0].textContent === name)
      row.cells[0].style.borderLeft = `0.8em solid ${colour}`;
}

function show(value, unit) {
  const scale = (base, units) => {
    const n = value ? Math.floor(Math.log(value) / Math.log(base) + 1e-9) : 0;
    const i = Math.max(-3, Math.min(n, 4));
    return `${+(value / base ** i).toPrecision(3)} ${units[i + 3]}`;
  };
  switch (unit) {
  case "percentunit": return `${+(value * 100).toPrecision(3)} %`;
  case "percent": return `${+value.toPrecision(3)} %`;
  case "s": return value < 1
    ? scale(1000, ["ns", "µs", "ms", "s"]) : `${+value.toPrecision(3)} s`;
  case "bytes": case "binBps":
    return scale(1024, ["", "", "", "B", "KiB", "MiB", "GiB", "TiB"]);
  default: return `${+value.toPrecision(3)}`;
  }
}

function line(values, most, colour) {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  let d = "", before = 0;
  for (const [at, value] of values) {
    if (isNaN(value))
      continue;
    const x = (at - start) / range * 1000;
    const y = 198 - value / most * 190;
    d += `${before && at - before < range / 20 ? "L" : "M"}${x} ${y}`;
    before = at;
  }
  path.setAttribute("d", d);
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", colour);
  path.setAttribute("stroke-width", "1.5");
  path.setAttribute("vector-effect", "non-scaling-stroke");
  return path;
}

async function draw(section) {
  const svg = section.querySelector("svg");
  const found = [];
  for (const body of section.querySelectorAll("tbody[data-query]"))
    for (const series of await ask(body.dataset.query))
      found.push({ body, series });
  svg.setAttribute("viewBox", "0 0 1000 200");
  svg.setAttribute("preserveAspectRatio", "none");
  const all = found.flatMap(one => one.series.values.map(pair => +pair[1]));
  const most = all.reduce((a, b) => b > a ? b : a, 0) || 1;
  if (found.length > 0)
    section.querySelector("small").textContent =
      `0 to ${show(most, found[0].body.dataset.unit)}`;
  found.forEach(({ body, series }, i) => {
    const colour = body.dataset.colour ||
      `hsl(${hues[i % hues.length]}, 70%, 45%)`;
    svg.append(line(series.values, most, colour));
    paint(body, legend(body.dataset.legend, series.metric), colour);
  });
}

for (const section of document.querySelectorAll("section"))
  if (section.querySelector("svg"))
    draw(section);
