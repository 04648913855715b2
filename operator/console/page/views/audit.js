// Who changed what and when; for administrators.

import { fill, h } from "../dom.js";
import { get } from "../api.js";
import { clock, full } from "../format.js";
import { empty, heading, load, pager, table } from "../parts.js";

export const title = "Audit";

/** Shows the view. */
export async function show(main, life) {
  const host = h("section.card");
  const turn = (number) =>
    load(host, async () => {
      const page = await get("api/audit/", { p: number, page_size: 50 }, life.signal);
      fill(
        host,
        page.items.length
          ? [lines(page.items), pager(page, turn)]
          : empty(
              "Nothing was changed yet",
              "Every change made here or by the API stands in this list, with who made it.",
            ),
      );
    });
  fill(main, heading("Audit", "Every sign-in and every change that was made through this page or its API."), host);
  await turn(1);
}

const lines = (items) =>
  table(
    "Changes",
    [
      ["When", (deed) => h("span", { title: full(deed.at) }, clock(deed.at)), "time"],
      ["Who", (deed) => h("b", deed.by || "nobody")],
      ["What", (deed) => deed.what],
      ["On", (deed) => h("span.break", deed.object)],
      ["More", (deed) => h("span.muted.break", deed.detail)],
    ],
    items,
  );
