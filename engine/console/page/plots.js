// The last hour of all instances as curves.

import { bytes, count, duration, h, s, showIn } from "./dom.js";

const WIDTH = 320;
const HEIGHT = 130;
const MARGIN = { left: 6, right: 6, top: 18, bottom: 18 };
const HOUR_MS = 3600000;
const COLOURS = 6;
const PHASES = ["drain", "changelog", "offsets", "transaction", "store"];

const perSecond = (value) => `${count(value)}/s`;
const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

function points(history, name) {
  return history.at_ms.map((at, i) => [at, history.series[name][i]])
    .filter(([, value]) => value !== null);
}

// A curve for each instance.
function perInstance(histories, name) {
  return [...histories].map(([instance, history]) =>
    ({ name: instance, points: points(history, name) }));
}

// A curve for each series: what `combine` makes of all instances' values near the same moment.
function perSeries(histories, names, combine) {
  return names.map(([label, series]) => {
    const slots = new Map();
    for (const history of histories.values()) {
      for (const [at, value] of points(history, series)) {
        const slot = Math.round(at / history.interval_ms) * history.interval_ms;
        slots.set(slot, [...(slots.get(slot) ?? []), value]);
      }
    }
    const sorted = [...slots].sort(([a], [b]) => a - b);
    return { name: label, points: sorted.map(([at, values]) => [at, combine(values)]) };
  });
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;

function plot(title, curves, format) {
  const all = curves.flatMap((curve) => curve.points);
  const last = Math.max(...all.map(([at]) => at));
  const first = Math.max(last - HOUR_MS, Math.min(...all.map(([at]) => at)));
  const top = Math.max(1e-9, ...all.map(([, value]) => value));
  const innerWidth = WIDTH - MARGIN.left - MARGIN.right;
  const innerHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
  const x = (at) => MARGIN.left + ((at - first) / Math.max(1, last - first)) * innerWidth;
  const y = (value) => MARGIN.top + (1 - value / top) * innerHeight;
  const base = HEIGHT - MARGIN.bottom;
  const latest = (curve) => curve.points.at(-1)?.[1];
  const legend = curves.map((curve, i) => h("li", {},
    s("svg", { width: 14, height: 8, "aria-hidden": "true" },
      s("line", { class: `s${i % COLOURS}`, x1: 0, y1: 4, x2: 14, y2: 4, "stroke-width": 3 })),
    `${curve.name} ${latest(curve) === undefined ? "unknown" : format(latest(curve))}`));
  const drawing = all.length === 0
    ? h("p", { class: "quiet" }, "No sample yet: one comes every ten seconds.")
    : s("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": `${title}, up to ${format(top)}; the latest values are below` },
    s("line", { class: "axis", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: base, y2: base }),
    curves.map((curve, i) => s("polyline", { class: `curve s${i % COLOURS}`,
      points: curve.points.map(([at, value]) =>
        `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ") })),
    s("text", { x: MARGIN.left, y: 13 }, format(top)),
    s("text", { x: MARGIN.left, y: HEIGHT - 5 }, `${duration(last - first)} ago`),
    s("text", { x: WIDTH - MARGIN.right, y: HEIGHT - 5, "text-anchor": "end" }, "now"));
  return h("figure", { "data-plot": title }, h("figcaption", {}, title), drawing,
    h("ul", { class: "legend" }, legend));
}

export function showPlots(histories) {
  const phases = PHASES.map((phase) => [phase, `commit_ms.${phase}`]);
  const uses = [["store cache", "cache_bytes"], ["uncommitted rows", "dirty_bytes"],
    ["input buffer", "input_buffer_bytes"]];
  showIn("plots", h("div", { class: "plots" },
    plot("Lag in records", perInstance(histories, "lag_records"), count),
    plot("Freshness", perInstance(histories, "freshness_ms"), duration),
    plot("Throughput", perInstance(histories, "processed_per_second"), perSecond),
    plot("Commit phases, mean", perSeries(histories, phases, mean), ms),
    plot("Memory of the processes", perInstance(histories, "resident_bytes"), bytes),
    plot("Memory by use, all instances", perSeries(histories, uses, sum), bytes)));
}
