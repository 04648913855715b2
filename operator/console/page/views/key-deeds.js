// What can be done with keys: create, rotate, suspend, top up, delete. Each asks what it must and shows the server's sentence when it refuses.

import { h } from "../dom.js";
import { post, remove } from "../api.js";
import { credits, micros } from "../format.js";
import { confirm, dialog, field, form, reveal, say, select } from "../shown.js";

const path = (key) => `api/token/${key.id}`;
const full = (key) => `${key.namespace}/${key.name}`;

/** Asks for a new key and shows its value, once. */
export async function create(state) {
  const made = await dialog("Create a key", (close) =>
    form(fields(state), {
      action: "Create key",
      close,
      send: async (members) => close(await post("api/token/", asked(members))),
    }),
  );
  if (!made) return;
  state.refresh();
  await show(made, "Key created");
}

function fields({ plans, keys, life }) {
  const spaces = [...new Set([...(life.user.namespaces ?? []), ...keys.map((key) => key.namespace)])].sort();
  const known = h(
    "datalist",
    { id: "namespaces" },
    spaces.map((value) => h("option", { value })),
  );
  const name = h("input", {
    name: "name",
    required: true,
    pattern: "[a-z0-9]([\\-a-z0-9]*[a-z0-9])?",
    maxlength: 63,
    autofocus: true,
    autocapitalize: "none",
    spellcheck: "false",
  });
  const namespace = h("input", {
    name: "namespace",
    required: true,
    list: "namespaces",
    value: spaces[0] ?? "",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const plan = select(
    "plan",
    plans.map((one) => [one.name, one.display_name ? `${one.display_name} (${one.name})` : one.name]),
    plans[0]?.name,
    { required: true },
  );
  return [
    h("div.pair", field("Name", name, "Small letters, digits and hyphens."), field("Namespace", namespace)),
    field(
      "Plan",
      plan,
      plans.length
        ? "Says how often, for how many credits and which models."
        : "There is no plan yet: an administrator writes one first.",
    ),
    field(
      "Models",
      h("input", { name: "models", placeholder: "all that the plan allows", spellcheck: "false" }),
      "Narrows the plan: names or patterns with *, apart by commas.",
    ),
    field("Expires", h("input", { name: "expires", type: "date" }), "Empty: never, but for its plan."),
    known,
  ];
}

function asked({ name, namespace, plan, models, expires }) {
  const list = models
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  const expired_time = expires ? Math.floor(new Date(`${expires}T23:59:59`).getTime() / 1000) : -1;
  return { name, namespace, plan, models: list, expired_time };
}

const show = (answer, title) =>
  reveal(
    title,
    "This is its value. It is shown now and never again; store it where the application reads it.",
    answer.key,
    h("p.muted.small", "It is in the Secret that the key names, too: pods with a sidecar need no copy."),
  );

const OVERLAPS = [
  ["", "as its rotation says, else for a day"],
  [3600, "for an hour"],
  [0, "not at all"],
];

/** A new value; the old one stops, at once or after a while. */
export async function rotate(key, state) {
  const content = [
    h("p", `${full(key)} gets a new value. Callers that have the old one must be given it.`),
    field("The old value goes on", select("overlap", OVERLAPS, "")),
  ];
  const send = (close) => async (members) => {
    const asked = members.overlap === "" ? {} : { overlap_seconds: Number(members.overlap) };
    close(await post(`${path(key)}/rotate`, asked));
  };
  const made = await dialog(`Rotate ${key.name}`, (close) =>
    form(content, { action: "Rotate", danger: true, close, send: send(close) }),
  );
  if (!made) return;
  state.refresh();
  await show(made, "New value");
}

/** Off, or on again. */
export async function suspend(key, state) {
  const suspended = key.status !== 2;
  try {
    await post(`${path(key)}/suspend`, { suspended, version: key.version });
    say(suspended ? `${full(key)} is suspended: its calls are refused from now on.` : `${full(key)} may call again.`);
  } catch (error) {
    say(error.message);
  }
  state.refresh();
}

/** Adds credits, once by the id. */
export async function topUp(key, state) {
  const amount = h("input", { name: "amount", type: "number", step: "any", required: true, autofocus: true });
  const id = h("input", {
    name: "id",
    required: true,
    value: `console-${Date.now().toString(36)}`,
    spellcheck: "false",
  });
  const content = [
    h("p.muted", `${credits(key.remain_quota)} credits are left.`),
    field("Credits", amount, "A negative amount takes away."),
    field("Reference", id, "An invoice, say. The same reference never adds twice."),
  ];
  const send = (close) => async (members) => {
    await post(`${path(key)}/topup`, { amount: micros(members.amount), id: members.id });
    close(members.amount);
  };
  const added = await dialog(`Top up ${key.name}`, (close) =>
    form(content, { action: "Add credits", close, send: send(close) }),
  );
  if (!added) return;
  say(`${added} credits were added to ${full(key)}.`);
  state.refresh();
}

/** Takes the key away. */
export async function takeAway(key, state) {
  const sentence = `Calls with ${full(key)} are refused from then on. Its usage and its statements stay.`;
  const done = await confirm(`Delete ${key.name}?`, sentence, "Delete key", () => remove(path(key)));
  if (!done) return;
  say(`${full(key)} is deleted.`);
  state.refresh();
}
