// Dead letters and conflicts: read when asked for, since each reading asks Kafka.

import { getJson } from "./api.js";
import { bodyOf, bytes, h, moment, table } from "./dom.js";

const LIMIT = 50;

function sizeOf(value) {
  return value === null ? "null" : bytes(value);
}

function lettersTable({ topic, letters }) {
  return table(`The newest records of ${topic}; keys and values are not shown`,
    ["time", "from", "error", "reason", "task", { title: "key", number: true },
      { title: "value", number: true }],
    letters.map((letter) => [moment(letter.timestamp_ms),
      `${letter.from.topic}/${letter.from.partition}@${letter.from.offset}`, letter.error,
      letter.reason, letter.task, sizeOf(letter.key_bytes),
      sizeOf(letter.value_bytes) + (letter.sealed ? ", sealed" : "")]));
}

function conflictsTable({ topic, conflicts }) {
  return table(`The newest findings of ${topic}`, ["time", "kind", "ids", "text"],
    conflicts.map((conflict) => [moment(conflict.timestamp_ms), conflict.kind,
      conflict.ids.join(", "), conflict.text]));
}

async function read(panel, ask, show, isEmpty, none) {
  const body = bodyOf(panel);
  try {
    const answer = await ask();
    body.replaceChildren(isEmpty(answer) ? h("p", { class: "quiet" }, none) : show(answer));
  } catch (error) {
    body.replaceChildren(error.status === 404
      ? h("p", { class: "quiet" }, none)
      : h("p", { class: "bad" }, error.message));
  }
}

export function readDeadLetters() {
  return read("dead-letters", () => getJson("/v1/dead-letters", [], { limit: LIMIT }),
    lettersTable, (answer) => answer.letters.length === 0, "There are none.");
}

export function readConflicts() {
  return read("conflicts", () => getJson("/v1/conflicts", [], { limit: LIMIT }), conflictsTable,
    (answer) => answer.conflicts.length === 0, "There are none.");
}
