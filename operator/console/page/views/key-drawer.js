// One key, opened: why it can or cannot call, what it used over the last days, its limits and what the cluster says of it.

import { h, spark } from "../dom.js";
import { get } from "../api.js";
import { bounds, bucket, grid, localDay } from "../period.js";
import { ago, count, credits, full } from "../format.js";
import { conditions, facts, keyState } from "../parts.js";
import { dialog } from "../shown.js";
import { deeds, expiry, remaining } from "./keys.js";
import { reasonList, reasons } from "./refusals.js";

/** Opens it beside the list. */
export function keyDrawer(key, state) {
  return dialog(`${key.namespace}/${key.name}`, (close) => content(key, state, close), { drawer: true });
}

function content(key, state, close) {
  const usage = h("section.stack", h("h3", "Last 30 days"), h("p.muted", "…"));
  fillUsage(usage, key);
  const act = ([label, act, bad]) =>
    h(
      bad ? "button.button.bad" : "button.button",
      {
        type: "button",
        onclick: () => {
          close();
          act();
        },
      },
      label,
    );
  const buttons = state.life.user.role >= 5 ? deeds(key, state).filter(Boolean).map(act) : null;
  return [
    h("div.row", keyState(key), key.display_name !== key.name && h("span.muted", key.display_name)),
    key.status !== 1 && h("p.complaint", key.why),
    h("div.row", buttons),
    facts([
      ["Plan", h("a", { href: `#/plans?open=${encodeURIComponent(key.plan)}`, onclick: () => close() }, key.plan)],
      ["Credits left", h("div", remaining(key))],
      ["Credits used", credits(key.used_quota)],
      ["Requests", count(key.used_requests)],
      ["Begins with", key.key_prefix && h("code", key.key_prefix)],
      ["Models", models(key.models)],
      ["Created", full(key.created_time)],
      ["Last call", ago(key.accessed_time)],
      ["Plan began", key.activated_time ? full(key.activated_time) : "not yet: with its first call"],
      ["Expires", expiry(key)],
    ]),
    refused(key),
    usage,
    conditions(key.conditions),
  ];
}

const models = (list) =>
  list?.length
    ? h(
        "span.row",
        list.map((name) => h("span.tag", name)),
      )
    : "all that the plan allows";

async function fillUsage(host, key) {
  const asked = { ...bounds("30d"), by: "key,day", token_name: `${key.namespace}/${key.name}` };
  const rows = await get("api/data/", asked).catch(() => []);
  const own = rows.filter((row) => !row.key || row.key === asked.token_name);
  const { times } = grid("30d");
  const days = times.map(() => 0);
  for (const row of own) days[Math.max(0, bucket(times, localDay(row.created_at)))] += row.count;
  const sum = (member) => own.reduce((all, row) => all + (row[member] ?? 0), 0);
  host
    .querySelector("p")
    .replaceWith(
      h(
        "p.muted",
        `${count(sum("count"))} requests, ${count(sum("errors"))} of them failed; ${count(sum("token_used"))} tokens; ${credits(sum("quota"))} credits`,
      ),
    );
  host.append(spark(days));
}

function refused(key) {
  const host = h("section.stack");
  reasons({ token_name: `${key.namespace}/${key.name}` }).then((list) => {
    if (list.length) host.append(h("h3", "Why calls were refused lately"), reasonList(list.slice(0, 5), false));
  });
  return host;
}
