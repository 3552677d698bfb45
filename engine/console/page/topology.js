// The topology, drawn once, with rates that change.

import { h, s, showIn, table } from "./dom.js";
import { layOut, NODE } from "./graph.js";

const LETTERS_MAX = 24;

function short(text) {
  return text.length > LETTERS_MAX ? `${text.slice(0, LETTERS_MAX - 1)}…` : text;
}

function labelOf(node) {
  return node.kind === "processor" ? node.name : node.topic;
}

function drawNode(node, { x, y }) {
  const stores = node.stores.length === 0 ? "" : `${node.stores.length} store` +
    (node.stores.length === 1 ? "" : "s");
  const second = node.kind === "processor" ? stores : node.kind;
  return s("g", { class: `node ${node.kind}`, transform: `translate(${x} ${y})` },
    s("title", {}, [labelOf(node), node.kind, ...node.stores].join(", ")),
    s("rect", { width: NODE.width, height: NODE.height, rx: 4 }),
    s("text", { x: 8, y: second === "" ? 23 : 16 }, short(labelOf(node))),
    second === "" ? null : s("text", { x: 8, y: 31, class: "stores" }, second));
}

function curve(points) {
  let way = `M${points[0].x} ${points[0].y}`;
  for (let i = 1; i < points.length; i += 1) {
    const from = points[i - 1];
    const to = points[i];
    const half = (from.x + to.x) / 2;
    way += ` C${half} ${from.y} ${half} ${to.y} ${to.x} ${to.y}`;
  }
  return way;
}

function rateText(rate) {
  if (rate === null) return "";
  return `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en")}/s`;
}

export class TopologyPanel {
  #graph = null;
  #edges = [];

  show(graph) {
    this.#graph = graph;
    const { width, height, corners, lines } = layOut(graph.nodes.length, graph.edges);
    this.#edges = graph.edges.map(([from, to], i) => {
      const points = lines[i];
      const end = points[points.length - 1];
      return {
        from: graph.nodes[from],
        to: graph.nodes[to],
        path: s("path", { class: "edge", d: curve(points) }),
        label: s("text", { class: "rate", x: (points[points.length - 2].x + end.x) / 2,
          y: (points[points.length - 2].y + end.y) / 2 - 4, "text-anchor": "middle" }),
        cell: h("span", {}),
      };
    });
    const drawing = s("svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
        "aria-label": `Topology ${graph.name}: ${graph.nodes.length} nodes, ` +
          `${graph.edges.length} edges. The table below has the same.` },
      this.#edges.map((edge) => edge.path),
      graph.nodes.map((node, i) => drawNode(node, corners[i])),
      this.#edges.map((edge) => edge.label));
    const rows = this.#edges.map((edge) => [labelOf(edge.from), labelOf(edge.to), edge.cell]);
    showIn("topology",
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Topology, drawn" },
        drawing),
      h("details", {}, h("summary", {}, "As a table"),
        table("Edges and their rates, of all instances",
          ["from", "to", { title: "records a second", number: true }], rows)));
  }

  // Only records to and from topics are counted, so only edges beside them have a rate.
  #rateOf({ from, to }, rates, application) {
    const topic = (node) =>
      node.kind === "exchange" ? `${application}-${node.topic}-exchange` : node.topic;
    const isRead = from.kind === "source" || from.kind === "exchange";
    if (isRead) return rates.of(`millrace_records_consumed_total/${topic(from)}`);
    if (to.kind === "processor") return null;
    return rates.of(`millrace_records_produced_total/${topic(to)}`);
  }

  showRates(rates, application) {
    if (this.#graph === null) return;
    for (const edge of this.#edges) {
      const rate = this.#rateOf(edge, rates, application);
      edge.label.textContent = rate === null || rate === 0 ? "" : rateText(rate);
      edge.cell.textContent = rate === null ? "not counted" : rateText(rate);
      edge.path.classList.toggle("flowing", rate !== null && rate > 0);
    }
  }
}
