// Statements: what each key, namespace or plan used and cost in a period, as a table to print and as files to keep.

import { fill, h, icon } from "../dom.js";
import { download, get, query } from "../api.js";
import { count, day, exactly, isoDay } from "../format.js";
import { month } from "../period.js";
import { choice, empty, heading, load, table } from "../parts.js";
import { field, say } from "../shown.js";
import { invoice } from "./invoice.js";

export const title = "Statements";

const OF = [
  ["key", "Key"],
  ["namespace", "Namespace"],
  ["plan", "Plan"],
];
/** Member of a row, its title, how it is written; amounts are millionths and have their column's digits. */
const COLUMNS = [
  ["calls", "Calls", count],
  ["errors", "Failed", count],
  ["prompt_tokens", "Input tokens", count],
  ["cached_tokens", "of them cached", count],
  ["completion_tokens", "Output tokens", count],
  ["credits", "Credits"],
  ["unpaid", "Unpaid"],
  ["price", "Plans' price"],
  ["cost", "Provider's cost"],
  ["waste", "Wasted"],
  ["margin", "Margin"],
];

/** Shows the view. */
export async function show(main, life) {
  const { first, last } = month(0);
  const { of = "key", name = "", from = isoDay(first), to = isoDay(last) } = life.params;
  const state = { life, of, name, from, to, host: h("section.card.statement") };
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
function asked({ of, name, from, to }) {
  const start = new Date(`${from}T00:00:00`);
  const end = new Date(`${to}T00:00:00`);
  end.setDate(end.getDate() + 1);
  return { of, name, start_timestamp: start.getTime() / 1000, end_timestamp: end.getTime() / 1000 - 1 };
}

function files(state) {
  const called = (format) => `purser-${state.of}-${state.from}-${state.to}.${format}`;
  const save = (format) => async () => {
    const path = `api/statement${query({ ...asked(state), format })}`;
    await download(path, called(format)).catch((error) => say(error.message));
  };
  const button = (text, format) => h("button.button", { type: "button", onclick: save(format) }, icon("down"), text);
  const printed = h("button.button", { type: "button", onclick: () => print() }, "Print");
  const ask = () => invoice(asked(state), called("html"));
  const asking = h("button.button", { type: "button", onclick: ask }, icon("down"), "Invoice…");
  return [button("CSV", "csv"), button("JSON", "json"), asking, printed];
}

async function fetchRows(state) {
  const made = await get("api/statement", asked(state), state.life.signal);
  const [from, to] = [state.from, state.to].map((text) => day(new Date(`${text}T00:00:00`)));
  const money = made.currency ? `prices and costs in ${made.currency}` : "costs in their channel owners' currency";
  const head = h(
    "header",
    h("h2", `By ${state.of}, ${from} to ${to}`),
    h("span.muted.small", `to the last millionth; ${money}`),
  );
  const nothing = () => empty("Nothing was used in this period", "Pick another period, or wait for the first call.");
  fill(state.host, head, made.rows.length ? lines(made, state.of) : nothing());
}

/** Columns in which nothing stands are left out, but for the first questions: how many, for how much. */
function lines({ rows, total }, of) {
  const [, word] = OF.find(([value]) => value === of);
  const asks = ["calls", "credits"];
  const there = COLUMNS.filter(([member]) => asks.includes(member) || rows.some((row) => row[member]));
  const written = there.map(([member, text, format]) => {
    return [member, text, format ?? exactly([...rows, total].map((row) => row[member]))];
  });
  const cells = written.map(([member, text, format]) => [text, (row) => format(row[member]), "num"]);
  const sums = written.map(([member, , format]) => h("td.num", format(total[member])));
  const columns = [[word, (row) => h("b", row.name)], ...cells];
  return table("Statement", columns, rows, { foot: h("tr", h("td", "Together"), sums) });
}
