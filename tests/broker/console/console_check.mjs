// Checks every panel of the console in Chromium. Its one argument is a JSON object: see
// console_test.py. Exit code 1 and a line for each fault.

import { strict as assert } from "node:assert";

import { open } from "./browser.mjs";

const settings = JSON.parse(process.argv[2]);
const { page, context, close, faults, axe } = await open(settings);
const panel = (id) => page.locator(`#${id}`);
const failures = [];

async function check(name, test) {
  try {
    await test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failures.push(name);
    console.log(`FAIL ${name}: ${error.message}`);
  }
}

async function textOf(id) {
  return panel(id).innerText();
}

// Until `isTrue` of a panel's text; the text.
async function until(id, isTrue, patienceMs = 30000) {
  const end = Date.now() + patienceMs;
  for (;;) {
    const text = await textOf(id);
    if (isTrue(text)) return text;
    if (Date.now() > end) throw new Error(`#${id} has: ${text.slice(0, 600)}`);
    await page.waitForTimeout(100);
  }
}

async function signIn(caller) {
  await page.getByLabel("Token").fill(settings.tokens[caller]);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function lookUp(id) {
  await page.getByLabel("Any id of the account").fill(id);
  await page.keyboard.press("Enter");
}

await page.goto(`${settings.url}/console`);

await check("asks for a token, and shows nothing without one", async () => {
  await page.getByRole("status").filter({ hasText: "Sign in" }).waitFor();
  assert.equal(await panel("instances").locator(".card").count(), 0);
  await signIn("reader");
});

await check("shows the instances", async () => {
  const text = await until("instances", (now) => (now.match(/caught up/g) ?? []).length === 2);
  for (let i = 0; i < settings.instances; i += 1) {
    assert.match(text, /running, caught up/);
  }
  assert.match(text, /\(this one\)/);
  assert.match(text, /[1-9]\d* active, [1-9]\d* standby/);
  assert.equal(await page.locator("#application").innerText(), settings.application);
});

await check("keeps the token in the page's memory only", async () => {
  const kept = await page.evaluate(() => [document.cookie, localStorage.length,
    sessionStorage.length, document.getElementById("token").value]);
  assert.deepEqual(kept, ["", 0, 0, ""]);
  assert.deepEqual(await context.cookies(), []);
});

await check("draws the topology with the rates that are counted", async () => {
  const drawing = panel("topology").getByRole("img");
  assert.match(await drawing.getAttribute("aria-label"), /^Topology .*: \d+ nodes, \d+ edges/);
  assert.ok(await drawing.locator(".node").count() > 10);
  assert.ok(await drawing.locator("path.edge").count() > 10);
  await panel("topology").getByText("As a table").click();
  const text = await until("topology", (now) => now.includes("0.0/s"));
  assert.match(text, /crm\.accounts/);
  assert.match(text, /crm\.account-state/);
  assert.match(text, /not counted/);
});

await check("lists where tasks run, as active and as standby", async () => {
  const rows = panel("tasks").locator("tbody tr");
  const texts = await rows.allInnerTexts();
  assert.ok(texts.some((row) => row.includes("active")));
  assert.ok(texts.some((row) => row.includes("standby")));
  const instances = new Set(await rows.locator("td:nth-child(2)").allInnerTexts());
  assert.equal(instances.size, settings.instances);
});

await check("shows restores with progress and remaining time", async () => {
  const restoring = async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    if (body.tasks.length > 0) {
      Object.assign(body.tasks[0], { stage: "restoring",
        restore: { records: 750, bytes: 300000, remaining_records: 250 } });
    }
    await route.fulfill({ response: answer, json: body });
  };
  const rated = async (route) => {
    const answer = await route.fetch();
    const tasks = (await panel("tasks").locator("tbody td:first-child").allInnerTexts());
    const lines = [...new Set(tasks)].map((task) =>
      `millrace_restore_records_per_second{task="${task}"} 10`);
    await route.fulfill({ response: answer, body: `${await answer.text()}${lines.join("\n")}\n` });
  };
  await page.route("**/health", restoring);
  await page.route("**/metrics", rated);
  await until("tasks", (now) => /750 of 1,000 records.*25 s left/.test(now));
  const bar = panel("tasks").getByRole("progressbar").first();
  assert.equal(await bar.getAttribute("value"), "750");
  await page.unroute("**/health");
  await page.unroute("**/metrics");
});

await check("plots lag, freshness, throughput, commit phases and memory of both", async () => {
  await until("plots", (now) => (now.match(/\d+ s ago/g) ?? []).length >= 5, 60000);
  for (const title of ["Lag in records", "Freshness", "Throughput", "Commit phases, mean",
    "Memory of the processes", "Memory by use, all instances"]) {
    const figure = panel("plots").locator(`[data-plot="${title}"]`);
    assert.ok(await figure.locator("polyline").count() >= 2, title);
  }
  const phases = await panel("plots").locator("[data-plot='Commit phases, mean']").innerText();
  for (const phase of ["drain", "changelog", "offsets", "transaction", "store"]) {
    assert.ok(phases.includes(phase), phase);
  }
  const memory = await panel("plots").locator("[data-plot='Memory of the processes']").innerText();
  assert.match(memory, /MiB/);
});

await check("lists dead letters by their reason, without their records", async () => {
  await panel("dead-letters").getByRole("button", { name: "Read again" }).click();
  const text = await until("dead-letters", (now) => now.includes("crm.raw.billing/"));
  assert.match(text, /invalid_record/);
  assert.ok(!text.includes("L-bad"), "it shows a key");
});

await check("lists conflicts", async () => {
  await panel("conflicts").getByRole("button", { name: "Read again" }).click();
  const text = await until("conflicts", (now) => now.includes("ror:"));
  assert.match(text, /Split|CycleEdgeInactive|CycleResolved/);
});

await check("finds an account by the id of a member that was merged away", async () => {
  await lookUp(settings.victim);
  const text = await until("account", (now) => now.includes("Entitlements"));
  assert.ok(text.includes(`${settings.victim} (asked for)`));
  assert.ok(text.includes(settings.survivor));
  const root = panel("account").locator("#merge-history > ul > li").first();
  assert.ok((await root.innerText()).startsWith(settings.survivor));
  assert.match(await panel("account").locator("#fields").innerText(), /name.*ror:/);
  assert.ok(await panel("account").locator("#territories tbody tr").count() > 0);
});

await check("draws the entitlements over time", async () => {
  const drawing = panel("account").locator("#entitlements").getByRole("img");
  assert.ok(await drawing.locator("rect.span").count() >= 2);
  assert.equal(await drawing.locator(".now").count(), 1);
  await panel("account").locator("#entitlements").getByText("As a table").click();
  assert.match(await panel("account").locator("#entitlements").innerText(), /seats/);
});

await check("says so when an id was never seen", async () => {
  await lookUp("ror:nobody");
  await until("account", (now) => now.includes("No account was ever seen"));
  await lookUp(settings.survivor);
  await until("account", (now) => now.includes("Merge history"));
});

await check("can be used by keyboard alone", async () => {
  await page.locator("#token").focus();
  await page.keyboard.press("Shift+Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the panels");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const region = page.getByRole("region", { name: "Tasks of all instances" });
  await region.focus();
  await page.waitForTimeout(7000);  // the panel comes again meanwhile
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
    "Tasks of all instances");
});

for (const colorScheme of ["light", "dark"]) {
  await check(`has no serious fault of accessibility, ${colorScheme}`, async () => {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await axe(), []);
  });
}

await check("can be pictured", async () => {
  const picture = (name) => ({ path: `${settings.pictures}/${name}.png` });
  await panel("plots").screenshot(picture("plots"));  // still dark
  await page.emulateMedia({ colorScheme: "light" });
  await panel("account").screenshot(picture("account"));
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot(picture("console"));
});

await check("fits a phone", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.evaluate(() => window.scrollTo(0, 0));
  const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.ok(width <= 390, `the page is ${width} wide`);
  assert.deepEqual(await axe(), []);
  await page.screenshot({ path: `${settings.pictures}/phone.png` });
});

await check("forgets everything when the caller signs out", async () => {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("status").filter({ hasText: "Sign in" }).waitFor();
  assert.equal(await textOf("account").then((text) => text.includes(settings.survivor)), false);
  assert.equal(await panel("instances").locator(".card").count(), 0);
});

await check("asked nobody else, and broke no policy", async () => {
  assert.deepEqual(faults(), []);
});

await close();
console.log(`failures=${failures.length}`);
process.exit(failures.length === 0 ? 0 : 1);
