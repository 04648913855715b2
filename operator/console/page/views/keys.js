// The keys one may see: whether each can call and, when not, why; what it used; and what can be done with it.

import { fill, h, icon } from "../dom.js";
import { all, get } from "../api.js";
import { ago, credits, full } from "../format.js";
import { empty, heading, keyState, load, meter, opener, path, table } from "../parts.js";
import { menu } from "../shown.js";
import { create, rotate, suspend, takeAway, topUp } from "./key-deeds.js";
import { keyDrawer } from "./key-drawer.js";

export const title = "Keys";

/** Shows the view. */
export async function show(main, life) {
  const host = h("section.card");
  const state = { keys: [], plans: [], host, life, word: life.params.search ?? "", plan: life.params.plan ?? "" };
  state.refresh = () => load(host, () => fetchKeys(state));
  const search = h("input", {
    type: "search",
    placeholder: "Name, namespace or plan",
    "aria-label": "Search keys",
    value: state.word,
    oninput: (event) => {
      state.word = event.target.value;
      draw(state);
    },
  });
  const add =
    life.user.role >= 5 &&
    h("button.button.main", { type: "button", onclick: () => create(state) }, icon("plus"), "Create key");
  fill(main, heading("Keys", null, search, add), host);
  await state.refresh();
  const named = state.keys.find((key) => `${key.namespace}/${key.name}` === life.params.open);
  if (named) keyDrawer(named, state);
  life.every(5000, () => fetchKeys(state).catch(() => null));
}

async function fetchKeys(state) {
  const [keys, plans] = await Promise.all([all("api/token/"), get("api/plan/", { page_size: 100 }, state.life.signal)]);
  state.keys = keys;
  state.plans = plans.items ?? plans;
  // A menu that is open keeps its row.
  if (!state.host.querySelector(":popover-open")) draw(state);
}

function wanted(key, { word, plan }) {
  const text =
    `${key.namespace}/${key.name} ${key.display_name ?? ""} ${key.plan} ${key.key_prefix ?? ""}`.toLowerCase();
  return text.includes(word.trim().toLowerCase()) && (!plan || key.plan === plan);
}

function draw(state) {
  const keys = state.keys.filter((key) => wanted(key, state));
  if (!state.keys.length) return fill(state.host, nobody(state));
  if (!keys.length)
    return fill(
      state.host,
      empty("No key is like that", "Search for a part of its name, namespace, plan or first letters."),
    );
  const focused = document.activeElement?.dataset?.key;
  const open = (key) => keyDrawer(key, state);
  fill(
    state.host,
    table("Keys", columns(state, open), keys, { open, under: (key) => (key.status === 1 ? null : key.why) }),
  );
  if (focused) state.host.querySelector(`[data-key="${focused}"]`)?.focus();
}

function columns(state, open) {
  return [
    [
      "Key",
      (key) => [
        opener(path(`${key.namespace}/${key.name}`), () => open(key), { "data-key": key.id }),
        key.display_name !== key.name && h("span.sub", key.display_name),
      ],
    ],
    ["State", keyState],
    ["Plan", (key) => h("a", { href: `#/plans?open=${encodeURIComponent(key.plan)}` }, key.plan), "wide-only"],
    ["Begins with", (key) => h("code.muted", key.key_prefix ? key.key_prefix : "–"), "wide-only"],
    ["Credits left", remaining, "num"],
    ["Used", (key) => credits(key.used_quota), "num wide-only"],
    ["Last call", (key) => h("span", { title: full(key.accessed_time) }, ago(key.accessed_time)), "nowrap wide-only"],
    ["Expires", (key) => expiry(key), "nowrap wide-only"],
    ["", (key) => (state.life.user.role >= 5 ? menu(`Actions for ${key.name}`, deeds(key, state)) : null), "num"],
  ];
}

/** What is left of what, as a figure and a bar. */
export function remaining(key) {
  if (key.unlimited_quota || key.remain_quota === null || key.remain_quota === undefined)
    return h("span.muted", "unmetered");
  const whole = key.remain_quota + (key.used_quota ?? 0);
  const tone = key.remain_quota <= 0 ? "bad" : key.remain_quota < whole * 0.2 ? "warn" : null;
  return [credits(key.remain_quota), meter(key.remain_quota, whole, tone)];
}

/** When it ends: by its own date or its plan's, whichever comes first. */
export function expiry(key) {
  const own = key.expired_time > 0 ? key.expired_time : Infinity;
  const at = Math.min(own, key.plan_expires ?? Infinity);
  return at < Infinity ? h("span", { title: full(at) }, ago(at)) : h("span.muted", "never");
}

/** What can be done with a key, as entries of a menu. */
export function deeds(key, state) {
  const administrator = state.life.user.role >= 10;
  return [
    ["Show its calls", () => state.life.go("log", { token_name: `${key.namespace}/${key.name}` })],
    ["Rotate…", () => rotate(key, state)],
    [key.status === 2 ? "Resume" : "Suspend", () => suspend(key, state)],
    administrator && key.remain_quota !== null && ["Top up…", () => topUp(key, state)],
    ["Delete…", () => takeAway(key, state), true],
  ];
}

function nobody(state) {
  const add =
    state.life.user.role >= 5 &&
    h("button.button.main", { type: "button", onclick: () => create(state) }, "Create the first key");
  return empty(
    "No keys yet",
    "A key says who may call, and by which plan. Make one here, or write an ApiKey object:",
    h(
      "pre",
      "apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: checkout, namespace: shop}\nspec: {plan: team}",
    ),
    h("div.row", add),
  );
}
