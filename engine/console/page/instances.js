// Asks all instances, through the one that served this page, and shows a card for each.

import { getJson, getText } from "./api.js";
import { count, duration, h, pairs, showIn } from "./dom.js";
import { parseMetrics } from "./metrics.js";

// One instance: its health and metrics, or why they are not known.
async function askOne(known) {
  const name = known.instance;
  try {
    const [health, text] = await Promise.all([
      getJson("/v1/instances/{instance}/health", [name]),
      getText("/v1/instances/{instance}/metrics", [name]),
    ]);
    return { ...known, health, metrics: parseMetrics(text), error: null };
  } catch (error) {
    return { ...known, health: null, metrics: new Map(), error: error.message };
  }
}

export async function askAll() {
  const { instances } = await getJson("/v1/instances");
  return Promise.all(instances.map(askOne));
}

export async function askHistories(instances) {
  const asked = instances.map(async ({ instance }) => {
    try {
      return [instance, await getJson("/v1/instances/{instance}/history", [instance])];
    } catch {
      return null;  // the instance's card has the reason
    }
  });
  return new Map((await Promise.all(asked)).filter((entry) => entry !== null));
}

function stateClass(health) {
  if (health.state === "running") return health.caught_up ? "good" : "warn";
  return health.state === "failed" || health.state === "stopped" ? "bad" : "warn";
}

function stateText(health) {
  const notes = [health.state];
  if (health.caught_up) notes.push("caught up");
  if (health.paused) notes.push("paused");
  if (health.drained) notes.push("drained");
  return notes.join(", ");
}

function card(instance) {
  const title = h("h3", {}, instance.instance, instance.self ? " (this one)" : "");
  if (instance.health === null) {
    return h("article", { class: "card", "data-instance": instance.instance }, title,
      h("p", { class: "bad" }, instance.error));
  }
  const { health } = instance;
  const hidden = Object.entries(health.hidden_inputs).map(([input, behind]) =>
    h("p", { class: "warn" }, `${input}: ${count(behind.records)} records behind the open ` +
      "transaction of another producer"));
  return h("article", { class: "card", "data-instance": instance.instance }, title, pairs([
    ["State", h("span", { class: stateClass(health) }, stateText(health))],
    ["Lag", `${count(health.lag_records)} records`],
    ["Freshness", duration(health.freshness_ms)],
    ["Tasks", `${instance.active.length} active, ${instance.standbys.length} standby`],
    ["Address", instance.endpoint === "" ? "this page's" : instance.endpoint],
  ]), hidden);
}

export function showInstances(instances) {
  showIn("instances", h("div", { class: "cards" }, instances.map(card)));
}
