// A real browser at the console, for the scripts beside this one. Owns the browser and what it complained of: every script ends by
// asking that nothing was, and one that fails says what the page showed and what it waited for. It must never know what a page should say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** What `tests/console/browser.rs` says: where the console and the gateway are, the one-time token, where npm's packages are. */
export const told = JSON.parse(process.argv[2]);
const require = createRequire(`${told.node}/package.json`);
const { chromium } = require("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const PERSON = { username: "ada", password: "a long enough password" };

/** Runs `act(browser)` and ends the browser, whatever happens. */
export async function withBrowser(act) {
  const browser = await chromium.launch({ executablePath: told.chromium, args: FLAGS });
  try {
    await act(browser);
  } catch (error) {
    for (const page of browser.contexts().flatMap((context) => context.pages())) console.error(await portrait(page));
    throw error;
  } finally {
    await browser.close();
  }
}

/** What a page has asked for and not been given: the addresses. */
const waited = new WeakMap();

function watch(page) {
  const open = new Map();
  waited.set(page, open);
  page.on("request", (request) => open.set(request, `${request.method()} ${request.url()}`));
  page.on("requestfinished", (request) => open.delete(request));
  page.on("requestfailed", (request) => open.set(request, `${open.get(request)} failed: ${request.failure()?.errorText}`));
}

/** What a page shows, for whoever reads why a script failed. */
async function portrait(page) {
  const body = page.locator("body");
  const text = await body.innerText({ timeout: 5000 }).catch((error) => `(cannot be read: ${error.message})`);
  return `the page ${page.url()} shows:\n${text}\nit waits for, or was not given: ${[...(waited.get(page)?.values() ?? [])].join(", ") || "nothing"}\n`;
}

/** A fresh page of its own profile, and what it complained of or fetched from elsewhere. */
export async function freshPage(browser, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, reducedMotion: "reduce", ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(240_000);
  watch(page);
  const complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on(
    "request",
    (request) =>
      /^(https?|wss?):/.test(request.url()) &&
      !request.url().startsWith(told.console) &&
      complaints.push(`asked elsewhere: ${request.url()}`),
  );
  return { page, complaints };
}

/** What the machine did: Chromium gives up connecting whenever an interface comes or goes, as those of the node stage's pods do. */
const MOVED = /net::ERR_NETWORK_CHANGED/;

/** A server that refuses is no fault of the page; Chromium writes such answers into the console all the same. */
export function assertQuiet(complaints, refusals = 0) {
  const refused = complaints.filter((text) =>
    /^Failed to load resource: the server responded with a status of 4\d\d/.test(text),
  );
  assert.deepEqual(
    complaints.filter((text) => !refused.includes(text) && !MOVED.test(text)),
    [],
    "the page complained",
  );
  assert.equal(refused.length, refusals, `answers that refused: ${refused.join("; ")}`);
}

/** Makes the first administrator, or signs in where there is one. */
export async function enter(page) {
  await page.goto(told.console);
  await page.getByLabel("User name").waitFor();
  const token = page.getByLabel("One-time token");
  if (await token.count()) await token.fill(told.token);
  await page.getByLabel("User name").fill(PERSON.username);
  await page.getByLabel("Password", { exact: false }).fill(PERSON.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
}

/** Goes to a view by its link. */
export async function go(page, name) {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await settled(page);
}

/** Waits until nothing is being fetched into the view. */
export const settled = (page) =>
  page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main [aria-busy]"));

/** What axe finds that is serious, one line each. */
export async function findings(page) {
  await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run();
    const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
    return serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  });
}

/** One call through the gateway, as an application makes it. */
export async function callWith(key, { model = "demo-chat" } = {}) {
  const answer = await fetch(`${told.gateway}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 64, messages: [{ role: "user", content: "Say hello." }] }),
  });
  const body = await answer.json();
  return {
    status: answer.status,
    id: answer.headers.get("x-request-id"),
    attempts: Number(answer.headers.get("x-purser-attempts")),
    body,
  };
}
