// Look-up of an account by any of its ids.

import { getJson } from "./api.js";
import { bodyOf, count, duration, h, moment, pairs, table } from "./dom.js";
import { askTimeline, drawTimeline } from "./timeline.js";

// The ids that lead to the account, each below the one that it was merged into.
function memberTree(account) {
  const below = new Map();
  for (const member of account.members) {
    const into = member.via ?? (member.id === account.root ? null : account.root);
    if (into === null || into === member.id) continue;
    below.set(into, [...(below.get(into) ?? []), member.id]);
  }
  const seen = new Set();
  const branch = (id) => {
    if (seen.has(id)) return null;
    seen.add(id);
    const merged = (below.get(id) ?? []).map(branch);
    const isAsked = id === account.id;
    return h("li", {}, isAsked ? h("strong", {}, id, " (asked for)") : id,
      merged.length === 0 ? null : h("ul", {}, merged));
  };
  return h("ul", { class: "members" }, branch(account.root));
}

function fieldsTable(account) {
  const rows = Object.entries(account.fields).map(([name, value]) => [name,
    value === null ? h("span", { class: "quiet" }, "null") : value,
    account.field_types[name] ?? "text", account.field_members[name],
    account.masked.includes(name) ? "hidden" : ""]);
  return table("Golden record, and the id that each value comes from",
    ["field", "value", "type", "comes from", "personal"], rows);
}

function territoriesOf(account) {
  if (account.territories.length === 0) return h("p", { class: "quiet" }, "None.");
  return table("Territories of the account, and the rules that gave them", ["territory", "rules", "manual", "alignment"],
    account.territories.map((each) => [each.territory, each.rules.join(", "),
      each.manual ? "yes" : "no", String(each.alignment_epoch)]));
}

function summaryOf(account) {
  const children = Object.entries(account.children)
    .map(([kind, number]) => `${count(number)} ${kind.replaceAll("_", " ")}`).join(", ");
  return pairs([
    ["Account", account.root],
    ["Status", account.status + (account.delete_pending ? ", about to be deleted" : "")],
    ["Event time", moment(account.event_time_ms)],
    ["Freshness", duration(account.freshness_ms)],
    ["Children", children === "" ? "none" : children],
    ["State of", `task ${account.position.task} on ${account.position.instance}`],
    ["Version", String(account.version)],
  ]);
}

export async function lookUp(id) {
  const body = bodyOf("account");
  body.replaceChildren(h("p", { class: "quiet" }, "Looking it up …"));
  try {
    const account = await getJson("/v1/accounts/{id}", [id]);
    const timeline = account.entitlements === null ? null : await askTimeline(account.root);
    const hasSpans = timeline !== null && timeline.spans.size > 0;
    body.replaceChildren(
      h("div", {}, h("h3", {}, account.fields.name ?? account.root), summaryOf(account)),
      h("div", { id: "merge-history" }, h("h3", {}, "Merge history"), memberTree(account)),
      h("div", { id: "fields" }, h("h3", {}, "Fields"), fieldsTable(account)),
      h("div", { id: "territories" }, h("h3", {}, "Territories"), territoriesOf(account)),
      h("div", { id: "entitlements" }, h("h3", {}, "Entitlements"),
        hasSpans ? drawTimeline(timeline) : h("p", { class: "quiet" }, "None.")));
  } catch (error) {
    const message = error.status === 404 ? `No account was ever seen under ${id}.` : error.message;
    body.replaceChildren(h("p", { class: "bad" }, message));
  }
}
