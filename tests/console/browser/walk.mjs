// What a person does with the console, from the one-time token to the statement. Run by `tests/console/browser.rs`; each step fails with what
// was expected of the page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PERSON, assertQuiet, callWith, enter, freshPage, go, told, withBrowser } from "./page.mjs";

const KEY = "demo/browser";
const row = (page) => page.getByRole("row").filter({ hasText: KEY });

/** Opens the menu of the key's row and takes an entry of it. */
async function choose(page, entry) {
  await row(page).getByRole("button", { name: "Actions for browser" }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

/** The value that a dialog shows once. */
async function shownValue(page) {
  const value = await page.locator("[data-secret]").textContent();
  assert.match(value, /^sk-/);
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.locator("[data-secret]").waitFor({ state: "detached" });
  return value;
}

async function setUp(page) {
  await page.goto(told.console);
  await page.getByRole("heading", { name: "Set up Purser" }).waitFor();
  await page.getByLabel("One-time token").fill("not the token");
  await page.getByLabel("User name").fill(PERSON.username);
  await page.getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Create the administrator" }).click();
  await page.getByRole("alert").filter({ hasText: "one-time token" }).waitFor();
  await page.getByLabel("One-time token").fill(told.token);
  await page.getByRole("button", { name: "Create the administrator" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  await page.getByText("No calls in this period").waitFor();
}

async function signInAgain(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to Purser" }).waitFor();
  await page.getByLabel("User name").fill(PERSON.username);
  await page.getByLabel("Password").fill("a wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await enter(page);
  assert.deepEqual(await page.context().cookies(), [], "no cookie is ever set");
}

async function createKey(page) {
  await go(page, "Keys");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("browser");
  await page.getByLabel("Namespace").fill("demo");
  await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  const value = await shownValue(page);
  await row(page).getByText("Active").waitFor();
  return value;
}

/** Calls show in the live tail; the median of how long after their end, in milliseconds. One is opened, and its attempts are there. */
async function seeCallsArrive(page, value) {
  await go(page, "Log");
  const delays = [];
  let made;
  for (let times = 0; times < 5; times += 1) {
    made = await callWith(value);
    const ended = performance.now();
    assert.equal(made.status, 200, JSON.stringify(made.body));
    await page.locator(`[data-call="${made.id}"]`).waitFor();
    delays.push(performance.now() - ended);
  }
  const late = delays.sort((a, b) => a - b)[2];
  await page.locator(`[data-call="${made.id}"]`).click();
  const stretches = await page.getByRole("dialog").locator(".timeline li:not(.scale)").allTextContents();
  assert.match(stretches.join("\n"), made.attempts > 1 ? /demo\/flaky.*\d{3}: .*demo\/steady/s : /demo\/(steady|flaky)/);
  await page.keyboard.press("Escape");
  return late;
}

async function suspendAndRead(page, value) {
  await go(page, "Keys");
  await choose(page, "Suspend");
  await row(page).getByText("Suspended").waitFor();
  await page.getByRole("row").filter({ hasText: "It is suspended" }).waitFor();
  assert.equal((await callWith(value)).body.error.code, "api_key_suspended");
  await row(page).locator("[data-key]").click();
  const why = page.getByRole("dialog").getByRole("listitem").filter({ hasText: "suspended" });
  await why.filter({ hasText: "403, 1 call" }).waitFor();
  await page.keyboard.press("Escape");
  await choose(page, "Resume");
  await row(page).getByText("Active").waitFor();
  assert.equal((await callWith(value)).status, 200);
}

async function rotateKey(page, old) {
  await choose(page, "Rotate…");
  await page.getByLabel("The old value goes on").selectOption("not at all");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const value = await shownValue(page);
  assert.notEqual(value, old);
  assert.equal((await callWith(value)).status, 200);
  assert.equal((await callWith(old)).status, 401);
  return value;
}

/** What is left and what is used come to what the plan grants, and what was added. */
async function topUp(page) {
  await choose(page, "Top up…");
  await page.getByLabel("Credits", { exact: true }).fill("12.5");
  await page.getByLabel("Reference").fill("invoice-7");
  await page.getByRole("button", { name: "Add credits" }).click();
  await page.getByRole("status").filter({ hasText: "12.5 credits were added" }).waitFor();
  await page.waitForFunction(() => {
    const line = [...document.querySelectorAll("main tr")].find((one) => one.textContent.includes("demo/browser"));
    return line && Number(line.cells[4].textContent) + Number(line.cells[5].textContent) === 512.5;
  });
}

/** A channel that nobody answers at: its test says why, and so does the call that it could not serve. */
async function readWhyOneFailed(page, value) {
  await go(page, "Channels");
  await page.getByRole("button", { name: "Add channel" }).click();
  await page.getByLabel("Name", { exact: true }).fill("dead");
  await page.getByLabel("Namespace").fill("demo");
  await page.getByLabel("Provider", { exact: true }).selectOption("OpenAICompatible");
  await page.getByLabel("Address").fill("http://127.0.0.1:9/v1");
  await page.getByLabel("Models").fill("dead-chat");
  await page.getByRole("dialog").getByRole("button", { name: "Add channel" }).click();
  await page.getByRole("button", { name: "Test dead" }).click();
  await page.getByRole("status").filter({ hasText: "The test failed" }).waitFor();
  await page.getByRole("button", { name: "Test steady" }).click();
  await page.getByRole("status").filter({ hasText: "Its provider answered" }).waitFor();
  const made = await callWith(value, { model: "dead-chat" });
  assert.ok(made.status >= 500, JSON.stringify(made));
  await go(page, "Log");
  await page.getByLabel("Filter by outcome").selectOption("Refused or failed");
  await page.locator(`[data-call="${made.id}"]`).waitFor();
  await page.getByRole("row").filter({ hasText: "No channel gave content" }).first().waitFor();
}

async function exportStatement(page) {
  await go(page, "Statements");
  const line = page.getByRole("row").filter({ hasText: KEY });
  await line.waitFor();
  const calls = Number((await line.getByRole("cell").nth(1).textContent()).replaceAll(",", ""));
  assert.ok(calls >= 3, `the statement counts ${calls} calls`);
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const text = readFileSync(await file.path(), "utf8");
  assert.match(text, new RegExp(`^.*${KEY}.*\\b${calls}\\b.*$`, "m"));
}

/** The dialog is left by Escape and by its button; the second one knows who sent the first. */
async function writeInvoice(page) {
  const open = page.getByRole("button", { name: "Invoice…" });
  const dialog = page.getByRole("dialog", { name: "Invoice" });
  await open.focus();
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  assert.equal(await dialog.getByLabel("Number").evaluate((field) => field === document.activeElement), true);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  for (const [number, seller] of [
    ["2026-7", ""],
    ["2026-8", "Purser GmbH\n1 Quay"],
  ]) {
    await open.click();
    assert.equal(await dialog.getByLabel("From").inputValue(), seller);
    await dialog.getByLabel("Number").fill(number);
    await dialog.getByLabel("From").fill("Purser GmbH\n1 Quay");
    await dialog.getByLabel("To", { exact: true }).fill("Ship & Shop Ltd");
    await dialog.getByLabel("Note").fill("Payable within 14 days.");
    const button = dialog.getByRole("button", { name: "Download" });
    const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
    const text = readFileSync(await file.path(), "utf8");
    for (const part of [`Invoice ${number}`, "Purser GmbH\n1 Quay", "Ship &amp; Shop Ltd", "within 14 days", KEY]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
    await dialog.waitFor({ state: "detached" });
  }
}

async function deleteKey(page, value) {
  await go(page, "Keys");
  await choose(page, "Delete…");
  await page.getByRole("dialog").getByText("are refused from then on").waitFor();
  await page.getByRole("button", { name: "Delete key" }).click();
  await row(page).waitFor({ state: "detached" });
  assert.equal((await callWith(value)).status, 401);
  await go(page, "Audit");
  await page.getByRole("row").filter({ hasText: "delete key" }).filter({ hasText: KEY }).waitFor();
}

await withBrowser(async (browser) => {
  const { page, complaints } = await freshPage(browser);
  await setUp(page);
  await signInAgain(page);
  const first = await createKey(page);
  const late = await seeCallsArrive(page, first);
  await suspendAndRead(page, first);
  const second = await rotateKey(page, first);
  await topUp(page);
  await readWhyOneFailed(page, second);
  await exportStatement(page);
  await writeInvoice(page);
  await deleteKey(page, second);
  assertQuiet(complaints, 2);
  console.log(JSON.stringify({ tail_ms: Math.round(late) }));
});
