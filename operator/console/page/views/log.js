// The log: every call, the newest first, by filters; live, each appears within a second of its end. One call opened shows its attempts and times.

import { fill, h } from "../dom.js";
import { get } from "../api.js";
import { bounds, picker } from "../period.js";
import { clock, compact, count, credits, full, span } from "../format.js";
import { empty, heading, liveSwitch, load, opener, pager, path, table } from "../parts.js";
import { callDrawer, outcome } from "./call.js";
import { reasonList, reasons } from "./refusals.js";

export const title = "Log";

const SIZE = 50;
const TAIL_MS = 400;
const FILTERS = [
  ["token_name", "Key"],
  ["model_name", "Model"],
  ["channel", "Channel"],
  ["namespace", "Namespace"],
  ["plan", "Plan"],
  ["status", "Status"],
  ["request_id", "Request id"],
];

/** Shows the view. */
export async function show(main, life) {
  const { period = "24h", type = "", ...given } = life.params;
  const state = {
    life,
    period,
    type,
    filters: {},
    live: true,
    page: null,
    items: [],
    fresh: new Set(),
    host: h("div"),
    sums: h("p.muted.small"),
    reasons: h("div.why-list"),
  };
  for (const [name] of FILTERS) state.filters[name] = given[name] ?? "";
  state.again = (number = 1) => load(state.host, () => fetchPage(state, number));
  const change = () => {
    life.note({ ...state.filters, type: state.type, period: state.period });
    return state.again();
  };
  const live = liveSwitch(true, (on) => {
    state.live = on;
    if (on) state.again();
  });
  const head = heading(
    "Log",
    null,
    picker(["1h", "24h", "7d", "30d", "all"], period, (value) => {
      state.period = value;
      change();
    }),
    live,
  );
  fill(main, head, h("section.card", filters(state, change), state.sums, state.reasons, state.host));
  await state.again();
  life.every(TAIL_MS, () => tail(state).catch(() => null));
}

function filters(state, change) {
  let waiting;
  const soon = (name) => (event) => {
    state.filters[name] = event.target.value.trim();
    clearTimeout(waiting);
    waiting = setTimeout(change, 250);
  };
  const boxes = FILTERS.map(([name, text]) =>
    h("input", {
      type: "search",
      placeholder: text,
      "aria-label": `Filter by ${text.toLowerCase()}`,
      value: state.filters[name],
      spellcheck: "false",
      autocapitalize: "none",
      size: 12,
      oninput: soon(name),
    }),
  );
  const outcomes = [
    ["", "All calls"],
    ["2", "Answered"],
    ["5", "Refused or failed"],
  ];
  const pick = h(
    "select",
    {
      "aria-label": "Filter by outcome",
      onchange: (event) => {
        state.type = event.target.value;
        change();
      },
    },
    outcomes.map(([value, text]) => h("option", { value, selected: state.type === value }, text)),
  );
  const more = h(
    "button.button.more-filters",
    {
      type: "button",
      onclick: (event) => {
        event.target.parentElement.classList.add("all");
        event.target.remove();
      },
    },
    "More filters",
  );
  return h("form.filters", { role: "search", onsubmit: (event) => event.preventDefault() }, pick, boxes, more);
}

const asked = (state) => ({ ...state.filters, type: state.type, ...bounds(state.period) });

async function fetchPage(state, number) {
  const members = { ...asked(state), p: number, page_size: SIZE };
  const [page, stat] = await Promise.all([
    get("api/log/", members, state.life.signal),
    get("api/log/stat", asked(state), state.life.signal),
  ]);
  state.page = page;
  state.items = page.items;
  state.fresh.clear();
  fill(
    state.sums,
    `${count(stat.calls ?? page.total)} calls, ${count(stat.errors ?? 0)} of them refused or failed, ${credits(stat.quota)} credits; now ${compact(stat.rpm)} requests and ${compact(stat.tpm)} tokens a minute`,
  );
  draw(state);
  await refused(state);
}

/** Calls that were refused before any provider was asked have no record; the reasons stand above those that failed. */
async function refused(state) {
  const { token_name, namespace } = state.filters;
  const list = state.type === "5" ? await reasons({ token_name, namespace }, state.life.signal) : [];
  fill(state.reasons, list.length ? [h("h3", "Why calls were refused lately"), reasonList(list.slice(0, 8))] : null);
}

/** What arrived since the last look, put on top. Only the first page is live: on another one, rows would move under the reader. */
async function tail(state) {
  if (!state.live || !state.page || state.page.page > 1) return;
  const { page: looked } = state;
  const { end_timestamp: _, ...members } = asked(state);
  const arrived = await get("api/log/", { ...members, after: looked.after, page_size: 100 }, state.life.signal);
  // Another page was fetched meanwhile; it has these already.
  if (state.page !== looked) return;
  looked.after = arrived.after;
  const known = new Set(state.items.map((item) => item.id));
  const added = arrived.items.filter((item) => !known.has(item.id));
  if (!added.length) return;
  state.fresh = new Set(added.map((item) => item.id));
  state.items = [...added, ...state.items].sort((a, b) => moment(b) - moment(a)).slice(0, 2 * SIZE);
  looked.total += added.length;
  draw(state);
}

const moment = (item) => Date.parse(item.timestamp) || item.created_at * 1000;

function draw(state) {
  const { items, host } = state;
  if (!items.length) return fill(host, nobody(state));
  const focused = document.activeElement?.dataset?.call;
  const open = (item) => callDrawer(item, state.life);
  const made = table("Calls", columns(items, open), items, {
    open,
    under: (item) => (item.type === 5 ? item.content : null),
  });
  for (const row of made.querySelectorAll("[data-call]"))
    if (state.fresh.has(row.dataset.call)) row.closest("tr").classList.add("fresh");
  fill(host, made, pager(state.page, state.again));
  if (focused) host.querySelector(`[data-call="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function columns(items, open) {
  const longest = Math.max(...items.map((item) => item.latency_ms ?? 0), 1);
  return [
    [
      "Began",
      (item) =>
        opener(clock(item.timestamp ?? item.created_at), () => open(item), {
          "data-call": item.id,
          title: full(item.created_at),
        }),
      "time",
    ],
    ["Result", outcome],
    [
      "Key",
      (item) => [
        h("span", { title: `plan ${item.plan}` }, path(item.token_name)),
        h("span.sub.phone-only", item.model_name),
      ],
    ],
    ["Model", (item) => h("span", { title: item.served && `served as ${item.served}` }, item.model_name), "wide-only"],
    [
      "Channel",
      (item) => [
        item.channel_name || h("span.muted", "none"),
        item.attempts > 1
          ? h("span.tag.caution.tries", { title: `${item.attempts} attempts` }, `×${item.attempts}`)
          : null,
      ],
      "wide-only",
    ],
    ["Tokens", (item) => tokens(item), "num wide-only"],
    ["Credits", (item) => credits(item.quota), "num"],
    ["Time", (item) => duration(item, longest), "times wide-only"],
  ];
}

function tokens(item) {
  if (!item.prompt_tokens && !item.completion_tokens) return h("span.muted", "–");
  return h(
    "span",
    { title: "input and output" },
    count(item.prompt_tokens),
    h("span.muted", " + "),
    count(item.completion_tokens),
    item.estimated ? h("span.muted", { title: "estimated: the provider did not say" }, " ≈") : null,
  );
}

/** How long until the first content, and until the end, on one scale for the whole page. */
function duration(item, longest) {
  const first = item.first_ms ?? item.latency_ms;
  const bar = h(
    "div.lane",
    { "aria-hidden": "true" },
    h("i.wait", { "width%": (100 * first) / longest }),
    h("i.flow", { "left%": (100 * first) / longest, "width%": (100 * (item.latency_ms - first)) / longest }),
  );
  return h("div.timed", bar, h("span.num", span(item.latency_ms)));
}

function nobody(state) {
  const filtered = state.type || Object.values(state.filters).some(Boolean);
  if (filtered) return empty("No call is like that", "Take a filter away, or look at a longer period.");
  return empty(
    "No calls in this period",
    "Call with a key and watch it appear here:",
    h(
      "pre",
      'curl http://127.0.0.1:4100/v1/chat/completions \\\n  -H \'authorization: Bearer sk-…\' -H \'content-type: application/json\' \\\n  -d \'{"model": "…", "messages": [{"role": "user", "content": "Hello"}]}\'',
    ),
  );
}
