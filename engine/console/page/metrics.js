// Prometheus' text format, and rates between two readings of it.

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

// Values by "name" and by "name/value of the first label", summed over the series.
export function parseMetrics(text) {
  const sums = new Map();
  const add = (key, value) => sums.set(key, (sums.get(key) ?? 0) + value);
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const value = Number(match[3]);
    if (Number.isNaN(value)) continue;
    add(match[1], value);
    const label = [...(match[2] ?? "").matchAll(LABEL)][0];
    if (label !== undefined) add(`${match[1]}/${label[2].replace(/\\(.)/g, "$1")}`, value);
  }
  return sums;
}

// The application's id, which `millrace_info` has as its label.
export function applicationOf(sums) {
  const prefix = "millrace_info/";
  for (const key of sums.keys()) {
    if (key.startsWith(prefix)) return key.slice(prefix.length);
  }
  return "";
}

// Growth a second of counters between the last two readings of each instance, summed over them.
export class Rates {
  #readings = new Map();

  add(instance, sums, atMs) {
    const before = this.#readings.get(instance)?.now;
    this.#readings.set(instance, { before, now: { sums, atMs } });
  }

  keepOnly(instances) {
    for (const name of this.#readings.keys()) {
      if (!instances.has(name)) this.#readings.delete(name);
    }
  }

  // Null until an instance was read twice.
  of(key) {
    let sum = null;
    for (const { before, now } of this.#readings.values()) {
      if (before === undefined || now.atMs <= before.atMs) continue;
      const grown = (now.sums.get(key) ?? 0) - (before.sums.get(key) ?? 0);
      sum = (sum ?? 0) + Math.max(0, grown) / ((now.atMs - before.atMs) / 1000);
    }
    return sum;
  }
}
