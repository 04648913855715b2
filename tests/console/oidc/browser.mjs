// A person who signs in with the identity provider in a real browser. Run by `tests/console/oidc.rs`.

import assert from "node:assert/strict";
import { assertQuiet, freshPage, go, told, withBrowser } from "../browser/page.mjs";

await withBrowser(async (browser) => {
  const { page, complaints } = await freshPage(browser);
  await page.goto(told.console);
  await page.getByRole("button", { name: "Sign in with the house" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  assert.equal(new URL(page.url()).search, "", "the code does not stay in the address");
  await go(page, "Keys");
  await page.getByRole("row").filter({ hasText: "first" }).waitFor();
  const cookies = (await page.context().cookies()).filter(({ name }) => name.includes("purser"));
  assert.deepEqual(cookies, [], "the attempt is over");

  // A link with somebody else's code, which this browser never asked for.
  const other = await freshPage(browser);
  await other.page.goto(`${told.console}?code=planted&state=planted`);
  await other.page.getByText("this browser has not begun to sign in").waitFor();
  await other.page.getByRole("button", { name: "Sign in with the house" }).waitFor();
  assertQuiet(other.complaints, 1);

  // The provider's own page is elsewhere, and is the only one that was asked for.
  assertQuiet(complaints.filter((text) => !text.startsWith(`asked elsewhere: ${told.issuer}/`)));
});
