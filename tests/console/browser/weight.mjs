// What the page weighs and how soon it is there. Run by `tests/console/browser.rs`, which judges the figures; nothing comes from elsewhere.

import { enter, freshPage, assertQuiet, go, told, withBrowser } from "./page.mjs";

const VIEWS = ["Keys", "Plans", "Channels", "Log", "Statements", "Users", "Audit"];

/** Bytes over the wire of everything that is not the API's, over all views. */
async function weigh(browser) {
  const { page, complaints } = await freshPage(browser);
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  const sizes = new Map();
  const pages = new Set();
  network.on(
    "Network.responseReceived",
    ({ requestId, response }) => new URL(response.url).pathname.startsWith("/api/") || pages.add(requestId),
  );
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await enter(page);
  for (const view of VIEWS) await go(page, view);
  assertQuiet(complaints);
  return [...pages].reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0);
}

/** Milliseconds until the first content is painted, in a browser that has nothing of it yet: the best of three. */
async function paint(browser) {
  const times = [];
  for (let time = 0; time < 3; time += 1) {
    const { page } = await freshPage(browser);
    await page.goto(told.console);
    await page.getByLabel("User name").waitFor();
    const first = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    times.push(await (await page.waitForFunction(first)).jsonValue());
    await page.context().close();
  }
  return Math.min(...times);
}

await withBrowser(async (browser) => {
  const first_paint_ms = Math.round(await paint(browser));
  console.log(JSON.stringify({ first_paint_ms, bytes: await weigh(browser) }));
});
