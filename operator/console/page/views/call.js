// One call, opened: why it ended as it did, its attempts and times as a timeline, what it used and who paid.

import { h } from "../dom.js";
import { clock, count, exact, full, span } from "../format.js";
import { facts } from "../parts.js";
import { copier, dialog } from "../shown.js";

const ENDS = {
  done: "its answer is whole",
  client_left: "its caller left before the end",
  broken: "its provider broke off",
  failed: "no channel answered",
  interrupted: "its sidecar died meanwhile and came back to say so",
  unconfirmed: "its sidecar died; what it used is not known",
};

/** The result in a word, with a colour. */
export function outcome(item) {
  const tone =
    item.type === 5 ? (item.status === 429 ? "warn" : "bad") : item.end && item.end !== "done" ? "warn" : "good";
  const word = item.status ? String(item.status) : "no answer";
  return h(`span.state.${tone}.num`, { title: ENDS[item.end] ?? "" }, word);
}

/** Opens it beside the list. */
export function callDrawer(item, life) {
  return dialog(`Call at ${clock(item.timestamp ?? item.created_at)}`, (close) => content(item, life, close), {
    drawer: true,
  });
}

function content(item, life, close) {
  const wrong = item.type === 5 && item.content;
  const filter = (name, value) =>
    h("a", { href: `#/log?${new URLSearchParams({ [name]: value })}`, onclick: () => close() }, value);
  return [
    h("div.row", outcome(item), h("span.muted", sentence(item))),
    wrong && h("p.complaint", item.content),
    h("section.stack", h("h3", "Attempts and times"), timeline(item)),
    facts([
      ["Key", item.token_name && filter("token_name", item.token_name)],
      ["Plan", item.plan],
      ["Model", item.model_name],
      ["Served as", item.served],
      ["Channel", item.channel_name ? filter("channel", item.channel_name) : "none: no provider was asked"],
      ["Endpoint", `${item.endpoint}${item.is_stream ? ", as a stream" : ""}`],
      ["Began", full(item.created_at)],
      ["Credits", exact(item.quota)],
      ["Unpaid", item.unpaid ? exact(item.unpaid) : null],
      ["Provider's cost", item.cost ? exact(item.cost) : null],
      ["Wasted on failed attempts", wasted(item)],
      [
        "Input tokens",
        `${count(item.prompt_tokens)}${item.cached_tokens ? `, ${count(item.cached_tokens)} of them cached` : ""}`,
      ],
      ["Output tokens", `${count(item.completion_tokens)}${item.estimated ? ", estimated" : ""}`],
      ...Object.entries(item.user_metadata ?? {}).map(([name, value]) => [name, value]),
    ]),
    h(
      "section.stack",
      h("h3", "Request id"),
      h("div.secret", h("code", item.request_id ?? item.id), copier(item.request_id ?? item.id)),
    ),
    h("details", h("summary.muted.small", "The whole record"), h("pre", JSON.stringify(item, null, 2))),
  ];
}

function sentence(item) {
  if (!item.attempts && item.type === 5) return "refused before any provider was asked";
  const how = ENDS[item.end] ?? "";
  const by = item.channel_name && item.end !== "failed" ? `, by ${item.channel_name}` : "";
  return `${how}${by}${item.attempts > 1 && by ? ` at the ${ordinal(item.attempts)} attempt` : ""}`;
}

const ordinal = (number) => ["first", "second", "third", "fourth", "fifth"][number - 1] ?? `${number}th`;

function wasted(item) {
  const parts = Object.entries(item.waste_by_channel ?? {}).map(
    ([channel, amount]) => `${exact(amount)} at ${channel}`,
  );
  return parts.length ? parts.join(", ") : item.waste ? exact(item.waste) : null;
}

/** The stretches of a call: `{name, from, to, tone, note}` in milliseconds of its own time. */
export function stretches(item) {
  const end = item.latency_ms ?? 0;
  if (!item.attempts) return [{ name: "Refused here", from: 0, to: end, tone: "bad", note: "no provider was asked" }];
  const last = item.channel_name || "no channel";
  const made = (item.failures ?? []).map(lost);
  if (item.end === "failed" && made.length) return made;
  if (item.end === "failed") return [{ name: last, from: 0, to: end, tone: "bad", note: "without content" }];
  const from = Math.min(made.at(-1)?.to ?? 0, end);
  const first = Math.max(Math.min(item.first_ms ?? end, end), from);
  const until = item.first_ms === null || item.first_ms === undefined ? "until its answer" : "until its first content";
  made.push({ name: last, from, to: first, tone: "wait", note: until });
  if (first < end)
    made.push({
      name: "Answer",
      from: first,
      to: end,
      tone: item.end === "done" ? "flow" : "warn",
      note: ENDS[item.end] ?? "",
    });
  return made;
}

const FAULTS = {
  unreachable: "no connection",
  not_sent: "the connection was closing; the provider did nothing",
  busy: "too busy, or over its limit",
  refused: "refused",
  failed: "the provider failed",
  too_slow: "nothing came in time",
  broken: "it broke off before its answer was whole",
  unusable: "an answer without anything in it",
  suspicious: "an answer that no provider of this kind gives",
};

/** An attempt that gave nothing, as a stretch. */
function lost({ channel, fault, status, at_ms: from, took_ms: took }) {
  const word = FAULTS[fault] ?? fault;
  return { name: channel, from, to: from + took, tone: "bad", note: status ? `${status}: ${word}` : word };
}

function timeline(item) {
  const whole = Math.max(item.latency_ms ?? 0, 1);
  const list = h("ol.timeline");
  for (const one of stretches(item)) {
    const bar = h(
      "div.lane",
      { "aria-hidden": "true" },
      h(`i.${one.tone}`, {
        "left%": (100 * one.from) / whole,
        "width%": Math.max(0.6, (100 * (one.to - one.from)) / whole),
      }),
    );
    list.append(
      h("li", h("b", one.name), h("span.num", span(one.to - one.from)), bar, h("span.muted.small", one.note)),
    );
  }
  list.append(
    h(
      "li.scale.muted.small",
      { "aria-hidden": "true" },
      (whole < 8 ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) => h("span.num", span(whole * part))),
    ),
  );
  return list;
}
