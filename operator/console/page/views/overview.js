// Who spends what, over time: six figures that choose what the chart shows, the chart by key, model, channel or namespace, the same as a table,
// and why calls were refused.

import { fill, h, spark } from "../dom.js";
import { all, get } from "../api.js";
import { chart, tint } from "../chart.js";
import { bounds, bucket, grid, localDay, picker, summedBy } from "../period.js";
import { compact, count, credits, creditsShort, many, percent, span } from "../format.js";
import { choice, empty, heading, keyState, liveSwitch, load, path, table } from "../parts.js";
import { recentRefusals } from "./refusals.js";

export const title = "Overview";

const FIGURES = {
  requests: { label: "Requests", of: (sum) => sum.count, text: compact, full: count },
  credits: { label: "Credits", of: (sum) => sum.quota, text: creditsShort, full: credits },
  tokens: { label: "Tokens", of: (sum) => sum.tokens, text: compact, full: count },
  errors: { label: "Errors", of: (sum) => sum.errors, text: compact, full: count },
  latency: { label: "Latency", of: (sum) => mean(sum.latency, sum.count), text: span, full: span, lines: true },
  first: { label: "First token", of: (sum) => mean(sum.first, sum.firsts), text: span, full: span, lines: true },
};
const BY = [
  ["key", "Key"],
  ["model", "Model"],
  ["channel", "Channel"],
  ["namespace", "Namespace"],
];
const MEMBER = { key: "key", model: "model_name", channel: "channel", namespace: "namespace" };
const FILTER = { key: "token_name", model: "model_name", channel: "channel", namespace: "namespace" };

const mean = (sum, many) => (many ? sum / many : null);
const nothing = () => ({ count: 0, quota: 0, tokens: 0, errors: 0, latency: 0, first: 0, firsts: 0 });

function add(sum, row) {
  sum.count += row.count;
  sum.quota += row.quota;
  sum.tokens += row.token_used;
  sum.errors += row.errors;
  sum.latency += (row.latency_ms ?? 0) * row.count;
  const first = row.first_ms ?? null;
  sum.first += (first ?? 0) * row.count;
  sum.firsts += first === null ? 0 : row.count;
  return sum;
}

/** Rows by hour or day → for each name its sums by bucket and in all; what the server added up of many is a group `others`. */
function read(rows, by, { times }, byDay) {
  const groups = new Map();
  const whole = { sum: nothing(), buckets: times.map(nothing) };
  for (const row of rows) {
    const at = bucket(times, byDay ? localDay(row.created_at) : row.created_at);
    if (at < 0) continue;
    const { others } = row;
    const name = others ? `${others} others` : row[MEMBER[by]] || "none";
    if (!groups.has(name)) groups.set(name, { name, others, sum: nothing(), buckets: times.map(nothing) });
    for (const part of [groups.get(name), whole]) {
      add(part.sum, row);
      add(part.buckets[at], row);
    }
  }
  return { groups: [...groups.values()], whole };
}

/** At most eight series: the seven largest, and the rest as one. */
function series(groups, figure) {
  const { of, lines } = FIGURES[figure];
  const single = groups.filter((group) => !group.others);
  const merged = groups.filter((group) => group.others);
  single.sort((a, b) => (of(b.sum) ?? 0) - (of(a.sum) ?? 0));
  const one = (group) => ({ name: group.name, values: group.buckets.map(of) });
  const shown = single.slice(0, 7).map(one);
  const rest = [...single.slice(7), ...merged];
  if (rest.length && !lines) {
    const values = rest[0].buckets.map((_, at) => rest.reduce((sum, group) => sum + (of(group.buckets[at]) ?? 0), 0));
    const others = rest.reduce((sum, group) => sum + (group.others || 1), 0);
    shown.push({ name: `${others} others`, values, tint: "s7" });
  }
  return { sorted: [...single, ...merged], shown };
}

/** Shows the view. */
export async function show(main, life) {
  const state = {
    period: life.params.period ?? "24h",
    by: life.params.by ?? "key",
    figure: life.params.figure ?? "requests",
    live: true,
  };
  const tiles = h("div.tiles", { role: "group", "aria-label": "What the chart shows" });
  const plot = h("div.chart");
  const legend = h("div.legend");
  const rows = h("div");
  const now = h("p.muted.small.nowrap");
  const below = h("div.two");
  const drawn = chart(plot, "Chart; the table below has the same figures");
  life.signal.addEventListener("abort", drawn.end);
  const parts = { tiles, legend, rows, now, drawn, body: h("div.stack") };

  const again = () => refresh(state, life, parts);
  const change = (member) => (value) => {
    state[member] = value;
    life.note({ period: state.period, by: state.by, figure: state.figure });
    load(parts.rows, again);
  };
  state.pick = change("figure");
  const periods = picker(["24h", "7d", "30d", "90d"], state.period, change("period"));
  const title = h("h2");
  parts.title = title;
  const card = h(
    "section.card",
    h("header", title, now, choice("By", BY, state.by, change("by"))),
    h("div.body", plot, legend),
  );
  parts.body.append(tiles, card, h("section.card", rows), below);
  fill(
    main,
    heading(
      "Overview",
      null,
      periods,
      liveSwitch(true, (on) => {
        state.live = on;
      }),
    ),
    parts.body,
  );
  await load(rows, again);
  const lookBelow = async () => fill(below, await Promise.all([recentRefusals(life), refusedKeys()]));
  await lookBelow().catch(() => null);
  life.every(10_000, () => (state.live ? lookBelow().catch(() => null) : null));
  life.every(3000, () => (state.live ? again().catch(() => null) : null));
}

async function refresh(state, life, parts) {
  const { period, by } = state;
  const asked = { ...bounds(period), by: `${by},${summedBy(period)}` };
  const [rows, stat] = await Promise.all([
    get("api/data/", asked, life.signal),
    get("api/log/stat", bounds("1h"), life.signal),
  ]);
  if (state.period !== period || state.by !== by) return;
  const time = grid(period);
  state.read = { ...read(rows, by, time, summedBy(period) === "day"), time };
  fill(parts.now, `Now ${many(stat.rpm, "request")} and ${compact(stat.tpm)} tokens a minute`);
  draw(state, life, parts);
}

function draw(state, life, parts) {
  const { groups, whole, time } = state.read;
  const figure = FIGURES[state.figure];
  const { sorted, shown } = series(groups, state.figure);
  const focused = document.activeElement?.dataset?.figure;
  fill(
    parts.tiles,
    Object.keys(FIGURES).map((name) => tile(name, whole, state)),
  );
  if (focused) parts.tiles.querySelector(`[data-figure="${focused}"]`)?.focus();
  fill(parts.title, `${figure.label} by ${state.by}`);
  const axis = state.figure === "credits" ? creditsShort : figure.text;
  parts.drawn.draw({ ...time, series: shown, name: state.figure, lines: figure.lines, format: figure.full, axis });
  fill(
    parts.legend,
    shown.map((one, at) => h("span", h("i.swatch", { color: `var(--${one.tint ?? tint(at)})` }), one.name)),
  );
  fill(parts.rows, groups.length ? breakdown(sorted, whole, state, life) : nobody());
}

function tile(name, whole, state) {
  const figure = FIGURES[name];
  const value = figure.of(whole.sum);
  const share =
    name === "errors" && whole.sum.count
      ? h("span.muted.small", ` ${percent(whole.sum.errors, whole.sum.count)}`)
      : null;
  const line = spark(whole.buckets.map((sum) => figure.of(sum) ?? 0));
  return h(
    "button.tile",
    {
      type: "button",
      "aria-pressed": String(state.figure === name),
      "data-figure": name,
      onclick: () => state.pick(name),
    },
    h("span.label", figure.label),
    h("span.value", figure.text(value), share),
    line,
  );
}

function breakdown(sorted, whole, state, life) {
  const word = BY.find(([name]) => name === state.by)[1];
  const figure = FIGURES[state.figure];
  const most = Math.max(...sorted.map((group) => figure.of(group.sum) ?? 0));
  const link = (group, at) =>
    h(
      "div.named",
      h("i.swatch", { color: `var(--${tint(at)})` }),
      group.others
        ? h("span.muted", group.name)
        : h(
            "a",
            { href: `#/log?${new URLSearchParams({ [FILTER[state.by]]: group.name })}`, title: "Show its calls" },
            path(group.name),
          ),
    );
  const share = (group) =>
    h(
      "div.meter.wide",
      { color: `var(--${tint(sorted.indexOf(group))})`, "aria-hidden": "true" },
      h("i", { "width%": most ? (100 * (figure.of(group.sum) ?? 0)) / most : 0 }),
    );
  const errors = (group) =>
    h(
      "span",
      { class: group.sum.errors ? "bad" : "muted" },
      count(group.sum.errors),
      " ",
      h("span.small", percent(group.sum.errors, group.sum.count)),
    );
  return table(
    `By ${word}`,
    [
      [word, (group) => link(group, sorted.indexOf(group))],
      ["Share", share, "share"],
      ["Requests", (group) => count(group.sum.count), "num"],
      ["Errors", errors, "num"],
      ["Tokens", (group) => count(group.sum.tokens), "num wide-only"],
      ["Credits", (group) => credits(group.sum.quota), "num"],
      ["Latency", (group) => span(FIGURES.latency.of(group.sum)), "num wide-only"],
      ["First token", (group) => span(FIGURES.first.of(group.sum)), "num wide-only"],
    ],
    sorted,
  );
}

const nobody = () =>
  empty(
    "No calls in this period",
    "Create a key, or take one from its Secret, and call with it: the call shows here within seconds.",
    h("div.row", h("a.button", { href: "#/keys" }, "Go to the keys")),
  );

/** A card of the keys that cannot call; null: all can. */
async function refusedKeys() {
  const keys = await all("api/token/");
  const refused = keys.filter((key) => key.status !== 1);
  if (!refused.length) return null;
  const line = (key) => {
    const full = `${key.namespace}/${key.name}`;
    const link = h("a", { href: `#/keys?open=${encodeURIComponent(full)}` }, full);
    return h("li", h("div.row", link, keyState(key)), h("span.muted", key.why));
  };
  const head = h("header", h("h2", "Keys that cannot call"));
  return h("section.card", head, h("div.body", h("ul.reasons", refused.slice(0, 6).map(line))));
}
