// The channels: whether each works, since when not, its circuit, its last error, what it cost and what was wasted; and a test that makes a real call.

import { fill, h, icon } from "../dom.js";
import { all, post, remove, told } from "../api.js";
import { credits, span } from "../format.js";
import { channelState, conditions, empty, facts, heading, load, opener, path, table } from "../parts.js";
import { confirm, dialog, field, form, menu, say, select } from "../shown.js";

export const title = "Channels";

const PROVIDERS = [
  "OpenAI",
  "AzureOpenAI",
  "Anthropic",
  "Gemini",
  "Mistral",
  "DeepSeek",
  "XAI",
  "DashScope",
  "OpenAICompatible",
];

/** Shows the view. */
export async function show(main, life) {
  const host = h("section.card");
  const state = { life, host, tests: new Map(), channels: [] };
  state.refresh = () => load(host, () => fetchChannels(state));
  const add =
    life.user.role >= 10 &&
    h("button.button.main", { type: "button", onclick: () => create(state) }, icon("plus"), "Add channel");
  fill(main, heading("Channels", null, add), host);
  await state.refresh();
  life.every(4000, () => fetchChannels(state).catch(() => null));
}

async function fetchChannels(state) {
  state.channels = await all("api/channel/");
  if (!state.host.querySelector(":popover-open")) draw(state);
}

function draw(state) {
  if (!state.channels.length) return fill(state.host, nobody());
  const focused = document.activeElement?.dataset?.focus;
  const sorted = [...state.channels].sort(
    (a, b) => (a.priority ?? 0) - (b.priority ?? 0) || a.name.localeCompare(b.name),
  );
  fill(
    state.host,
    table("Channels", columns(state), sorted, {
      open: (channel) => drawer(channel, state),
      under: (channel) => tested(channel, state),
    }),
  );
  if (focused) state.host.querySelector(`[data-focus="${focused}"]`)?.focus();
}

const names = (channel) =>
  (Array.isArray(channel.models) ? channel.models : String(channel.models ?? "").split(","))
    .map((one) => one.name ?? one)
    .filter(Boolean);

function columns(state) {
  return [
    [
      "Channel",
      (channel) => [
        opener(path(`${channel.namespace}/${channel.name}`), () => drawer(channel, state)),
        h("span.sub", channel.provider),
      ],
    ],
    ["Health", (channel) => [channelState(channel), h("span.sub", channel.health)]],
    ["Circuit", (channel) => circuit(channel.circuit), "wide-only"],
    [
      "Last error",
      (channel) =>
        channel.last_error
          ? h("span.clip", { title: channel.last_error }, channel.last_error)
          : h("span.muted", "none"),
      "wide-only",
    ],
    ["Order", (channel) => `${channel.priority ?? 0} · ${channel.weight ?? 1}`, "num wide-only"],
    ["Credits", (channel) => credits(channel.used_quota), "num wide-only"],
    ["Cost", (channel) => credits(channel.cost), "num wide-only"],
    [
      "Waste",
      (channel) => h("span", { class: channel.waste ? "warn" : "muted" }, credits(channel.waste)),
      "num wide-only",
    ],
    ["", (channel) => deeds(channel, state), "num"],
  ];
}

const CIRCUITS = {
  flowing: ["", "closed: calls flow"],
  shut: [".alarm", "open: no call is sent"],
  unknown: ["", "not called yet"],
};

function circuit(said) {
  const [kind, words] = CIRCUITS[said] ?? ["", said];
  return h(`span.tag${kind}`, words);
}

function deeds(channel, state) {
  if (state.life.user.role < 10) return null;
  const testing = state.tests.get(channel.id) === "running";
  const test = h(
    "button.button.little",
    {
      type: "button",
      disabled: testing,
      "data-focus": `test-${channel.id}`,
      "aria-label": `Test ${channel.name}`,
      onclick: () => probe(channel, state),
    },
    testing ? "Testing…" : "Test",
  );
  const more = menu(`Actions for ${channel.name}`, [
    ["Show its calls", () => state.life.go("log", { channel: `${channel.namespace}/${channel.name}` })],
    ["Delete…", () => takeAway(channel, state), true],
  ]);
  return h("span.deeds", test, more);
}

async function probe(channel, state) {
  state.tests.set(channel.id, "running");
  draw(state);
  try {
    const { success, message, time } = await told(`api/channel/test/${channel.id}`);
    state.tests.set(channel.id, { ok: success, message, time });
  } catch (error) {
    state.tests.set(channel.id, { ok: false, message: error.message });
  }
  draw(state);
}

function tested(channel, state) {
  const said = state.tests.get(channel.id);
  if (!said || said === "running") return null;
  const time = said.time ? ` after ${span(said.time * 1000)}` : "";
  const words = said.ok ? `Its provider answered${time}.` : `The test failed${time}: ${said.message}`;
  return h(said.ok ? "span.good" : "span.bad", { role: "status" }, words);
}

function drawer(channel, state) {
  return dialog(
    `${channel.namespace}/${channel.name}`,
    () => [
      h("div.row", channelState(channel), h("span.muted", channel.health)),
      channel.last_error && h("p.complaint", channel.last_error),
      facts([
        ["Provider", channel.provider],
        ["Address", channel.base_url && h("code", channel.base_url)],
        ["Circuit", circuit(channel.circuit)],
        ["Priority, weight", `${channel.priority ?? 0}, ${channel.weight ?? 1}`],
        ["Answers in", channel.response_time ? span(channel.response_time) : null],
        ["Credits served", credits(channel.used_quota)],
        ["Cost", credits(channel.cost)],
        ["Waste", credits(channel.waste)],
      ]),
      h(
        "section.stack",
        h("h3", "Models"),
        h(
          "div.row",
          names(channel).map((name) => h("span.tag", name)),
        ),
      ),
      h(
        "div.row",
        h(
          "a.button",
          {
            href: `#/log?${new URLSearchParams({ channel: `${channel.namespace}/${channel.name}` })}`,
            onclick: (event) => event.target.closest("dialog").close(),
          },
          "Show its calls",
        ),
      ),
      conditions(channel.conditions),
    ],
    { drawer: true, life: state.life },
  );
}

async function create(state) {
  const text = (name, more = {}) => h("input", { name, autocapitalize: "none", spellcheck: "false", ...more });
  const spaces = [...new Set(state.channels.map((channel) => channel.namespace))].sort();
  const content = [
    h(
      "div.pair",
      field("Name", text("name", { required: true, autofocus: true, maxlength: 63 })),
      field("Namespace", text("namespace", { required: true, value: spaces[0] ?? "" })),
    ),
    field(
      "Provider",
      select(
        "provider",
        PROVIDERS.map((name) => [name, name]),
        "OpenAI",
      ),
    ),
    field(
      "Address",
      text("base_url", { type: "url", placeholder: "the provider's own" }),
      "Needed for AzureOpenAI and OpenAICompatible: https://…/v1",
    ),
    field("Models", text("models", { required: true, placeholder: "gpt-4o-mini, gpt-4o" }), "Apart by commas."),
    field(
      "Provider's key",
      text("key", { type: "password", autocomplete: "off" }),
      "Goes into a labelled Secret and is never shown again.",
    ),
    h(
      "div.pair",
      field("Priority", text("priority", { type: "number", value: "0", min: 0 }), "Lower is tried first."),
      field("Weight", text("weight", { type: "number", value: "1", min: 1 }), "Among equals."),
    ),
  ];
  const asked = (members) => ({
    ...members,
    base_url: members.base_url || undefined,
    key: members.key || undefined,
    models: members.models
      .split(",")
      .map((word) => word.trim())
      .filter(Boolean),
    priority: Number(members.priority),
    weight: Number(members.weight),
  });
  const made = await dialog("Add a channel", (close) =>
    form(content, {
      action: "Add channel",
      close,
      send: async (members) => {
        await post("api/channel/", asked(members));
        close(members.name);
      },
    }),
  );
  if (!made) return;
  say(`Channel ${made} was added. Test it to see whether its provider answers.`);
  state.refresh();
}

async function takeAway(channel, state) {
  const full = `${channel.namespace}/${channel.name}`;
  const done = await confirm(
    `Delete ${channel.name}?`,
    `No call goes to ${full} from then on; models that only it serves are gone. Its records stay.`,
    "Delete channel",
    () => remove(`api/channel/${channel.id}`),
  );
  if (!done) return;
  say(`${full} is deleted.`);
  state.refresh();
}

const nobody = () =>
  empty(
    "No channels yet",
    "A channel is a way to a provider. Without one no call can be answered. Add one here, or write a ProviderChannel object:",
    h(
      "pre",
      "apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {name: openai, namespace: shop}\nspec:\n  provider: OpenAI\n  credentials: [{secretRef: {name: openai-credential}}]\n  models: [{name: gpt-4o-mini, contextLength: 128000}]",
    ),
  );
