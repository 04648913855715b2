// Parts that views are made of: a heading with its controls, tables, pages of a list, empty states, states with a colour and a word.

import { fill, h, icon } from "./dom.js";
import { count } from "./format.js";

/** The view's first line. It takes the focus when the view comes, so that a screen reader says where one is. */
export function heading(title, lead, ...controls) {
  return h(
    "div.top",
    h("div.head", h("h1", { tabindex: -1 }, title), h("div.row.controls", controls)),
    lead && h("p.lead", lead),
  );
}

/** What stands where nothing is yet, and what to do about it. */
export function empty(title, sentence, ...more) {
  return h("div.empty", h("h2", title), h("p", sentence), more);
}

/** `columns` are `[title, cell(item), class]`; `more` may open a row and add a second line under it. */
export function table(caption, columns, items, { open, under, foot } = {}) {
  const head = columns.map(([title, , kind = ""]) =>
    h("th", { scope: "col", class: kind || null }, title || h("span.hidden", "Actions")),
  );
  const body = h("tbody");
  for (const item of items) body.append(...rows(columns, item, open, under));
  return h(
    "div.scroll",
    { tabindex: 0, role: "region", "aria-label": caption },
    h("table", h("caption.hidden", caption), h("thead", h("tr", head)), body, foot && h("tfoot", foot)),
  );
}

function rows(columns, item, open, under) {
  const line = h(
    open ? "tr.open" : "tr",
    columns.map(([, cell, kind = ""]) => h("td", { class: kind || null }, cell(item))),
  );
  if (open)
    line.addEventListener("click", (event) => {
      if (!event.target.closest("button,a,input")) open(item);
    });
  const below = under?.(item);
  if (!below) return [line];
  line.classList.add("over");
  return [line, h("tr", h("td.why", { colspan: columns.length }, below))];
}

/** `shop/checkout`, which may break after the stroke and nowhere else. */
export function path(full) {
  const [space, ...rest] = String(full ?? "").split("/");
  return rest.length ? [`${space}/`, h("wbr"), rest.join("/")] : space;
}

/** A name that opens its row, for those who do not use a mouse. */
export const opener = (text, act, more) => h("button.link", { type: "button", onclick: act, ...more }, text);

/** Buttons for the next and the last page of `page`; `turn(number)` fetches it. */
export function pager(page, turn) {
  const size = page.page_size || 1;
  const last = Math.max(1, Math.ceil(page.total / size));
  const from = page.total ? (page.page - 1) * size + 1 : 0;
  const button = (label, name, to) =>
    h(
      "button.button.little",
      { type: "button", "aria-label": label, disabled: to < 1 || to > last, onclick: () => turn(to) },
      icon(name),
    );
  return h(
    "div.pager",
    h("span.num", `${count(from)}–${count(Math.min(page.page * size, page.total))} of ${count(page.total)}`),
    button("Previous page", "left", page.page - 1),
    button("Next page", "right", page.page + 1),
  );
}

/** One of several, as a row of buttons; `pick(value)` on change. */
export function choice(label, options, chosen, pick) {
  const group = h("div.choice", { role: "group", "aria-label": label });
  for (const [value, text] of options) {
    const press = (event) => {
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
      pick(value);
    };
    group.append(h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: press }, text));
  }
  return group;
}

/** A button that is on or off; `turn(on)` on change. */
export function liveSwitch(on, turn) {
  const press = (event) => {
    const next = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", String(next));
    turn(next);
  };
  return h(
    "button.button.live",
    { type: "button", "aria-pressed": String(on), title: "New calls appear by themselves", onclick: press },
    "Live",
  );
}

const KEY_STATES = {
  1: ["good", "Active"],
  2: ["warn", "Suspended"],
  3: ["muted", "Expired"],
  4: ["bad", "Exhausted"],
  5: ["bad", "Refused"],
};
const CHANNEL_STATES = { 1: ["good", "Healthy"], 2: ["warn", "Off"], 3: ["bad", "Out"] };

const state = ([tone, word], kind = "") => h(`span.state.${tone}${kind}`, word);
export const keyState = (key) => state(KEY_STATES[key.status] ?? ["muted", "Unknown"], key.status === 2 ? ".off" : "");
const UNTRIED = ["muted", "Not called yet"];
export const channelState = (channel) =>
  channel.status === 1 && channel.circuit === "unknown"
    ? state(UNTRIED, ".off")
    : state(CHANNEL_STATES[channel.status] ?? ["muted", "Unknown"]);
export const userState = (user) =>
  user.status === 1 ? state(["good", "Active"]) : state(["muted", "Disabled"], ".off");

/** A bar for a part of a whole. */
export function meter(part, whole, tone) {
  const share = whole > 0 ? Math.min(100, Math.max(0, (100 * part) / whole)) : 0;
  return h("div.meter", { color: tone ? `var(--${tone})` : null, "aria-hidden": "true" }, h("i", { "width%": share }));
}

/** A list of names and values, for one thing's details. */
export function facts(pairs) {
  const shown = pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== undefined && pair[1] !== "");
  return h(
    "dl.facts",
    shown.map(([name, value]) => h("div", h("dt", name), h("dd", value))),
  );
}

/** Kubernetes conditions, each with its sentence. */
export function conditions(list = []) {
  if (!list.length) return null;
  const line = (one) => h("li", h(`span.state.${tone(one)}`, one.type), h("span.muted", one.message || one.reason));
  return h("section.stack", h("h3", "Conditions"), h("ul.conditions", list.map(line)));
}

const tone = (one) => {
  if (one.status === "Unknown") return "muted";
  const wanted = one.type === "NotYetEnforced" ? "False" : "True";
  return one.status === wanted ? "good" : "warn";
};

/** Fetches and draws into `host`; what fails is said there with a button to try again. */
export async function load(host, fetching) {
  host.setAttribute("aria-busy", "true");
  try {
    await fetching();
  } catch (error) {
    if (error.name === "AbortError") return;
    const again = h("button.button", { type: "button", onclick: () => load(host, fetching) }, "Try again");
    fill(
      host,
      h("div.empty", { role: "alert" }, h("h2", "That did not work"), h("p", error.message), h("div.row", again)),
    );
  } finally {
    host.removeAttribute("aria-busy");
  }
}
