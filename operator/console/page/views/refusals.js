// The reasons for which calls were refused or failed lately, each once, with how often and whose.

import { h } from "../dom.js";
import { get } from "../api.js";
import { bounds } from "../period.js";
import { ago, many } from "../format.js";

/** Why calls of these keys were refused: `{content, times, token_name, status, last}`, the last first. */
export async function reasons(members, signal) {
  const failed = { ...members, ...bounds("24h"), type: 5, page_size: 100 };
  const [refused, page] = await Promise.all([
    get("api/log/refused", members, signal).catch(() => []),
    get("api/log/", failed, signal).catch(() => ({ items: [] })),
  ]);
  const told = refused.map((one) => ({ ...one, last: one.last_at }));
  // A call that reached a provider has a record too, in fewer words: known by the last one's id, and so are those that say the same.
  const last = new Set(told.map((one) => one.request_id));
  const sentence = (item) => `${item.token_name} ${item.content}`;
  const known = new Set(page.items.filter((item) => last.has(item.request_id)).map(sentence));
  const others = page.items.filter((item) => item.type === 5 && !known.has(sentence(item)));
  return [...told, ...grouped(others)].sort((a, b) => b.last - a.last);
}

/** Newest first → by key and sentence. */
function grouped(items) {
  const found = new Map();
  for (const item of items) {
    const name = `${item.token_name} ${item.content}`;
    const { token_name, status, content } = item;
    if (!found.has(name)) found.set(name, { token_name, status, content, times: 0, last: item.created_at });
    found.get(name).times += 1;
  }
  return [...found.values()];
}

/** They as a list; `whose`: with the key's name. */
export function reasonList(list, whose = true) {
  const by = (one) =>
    whose && [" by ", h("a", { href: `#/keys?open=${encodeURIComponent(one.token_name)}` }, one.token_name)];
  const line = (one) =>
    h(
      "li",
      h("span", one.content),
      h("span.muted.small", `${one.status}, ${many(one.times, "call")}, last ${ago(one.last)}`, by(one)),
    );
  return h("ul.reasons", list.map(line));
}

/** A card of them; null: there is nothing to say. */
export async function recentRefusals(life) {
  const list = await reasons({}, life.signal);
  if (!list.length) return null;
  const head = h("header", h("h2", "Why calls were refused"), h("span.muted.small", "lately"));
  return h("section.card", head, h("div.body", reasonList(list.slice(0, 6))));
}
