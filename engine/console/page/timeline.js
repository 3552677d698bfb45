// An account's entitlements over time. The answer for one moment names the next change, so the
// timeline is asked for from change to change.

import { getJson } from "./api.js";
import { h, moment, s, table } from "./dom.js";

const STEPS_MAX = 40;
const BEGIN_MS = -62135596800000;  // the year 1
const DAY_MS = 86400000;
const LABEL_WIDTH = 150;
const SCALE_WIDTH = 460;
const ROW = 26;

// The spans of each feature: [{from, to, segment}], `from` and `to` null without a bound.
export async function askTimeline(id) {
  const spans = new Map();
  let at = BEGIN_MS;
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const { entitlements } = await getJson("/v1/accounts/{id}", [id], { as_of_ms: at });
    if (entitlements === null) return null;
    const next = Math.min(...Object.values(entitlements)
      .map((feature) => feature.next_change_ms ?? Infinity));
    for (const [name, feature] of Object.entries(entitlements)) {
      if (!spans.has(name)) spans.set(name, []);
      if (feature.current === null) continue;
      spans.get(name).push({ from: at === BEGIN_MS ? null : at,
        to: next === Infinity ? null : next, segment: feature.current });
    }
    if (next === Infinity) return { spans: joined(spans), isCut: false };
    at = next;
  }
  return { spans: joined(spans), isCut: true };
}

// Changes of other features divide a span; the parts become one again.
function joined(spans) {
  const same = (a, b) => a.to === b.from && JSON.stringify(a.segment) === JSON.stringify(b.segment);
  for (const [name, parts] of spans) {
    const whole = [];
    for (const part of parts) {
      const last = whole.at(-1);
      if (last !== undefined && same(last, part)) last.to = part.to;
      else whole.push({ ...part });
    }
    spans.set(name, whole);
  }
  return spans;
}

function classOf(segment) {
  const status = segment.status.toLowerCase();
  return ["active", "suspended"].includes(status) ? status : "other";
}

function textOf({ from, to, segment }) {
  const day = (ms, otherwise) => (ms === null ? otherwise : moment(ms).slice(0, 10));
  const amount = segment.text ?? segment.amount;
  return `${segment.status} ${amount}, ${day(from, "always")} to ${day(to, "open end")}`;
}

export function drawTimeline({ spans, isCut }) {
  const now = Date.now();
  const moments = [...spans.values()].flat().flatMap(({ from, to }) => [from, to])
    .filter((at) => at !== null);
  const first = Math.min(now, ...moments) - 30 * DAY_MS;
  const last = Math.max(now, ...moments) + 30 * DAY_MS;
  const x = (at) => LABEL_WIDTH + ((at - first) / (last - first)) * SCALE_WIDTH;
  const width = LABEL_WIDTH + SCALE_WIDTH + 10;
  const height = spans.size * ROW + 26;
  const rows = [...spans].map(([name, parts], row) => [
    s("text", { x: 6, y: row * ROW + 18 }, name.length > 22 ? `${name.slice(0, 21)}…` : name),
    parts.map((part) => {
      const left = part.from === null ? LABEL_WIDTH : x(part.from);
      const right = part.to === null ? LABEL_WIDTH + SCALE_WIDTH : x(part.to);
      return s("rect", { class: `span ${classOf(part.segment)}`, x: left, y: row * ROW + 4,
        width: Math.max(1, right - left), height: ROW - 8 }, s("title", {}, textOf(part)));
    })]);
  const drawing = s("svg", { class: "timeline", width, height, viewBox: `0 0 ${width} ${height}`,
    role: "img", "aria-label": "Entitlements over time; the table below has the same" }, rows,
  s("line", { class: "now", x1: x(now), x2: x(now), y1: 0, y2: height - 20 }),
  s("text", { x: x(now), y: height - 6, "text-anchor": "middle" }, "now"),
  s("text", { x: LABEL_WIDTH, y: height - 6 }, moment(first).slice(0, 10)),
  s("text", { x: width - 10, y: height - 6, "text-anchor": "end" }, moment(last).slice(0, 10)));
  const statuses = new Set([...spans.values()].flat().map((part) => part.segment.status));
  const legend = h("ul", { class: "legend" }, [...statuses].map((status) => h("li", {},
    s("svg", { width: 14, height: 12, "aria-hidden": "true" },
      s("rect", { class: `span ${classOf({ status })}`, width: 14, height: 12 })), status)));
  const lines = [...spans].flatMap(([name, parts]) => parts.map((part) => [name, textOf(part)]));
  return [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Timeline, drawn" },
      drawing),
    legend,
    h("details", {}, h("summary", {}, "As a table"),
      table("Entitlements over time", ["feature", "span"], lines)),
    isCut ? h("p", { class: "warn" }, `Only the first ${STEPS_MAX} changes are shown.`) : null,
  ];
}
