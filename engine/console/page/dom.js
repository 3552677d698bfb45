// Elements from names, attributes and children; texts only, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function bodyOf(id) {
  return document.querySelector(`#${id} .body`);
}

// New content of a panel. Who scrolls or stands in the old one by keyboard stays where he is.
export function showIn(id, ...content) {
  const body = bodyOf(id);
  const find = (label) => [...body.querySelectorAll("[aria-label]")]
    .find((node) => node.getAttribute("aria-label") === label);
  const focused = body.contains(document.activeElement)
    ? document.activeElement.getAttribute("aria-label") : null;
  const scrolled = [...body.querySelectorAll(".scroll")]
    .map((node) => [node.getAttribute("aria-label"), node.scrollLeft]);
  body.replaceChildren(...content.flat(Infinity));
  for (const [label, left] of scrolled) {
    const node = find(label);
    if (node !== undefined) node.scrollLeft = left;
  }
  if (focused !== null) find(focused)?.focus({ preventScroll: true });
}

// A table that scrolls sideways, by keyboard too, where the page is narrow. A column is a title, or
// {title, number: true}.
export function table(caption, columns, rows) {
  const isNumber = (i) => columns[i].number === true;
  const head = columns.map((column, i) =>
    h("th", { scope: "col", class: isNumber(i) && "number" }, column.title ?? column));
  const lines = rows.map((cells) => h("tr", {}, cells.map((cell, i) =>
    h("td", { class: isNumber(i) ? "number" : "name" }, cell))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, lines)));
}

export function pairs(entries) {
  return h("dl", {}, entries.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export function count(value) {
  if (value === null || value === undefined || value < 0) return "unknown";
  return Math.round(value).toLocaleString("en");
}

export function duration(ms) {
  if (ms === null || ms === undefined || ms < 0) return "unknown";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

export function moment(ms) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return `${ms} ms`;
  return date.toISOString().replace("T", " ").replace(/\.\d+Z$/, "Z");
}
