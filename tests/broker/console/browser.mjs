// Headless Chromium, and everything that goes wrong in its page.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
// A caller without a token gets these on purpose.
const EXPECTED = /status of (401|404|503)/;

export async function open({ url, tools }) {
  const require = createRequire(join(tools, "package.json"));
  const { chromium } = require("playwright-core");
  const axeText = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  const profile = await mkdtemp(join(tmpdir(), "millrace-chromium-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM,
    headless: true, args: FLAGS, viewport: { width: 960, height: 800 } });
  const page = context.pages()[0] ?? await context.newPage();
  const seen = [];
  page.on("pageerror", (error) => seen.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const isFault = ["error", "warning"].includes(message.type());
    if (isFault && !EXPECTED.test(message.text())) seen.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) seen.push(`asks ${request.url()}`);
  });

  // Serious faults only, by their rule and place.
  async function axe() {
    if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axeText);
    const { violations } = await page.evaluate(() => window.axe.run());
    return violations.filter((each) => ["serious", "critical"].includes(each.impact))
      .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.target} ${node.html}`));
  }

  async function close() {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }

  return { page, context, close, axe, faults: () => seen };
}
