// Every view for everybody: in both themes axe finds nothing serious, at a phone's width nothing scrolls sideways, the keyboard reaches what a mouse
// does. With `told.pictures`, a picture of each is left there. Run by `tests/console/browser.rs`.

import assert from "node:assert/strict";
import { assertQuiet, callWith, enter, findings, freshPage, go, told, withBrowser } from "./page.mjs";

const VIEWS = ["Overview", "Keys", "Plans", "Channels", "Log", "Statements", "Users", "Audit"];
const PHONE = { viewport: { width: 390, height: 844 } };

async function picture(page, name) {
  if (told.pictures) await page.screenshot({ path: `${told.pictures}/${name}.png` });
}

/** Opens what lies over a view, looks, and closes it again. */
async function lookOver(page, theme, [view, name]) {
  await go(page, view);
  const opener =
    view === "Log"
      ? page.locator("[data-call]").first()
      : page.locator(view === "Keys" && name === "key" ? "[data-key]" : ".button.main").first();
  await opener.click();
  await page.getByRole("dialog").waitFor();
  assert.deepEqual(await findings(page), [], `${name}, ${theme}`);
  await picture(page, `${name}-${theme}`);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function inTheme(browser, theme) {
  const { page, complaints } = await freshPage(browser, { colorScheme: theme });
  await page.goto(told.console);
  await page.getByLabel("User name").waitFor();
  assert.deepEqual(await findings(page), [], `signing in, ${theme}`);
  await picture(page, `signin-${theme}`);
  await enter(page);
  for (const view of VIEWS) {
    await go(page, view);
    assert.deepEqual(await findings(page), [], `${view}, ${theme}`);
    await picture(page, `${view.toLowerCase()}-${theme}`);
  }
  for (const over of [
    ["Keys", "create"],
    ["Keys", "key"],
    ["Channels", "channel"],
    ["Log", "call"],
    ["Users", "user"],
  ])
    await lookOver(page, theme, over);
  assertQuiet(complaints);
  await page.context().close();
}

async function onAPhone(browser) {
  const { page, complaints } = await freshPage(browser, PHONE);
  await enter(page);
  for (const view of VIEWS) {
    await page.getByRole("button", { name: "Open the navigation" }).click();
    await go(page, view);
    const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= room, `${view} is ${wide} px wide on a phone of ${room}`);
    await picture(page, `${view.toLowerCase()}-phone`);
  }
  assertQuiet(complaints);
  await page.context().close();
}

/** Without a mouse: to the keys by the keyboard, open one, close it, and the focus is where it was. */
async function byKeyboard(browser) {
  const { page, complaints } = await freshPage(browser);
  await enter(page);
  await go(page, "Keys");
  const focused = () => page.evaluate(() => document.activeElement.outerHTML.slice(0, 200));
  const reach = async (what) => {
    for (let steps = 0; steps < 60 && !(await focused()).includes(what); steps += 1) await page.keyboard.press("Tab");
    assert.ok((await focused()).includes(what), `the keyboard reaches ${what}`);
  };
  await reach("data-key");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.match(await focused(), /data-key/);
  await reach("Actions for");
  const within = () => page.waitForFunction(() => document.activeElement.getAttribute("role") === "menuitem");
  await page.keyboard.press("Enter");
  await within();
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowDown");
  await within();
  await page.keyboard.press("Escape");
  assertQuiet(complaints);
  await page.context().close();
}

async function switchesTheme(browser) {
  const { page } = await freshPage(browser, { colorScheme: "light" });
  await enter(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Use the dark theme" }).click();
  assert.notEqual(await ground(), light);
  const dark = await ground();
  await page.reload();
  await page.getByRole("button", { name: "Use the light theme" }).waitFor();
  assert.equal(await ground(), dark, "it is remembered");
  await page.context().close();
}

await withBrowser(async (browser) => {
  // The visitor's plan allows two of these four.
  for (const key of [told.key, told.key, told.visitor, told.visitor, told.visitor, told.visitor, told.key])
    await callWith(key);
  await inTheme(browser, "light");
  await inTheme(browser, "dark");
  await onAPhone(browser);
  await byKeyboard(browser);
  await switchesTheme(browser);
});
