// What the Node SDKs of Anthropic and Google raise when a key may not call, when a provider fails, and when a stream breaks after its first
// words. One check an SDK. Judges nothing.

import { base, breaks, key, provoke, run, sdk, suspended } from "./report.mjs";

const { Anthropic } = sdk("@anthropic-ai/sdk");
const { GoogleGenAI } = sdk("@google/genai");
const messages = [{ role: "user", content: "hello" }];
const claude = (apiKey) => new Anthropic({ baseURL: base, apiKey, maxRetries: 0, timeout: 60_000 });
const google = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: base, timeout: 60_000 } });

async function* claudeStreams(model) {
  for await (const event of claude(key).messages.stream({ model, max_tokens: 100, messages })) if (event.type === "content_block_delta") yield event.delta.text;
}

async function* googleStreams(model) {
  for await (const chunk of await google(key).models.generateContentStream({ model, contents: "hello" })) yield chunk.text;
}

// What was said, and what was raised then.
async function broken(streams, model) {
  let text = "";
  try {
    for await (const said of streams(model)) text += said ?? "";
  } catch (error) {
    return [text, error.constructor.name];
  }
  return [text, "nothing"];
}

async function seen(ask, streams) {
  const found = { suspended: await provoke(() => ask("good", suspended)), failing: await provoke(() => ask("failing", key)), breaks: {} };
  for (const model of breaks) found.breaks[model] = await broken(streams, model);
  return found;
}

await run(
  {},
  {
    anthropic: () => seen((model, of) => claude(of).messages.create({ model, max_tokens: 100, messages }), claudeStreams),
    google: () => seen((model, of) => google(of).models.generateContent({ model, contents: "hello" }), googleStreams),
  },
);
