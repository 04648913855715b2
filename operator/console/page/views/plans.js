// The plans: what each allows, what it costs, and who uses it.

import { fill, h } from "../dom.js";
import { get } from "../api.js";
import { count, many } from "../format.js";
import { conditions, empty, heading, load, table } from "../parts.js";

export const title = "Plans";

/** Shows the view. */
export async function show(main, life) {
  const host = h("div.stack");
  fill(
    main,
    heading(
      "Plans",
      "How often, for how many credits and which models: a key obeys its plan. Plans are cluster-wide objects, so that a team cannot write its own.",
    ),
    host,
  );
  await load(host, async () => {
    const page = await get("api/plan/", { page_size: 100 }, life.signal);
    const plans = page.items ?? page;
    fill(host, plans.length ? plans.map((plan) => card(plan, life)) : h("section.card", nobody()));
  });
  document.getElementById(`plan-${life.params.open}`)?.scrollIntoView({ block: "start" });
}

const nobody = () =>
  empty(
    "No plans yet",
    "A key without a plan is refused. Write the first one:",
    h(
      "pre",
      'apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {name: team}\nspec:\n  limits: {requestsPerMinute: 60}\n  models: {allow: ["*"]}',
    ),
  );

function card(plan, life) {
  const marked = life.params.open === plan.name;
  const users = h("a", { href: `#/keys?plan=${encodeURIComponent(plan.name)}` }, many(plan.keys ?? 0, "key"));
  const head = h(
    "header",
    h("h2", plan.display_name || plan.name, plan.display_name !== plan.name ? h("code.muted", ` ${plan.name}`) : null),
    h("b.num", price(plan.price)),
    users,
  );
  return h(
    marked ? "section.card.marked" : "section.card",
    { id: `plan-${plan.name}` },
    head,
    h("div.body.stack", figures(plan), names(plan), prices(plan), whole(plan)),
  );
}

const price = (money) =>
  money?.amount !== undefined ? `${money.amount} ${money.currency}` : h("span.muted", "no price");

function figures(plan) {
  const { limits = {}, credits, validity, spec = {} } = plan;
  const figure = (value, word) =>
    value === null || value === undefined
      ? null
      : h("div.figure", h("b", typeof value === "number" ? count(value) : value), h("span.muted.small", word));
  const shown = [
    figure(limits?.requestsPerMinute, "requests in any 60 s"),
    figure(limits?.requestsPerDay, "requests a day"),
    figure(limits?.tokensPerMinute, "tokens a minute"),
    figure(limits?.concurrentRequests, "at once"),
    credits
      ? figure(count(Number(credits.grant)), `credits${resets(credits)}`)
      : figure("Unmetered", "no credits are counted"),
    figure(term(validity), validity?.startsAt === "Creation" ? "from its creation" : "from its first call"),
    figure(spec.contextPercent ? `${spec.contextPercent} %` : null, "of a model's context"),
    figure(spec.maxOutputTokens, "output tokens at most"),
  ];
  return h("div.figures", shown.filter(Boolean));
}

const resets = ({ resets: when }) =>
  when && when !== "Never" ? `, again ${when === "Daily" ? "each day" : "each month"}` : "";
const term = (validity) => (validity ? (validity.duration ?? many(validity.months, "month")) : null);

function names({ models = {} }) {
  const list = Array.isArray(models) ? { allow: models } : (models ?? {});
  const tags = (words, tone = "") => words.map((word) => h(`span.tag${tone}`, word));
  const allow = list.allow ?? [];
  return h(
    "div.row",
    h("span.muted", "Models"),
    allow.length ? tags(allow.slice(0, 40)) : h("span.bad", "none: nobody can call with this plan"),
    (list.deny ?? []).length ? [h("span.muted", "but not"), tags(list.deny)] : null,
  );
}

function prices(plan) {
  const list = plan.prices ?? plan.spec?.prices ?? [];
  if (!list.length) return null;
  const token = (name) => (one) => one.perMillionTokens?.[name] ?? "–";
  return h(
    "div.framed",
    table(
      `Prices of ${plan.name}, in credits`,
      [
        [
          "Models",
          (one) =>
            h(
              "span.row",
              one.models.map((name) => h("span.tag", name)),
            ),
        ],
        ["A request", (one) => one.perRequest ?? "–", "num"],
        ["1M input", token("input"), "num"],
        ["1M cached", (one) => one.perMillionTokens?.cachedInput ?? one.perMillionTokens?.input ?? "–", "num"],
        ["1M output", token("output"), "num"],
      ],
      list,
    ),
  );
}

function whole(plan) {
  return h(
    "details",
    h("summary.muted.small", "The whole object"),
    h("div.stack", h("pre", JSON.stringify(plan.spec ?? {}, null, 2)), conditions(plan.conditions)),
  );
}
