// The reasons for which calls were refused or failed lately, each once, with how often and whose.

import { h } from "../dom.js";
import { get } from "../api.js";
import { bounds } from "../period.js";
import { ago, many } from "../format.js";

/** Adds a card to `host` when there is something to say. */
export async function recentRefusals(host, life) {
  const asked = { ...bounds("24h"), type: 5, page_size: 100 };
  const page = await get("api/log/", asked, life.signal).catch(() => ({ items: [] }));
  const reasons = grouped(page.items.filter((item) => item.type === 5));
  if (!reasons.length) return;
  const line = (reason) =>
    h(
      "li",
      h("span", reason.content),
      h(
        "span.muted.small",
        `${many(reason.times, "call")}, last ${ago(reason.last.created_at)} by `,
        h(
          "a",
          { href: `#/log?${new URLSearchParams({ token_name: reason.last.token_name, type: 5 })}` },
          reason.last.token_name,
        ),
      ),
    );
  host.append(
    h(
      "section.card",
      h("header", h("h2", "Why calls were refused"), h("span.muted.small", "last 24 hours")),
      h("ul.body.reasons", reasons.slice(0, 6).map(line)),
    ),
  );
}

/** Newest first → by sentence, the most frequent first. */
function grouped(items) {
  const reasons = new Map();
  for (const item of items) {
    const content = item.content || `Status ${item.status}`;
    if (!reasons.has(content)) reasons.set(content, { content, times: 0, last: item });
    reasons.get(content).times += 1;
  }
  return [...reasons.values()].sort((a, b) => b.times - a.times);
}
