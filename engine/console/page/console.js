// The console: asks all instances again and again, and shows what they say.

import { getJson, hasRoute, learnRoutes, setToken } from "./api.js";
import { lookUp } from "./account.js";
import { readConflicts, readDeadLetters } from "./findings.js";
import { askAll, askHistories, showInstances } from "./instances.js";
import { applicationOf, Rates } from "./metrics.js";
import { showPlots } from "./plots.js";
import { showTasks } from "./tasks.js";
import { TopologyPanel } from "./topology.js";

const PAUSE_MS = 5000;

const rates = new Rates();
const topology = new TopologyPanel();
let hasTopology = false;

function notice(text) {
  const node = document.getElementById("notice");
  if (node.textContent !== text) node.textContent = text;
}

function hideAbsent() {
  for (const node of document.querySelectorAll("[data-route]")) {
    node.hidden = !hasRoute(node.dataset.route);
  }
}

async function look() {
  if (!hasTopology) {
    topology.show(await getJson("/v1/topology/graph"));
    hasTopology = true;
  }
  const instances = await askAll();
  const now = Date.now();
  rates.keepOnly(new Set(instances.map((each) => each.instance)));
  for (const each of instances) {
    if (each.health !== null) rates.add(each.instance, each.metrics, now);
  }
  const application = applicationOf(instances.find((each) => each.self)?.metrics ?? new Map());
  document.getElementById("application").textContent = application;
  showInstances(instances);
  showTasks(instances);
  topology.showRates(rates, application);
  showPlots(await askHistories(instances));
}

async function lookNow() {
  try {
    await look();
    notice("");
  } catch (error) {
    const needsToken = error.status === 401 || error.status === 403;
    notice(needsToken ? `Sign in: ${error.message}.` : `No answer: ${error.message}`);
  }
}

async function keepLooking() {
  if (!document.hidden) await lookNow();
  setTimeout(keepLooking, PAUSE_MS);
}

function readFindings() {
  if (hasRoute("/v1/dead-letters")) readDeadLetters();
  if (hasRoute("/v1/conflicts")) readConflicts();
}

// Nothing stays on the page that the former caller was allowed to see.
function signIn(text) {
  setToken(text);
  for (const body of document.querySelectorAll(".body")) body.replaceChildren();
  hasTopology = false;
  document.getElementById("token").value = "";
  document.getElementById("sign-out").hidden = text === "";
  lookNow();
  readFindings();
}

function listen() {
  document.getElementById("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(document.getElementById("token").value);
  });
  document.getElementById("sign-out").addEventListener("click", () => signIn(""));
  document.getElementById("look-up").addEventListener("submit", (event) => {
    event.preventDefault();
    lookUp(document.getElementById("account-id").value.trim());
  });
  document.querySelector("#dead-letters .again").addEventListener("click", readDeadLetters);
  document.querySelector("#conflicts .again").addEventListener("click", readConflicts);
}

listen();
try {
  await learnRoutes();
  hideAbsent();
  readFindings();
} catch (error) {
  notice(`No answer: ${error.message}`);
}
keepLooking();
