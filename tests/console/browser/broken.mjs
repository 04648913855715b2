// Parts of the page that do not arrive: a script, a view, an answer. Run by `tests/console/browser.rs`; the browser itself breaks them, as it
// does on a machine whose network changes.

import assert from "node:assert/strict";
import { enter, freshPage, go, told, withBrowser } from "./page.mjs";

/** Breaks what is asked under this address, so often; how often it was asked. */
async function breaking(page, address, times) {
  let asked = 0;
  await page.route(address, (route) => {
    asked += 1;
    return asked <= times ? route.abort("connectionfailed") : route.continue();
  });
  return () => asked;
}

async function onceEach(browser) {
  const { page } = await freshPage(browser);
  const parts = ["**/page/dom.js", "**/page/app.css", "**/api/status", "**/page/views/keys.js", "**/api/token/*"];
  const asked = await Promise.all(parts.map((part) => breaking(page, part, 1)));
  await page.goto(told.console);
  await page.waitForFunction(() => sessionStorage.getItem("purser.again"));
  await enter(page);
  await go(page, "Keys");
  await page.getByRole("row").filter({ hasText: "demo/you" }).waitFor();
  parts.forEach((part, at) => assert.ok(asked[at]() > 1, `${part} was asked again`));
}

async function forGood(browser) {
  const { page } = await freshPage(browser);
  await breaking(page, "**/page/shell.js", Infinity);
  const loaded = await breaking(page, told.console, 0);
  await page.goto(told.console);
  await page.getByText("Parts of this page did not arrive").waitFor();
  assert.equal(loaded(), 4, "once, and three times more");
}

await withBrowser(async (browser) => {
  await onceEach(browser);
  await forGood(browser);
});
