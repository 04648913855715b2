// Statements: what each key, namespace or plan used and cost in a period, as a table to print and as files to keep.

import { fill, h, icon } from "../dom.js";
import { get, save } from "../api.js";
import { count, day, exactly, isoDay } from "../format.js";
import { month } from "../period.js";
import { choice, empty, heading, load, table } from "../parts.js";
import { field } from "../shown.js";

export const title = "Statements";

const OF = [
  ["key", "Key"],
  ["namespace", "Namespace"],
  ["plan", "Plan"],
];
const FILTER = { key: "token_name", namespace: "namespace", plan: "plan" };
/** Member of a row, its title, how it is written; amounts in micro-credits have their column's digits. */
const COLUMNS = [
  ["calls", "Calls", count],
  ["errors", "Failed", count],
  ["input_tokens", "Input tokens", count],
  ["cached_tokens", "of them cached", count],
  ["output_tokens", "Output tokens", count],
  ["credits", "Credits"],
  ["unpaid", "Unpaid"],
  ["provider_cost", "Provider's cost"],
  ["waste", "Wasted"],
];

/** Shows the view. */
export async function show(main, life) {
  const { first, last } = month(0);
  const { of = "key", name = "", from = isoDay(first), to = isoDay(last) } = life.params;
  const state = { life, of, name, from, to, rows: [], host: h("section.card.statement") };
  const again = () => {
    life.note({ of: state.of, name: state.name, from: state.from, to: state.to });
    return load(state.host, () => fetchRows(state));
  };
  fill(main, heading("Statements", null, files(state)), controls(state, again), state.host);
  await again();
}

function controls(state, again) {
  const change = (member) => (event) => {
    state[member] = event.target.value.trim();
    again();
  };
  const date = (member, label) => {
    const input = h("input", { type: "date", value: state[member], required: true, onchange: change(member) });
    return field(label, input);
  };
  const [from, to] = [date("from", "From"), date("to", "To, that day included")];
  const jump = (back) => () => {
    const { first, last } = month(back);
    Object.assign(state, { from: isoDay(first), to: isoDay(last) });
    from.querySelector("input").value = state.from;
    to.querySelector("input").value = state.to;
    again();
  };
  const only = h("input", { type: "search", value: state.name, placeholder: "all names", onchange: change("name") });
  const button = (text, back) => h("button.button", { type: "button", onclick: jump(back) }, text);
  const pick = (value) => {
    state.of = value;
    again();
  };
  const months = h("div.row", button("This month", 0), button("Last month", 1));
  return h(
    "div.options.noprint",
    choice("One line for each", OF, state.of, pick),
    from,
    to,
    field("Only", only),
    months,
  );
}

/** The period in unix seconds, both ends included. */
function asked(state) {
  const start = new Date(`${state.from}T00:00:00`);
  const end = new Date(`${state.to}T00:00:00`);
  end.setDate(end.getDate() + 1);
  const period = { start_timestamp: start.getTime() / 1000, end_timestamp: end.getTime() / 1000 - 1 };
  return { ...period, by: state.of, [FILTER[state.of]]: state.name };
}

function files(state) {
  const name = () => `purser-${state.of}-${state.from}-${state.to}`;
  const button = (text, act) => h("button.button", { type: "button", onclick: act }, icon("down"), text);
  return [
    button("CSV", () => save(`${name()}.csv`, "text/csv", csv(state))),
    button("JSON", () => save(`${name()}.json`, "application/json", JSON.stringify(whole(state), null, 2))),
    h("button.button", { type: "button", onclick: () => print() }, "Print"),
  ];
}

const whole = ({ of, from, to, rows }) => ({ of, from, to, amounts: "millionths", rows });

/** As RFC 4180 has it; amounts are whole micro-credits, so that nothing is rounded. */
function csv({ of, rows }) {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const members = COLUMNS.map(([member]) => member);
  const lines = [[of, ...members], ...rows.map((row) => [row.name, ...members.map((member) => row[member])])];
  return lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

const named = (of) => (one) => ({
  name: one[of],
  calls: one.count,
  errors: one.errors,
  input_tokens: one.prompt_tokens,
  cached_tokens: one.cached_tokens,
  output_tokens: one.completion_tokens,
  credits: one.quota,
  unpaid: one.unpaid,
  provider_cost: one.cost,
  waste: one.waste,
});

async function fetchRows(state) {
  const sums = await get("api/data/", asked(state), state.life.signal);
  state.rows = sums.map(named(state.of)).sort((a, b) => b.credits - a.credits || b.calls - a.calls);
  const [from, to] = [state.from, state.to].map((text) => day(new Date(`${text}T00:00:00`)));
  const note = "credits and costs to the last millionth; a cost is in its channel's own currency";
  const head = h("header", h("h2", `By ${state.of}, ${from} to ${to}`), h("span.muted.small", note));
  const nothing = () => empty("Nothing was used in this period", "Pick another period, or wait for the first call.");
  fill(state.host, head, state.rows.length ? lines(state) : nothing());
}

function lines({ rows, of }) {
  const [, word] = OF.find(([value]) => value === of);
  const there = COLUMNS.filter(
    ([member]) => rows.some((row) => row[member]) || member === "calls" || member === "credits",
  );
  const written = there.map(([member, text, format]) => [
    member,
    text,
    format ?? exactly(rows.map((row) => row[member])),
  ]);
  const cells = written.map(([member, text, format]) => [text, (row) => format(row[member]), "num"]);
  const sum = (member) => rows.reduce((all, row) => all + row[member], 0);
  const sums = written.map(([member, , format]) => h("td.num", format(sum(member))));
  return table("Statement", [[word, (row) => h("b", row.name)], ...cells], rows, {
    foot: h("tr", h("td", "Together"), sums),
  });
}
