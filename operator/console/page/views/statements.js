// Statements: what each key, namespace or plan used and cost in a period, as a table to print and as files to keep.

import { fill, h, icon } from "../dom.js";
import { download, get, query } from "../api.js";
import { count, day, exactly, isoDay } from "../format.js";
import { month } from "../period.js";
import { choice, empty, heading, load, table } from "../parts.js";
import { field, say } from "../shown.js";

export const title = "Statements";

const OF = [
  ["key", "Key"],
  ["namespace", "Namespace"],
  ["plan", "Plan"],
];

/** Shows the view. */
export async function show(main, life) {
  const { first, last } = month(0);
  const state = {
    life,
    of: life.params.of ?? "key",
    name: life.params.name ?? "",
    from: life.params.from ?? isoDay(first),
    to: life.params.to ?? isoDay(last),
    host: h("section.card.statement"),
  };
  const again = () => {
    life.note({ of: state.of, name: state.name, from: state.from, to: state.to });
    return load(state.host, () => fetchRows(state));
  };
  fill(main, heading("Statements", null, files(state)), controls(state, again), state.host);
  await again();
}

function controls(state, again) {
  const date = (member, label) =>
    field(
      label,
      h("input", {
        type: "date",
        value: state[member],
        required: true,
        onchange: (event) => {
          state[member] = event.target.value;
          again();
        },
      }),
    );
  const from = date("from", "From");
  const to = date("to", "To, that day included");
  const jump = (back) => () => {
    const { first, last } = month(back);
    Object.assign(state, { from: isoDay(first), to: isoDay(last) });
    from.querySelector("input").value = state.from;
    to.querySelector("input").value = state.to;
    again();
  };
  const name = field(
    "Only",
    h("input", {
      type: "search",
      value: state.name,
      placeholder: "all names",
      onchange: (event) => {
        state.name = event.target.value.trim();
        again();
      },
    }),
  );
  const months = h(
    "div.row",
    [
      [0, "This month"],
      [1, "Last month"],
    ].map(([back, text]) => h("button.button", { type: "button", onclick: jump(back) }, text)),
  );
  return h(
    "div.options.noprint",
    choice("One line for each", OF, state.of, (value) => {
      state.of = value;
      again();
    }),
    from,
    to,
    name,
    months,
  );
}

function asked(state) {
  const start = new Date(`${state.from}T00:00:00`);
  const end = new Date(`${state.to}T00:00:00`);
  end.setDate(end.getDate() + 1);
  return {
    of: state.of,
    name: state.name,
    start_timestamp: start.getTime() / 1000,
    end_timestamp: end.getTime() / 1000,
  };
}

function files(state) {
  const save = (format, ending) => async () => {
    const name = `purser-${state.of}-${state.from}-${state.to}.${ending}`;
    await download(`api/statement${query({ ...asked(state), format })}`, name).catch((error) => say(error.message));
  };
  const button = (text, act) => h("button.button", { type: "button", onclick: act }, icon("down"), text);
  return [
    button("CSV", save("csv", "csv")),
    button("JSON", save("json", "json")),
    button("HTML", save("html", "html")),
    h("button.button", { type: "button", onclick: () => print() }, "Print"),
  ];
}

async function fetchRows(state) {
  const said = await get("api/statement", { ...asked(state), format: "json" }, state.life.signal);
  const rows = Array.isArray(said) ? said : (said.rows ?? said.items ?? []);
  const from = `${day(new Date(`${state.from}T00:00:00`))} to ${day(new Date(`${state.to}T00:00:00`))}`;
  const head = h("header", h("h2", `By ${state.of}, ${from}`), h("span.muted.small", "amounts in credits"));
  fill(
    state.host,
    head,
    rows.length
      ? lines(rows, state)
      : empty("Nothing was used in this period", "Pick another period, or wait for the first call."),
  );
}

const sum = (rows, member) => rows.reduce((all, row) => all + (Number(row[member]) || 0), 0);

function lines(rows, state) {
  const word = OF.find(([value]) => value === state.of)[1];
  const members = [
    ["calls", "Calls", count],
    ["prompt_tokens", "Input", count],
    ["cached_tokens", "Cached", count],
    ["completion_tokens", "Output", count],
    ["credits", "Credits"],
    ["cost", "Provider cost"],
    ["margin", "Margin"],
    ["waste", "Waste"],
  ];
  const given = members.filter(([member]) => rows.some((row) => row[member] !== undefined && row[member] !== null));
  const there = given.map(([member, text, format]) => [
    member,
    text,
    format ?? exactly(rows.map((row) => row[member])),
  ]);
  const cells = there.map(([member, text, format]) => [text, (row) => format(row[member]), "num"]);
  const price = rows.some((row) => row.price) ? [["Plan's price", (row) => money(row.price), "num"]] : [];
  const foot = h(
    "tr",
    h("td", "Together"),
    there.map(([member, , format]) => h("td.num", format(sum(rows, member)))),
    price.map(() => h("td")),
  );
  return table("Statement", [[word, (row) => h("b", row.name ?? row[state.of])], ...cells, ...price], rows, { foot });
}

const money = (price) => (price && typeof price === "object" ? `${price.amount} ${price.currency}` : (price ?? "–"));
