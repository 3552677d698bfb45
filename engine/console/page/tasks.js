// Where each task runs, and how far its restores are.

import { bytes, count, duration, h, showIn, table } from "./dom.js";

function restoreCell(task, metrics) {
  if (task.restore === undefined) return "";
  const { records, remaining_records: left } = task.restore;
  const rate = metrics.get(`millrace_restore_records_per_second/${task.task}`) ?? 0;
  const all = Math.max(1, records + left);
  const remaining = rate > 0 ? `, ${duration((left / rate) * 1000)} left` : "";
  return [
    h("progress", { max: all, value: records, "aria-label": `Restore of task ${task.task}` }),
    ` ${count(records)} of ${count(all)} records, ${bytes(task.restore.bytes)}${remaining}`,
  ];
}

// "1_10" after "1_9".
function byTask(left, right) {
  return left.localeCompare(right, "en", { numeric: true });
}

export function showTasks(instances) {
  const rows = [];
  for (const instance of instances) {
    const shown = new Set();
    for (const task of instance.health?.tasks ?? []) {
      shown.add(`${task.task}`);
      rows.push([task.task, instance.instance, task.stage === "running" ? "active" : task.stage,
        count(task.lag_records), duration(task.freshness_ms),
        task.caught_up ? "yes" : "no", restoreCell(task, instance.metrics)]);
    }
    // The plan's, of an instance that does not answer or has not begun.
    for (const [names, stage] of [[instance.active, "active"], [instance.standbys, "standby"]]) {
      for (const name of names.filter((each) => !shown.has(each))) {
        rows.push([name, instance.instance, `${stage} by the plan`, "", "", "", ""]);
      }
    }
  }
  rows.sort((a, b) => byTask(a[0], b[0]) || a[2].localeCompare(b[2]));
  showIn("tasks", table("Tasks of all instances",
    ["task", "instance", "role", { title: "lag", number: true },
      { title: "freshness", number: true }, "caught up", "restore"], rows));
}
