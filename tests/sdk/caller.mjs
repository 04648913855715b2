// The official Node SDK, as a caller of Purser. Owns nothing but the calls that its first argument lists (`tests/sdk/caller.rs` writes
// it and reads the answer): for each it prints one JSON line, with what the SDK returned or what it raised. It knows nothing of Purser
// but `baseURL` and `apiKey`, judges nothing, and must never catch what is not the SDK's own exception. The second argument is the
// folder in which the SDK is installed.

import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const sdk = createRequire(`${process.argv[3]}/package.json`)("openai-6");
const { OpenAI, APIError } = sdk;

const messages = [{ role: "user", content: "Say hello." }];

function chat(client, call, more = {}) {
  return client.chat.completions.create({ model: call.model, messages, ...more, ...call.with });
}

function shownChat(answer) {
  const [choice] = answer.choices;
  return { text: choice.message.content, finish: choice.finish_reason, usage: answer.usage?.total_tokens ?? null };
}

async function shownStream(stream) {
  const seen = { text: "", chunks: 0, finish: null, usage: null };
  try {
    for await (const chunk of stream) {
      seen.chunks += 1;
      seen.usage = chunk.usage?.total_tokens ?? seen.usage;
      for (const choice of chunk.choices) {
        seen.text += choice.delta.content ?? "";
        seen.finish = choice.finish_reason ?? seen.finish;
      }
    }
  } catch (error) {
    error.seen = seen;
    throw error;
  }
  return seen;
}

async function shownResponseStream(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  const deltas = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
  const last = events.at(-1);
  const texts = last.response.output.flatMap((item) => item.content).map((part) => part.text);
  return { text: deltas.join(""), first: events[0].type, last: last.type, whole: texts.join("") };
}

async function audio(client, call) {
  const file = await sdk.toFile(Buffer.from("RIFF\x00\xff\r\n--not-the-boundary\r\n", "latin1"), "words.wav");
  return client.audio.transcriptions.create({ model: call.model, file }).withResponse();
}

async function edit(client, call) {
  const image = await sdk.toFile(Buffer.from("\x89PNG\r\n", "latin1"), "sea.png", { type: "image/png" });
  return client.images.edit({ model: call.model, prompt: "a ship", image }).withResponse();
}

// What is called, and what of the SDK's answer is shown.
const calls = {
  chat: [chat, shownChat],
  stream: [(client, call) => chat(client, call, { stream: true }), shownStream],
  completion: [
    (client, call) => client.completions.create({ model: call.model, prompt: "Say hello." }),
    (answer) => answer.choices[0].text,
  ],
  embedding: [
    (client, call) => client.embeddings.create({ model: call.model, input: "hello", ...call.with }),
    (answer) => answer.data[0].embedding,
  ],
  models: [(client) => client.models.list(), (page) => page.data.map((model) => model.id)],
  model: [(client, call) => client.models.retrieve(call.model), (model) => model.id],
  image: [
    (client, call) => client.images.generate({ model: call.model, prompt: "a ship" }),
    (answer) => answer.data[0].b64_json,
  ],
  edit: [edit, (answer) => answer.data[0].b64_json],
  count: [
    (client, call) => client.responses.inputTokens.count({ model: call.model, input: "Say hello." }),
    (answer) => answer.input_tokens,
  ],
  speech: [
    (client, call) => client.audio.speech.create({ model: call.model, input: "hello", voice: "alloy" }),
    async (answer) => Buffer.from(await answer.arrayBuffer()).toString("hex"),
  ],
  transcription: [audio, (answer) => answer.text],
  moderation: [
    (client, call) => client.moderations.create({ model: call.model, input: "hello" }),
    (answer) => answer.results[0].flagged,
  ],
  response: [
    (client, call) => client.responses.create({ model: call.model, input: "Say hello." }),
    (answer) => answer.output_text,
  ],
  "response stream": [
    (client, call) => client.responses.create({ model: call.model, input: "Say hello.", stream: true }),
    shownResponseStream,
  ],
  kept: [
    (client, call) => client.responses.create({ model: call.model, input: "Say hello.", store: true, ...call.with }),
    (answer) => [answer.id, answer.previous_response_id],
  ],
  "kept, read": [(client, call) => client.responses.retrieve(call.with.id), (answer) => answer.id],
  "kept, asked": [
    (client, call) => client.responses.inputItems.list(call.with.id),
    (page) => page.data.map((item) => item.content[0].text),
  ],
  "kept, deleted": [(client, call) => client.responses.delete(call.with.id), () => null],
};

function raised(error) {
  return {
    raised: error.constructor.name,
    is_status_error: error.status !== undefined,
    status: error.status ?? null,
    message: error.message,
    code: error.code ?? null,
    type: error.type ?? null,
    param: error.param ?? null,
    request_id: error.requestID ?? null,
    headers: Object.fromEntries(error.headers ?? []),
    seen: error.seen ?? null,
  };
}

async function perform(baseURL, call) {
  const client = new OpenAI({ baseURL, apiKey: call.key, maxRetries: call.retries, timeout: 120_000 });
  const [ask, shown] = calls[call.do];
  const began = performance.now();
  let result;
  try {
    const asked = ask(client, call);
    const { data, response } = await (asked.withResponse?.() ?? asked);
    result = { returned: await shown(data), headers: Object.fromEntries(response.headers) };
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    result = raised(error);
  }
  return { ...result, seconds: (performance.now() - began) / 1000 };
}

const { base_url, calls: listed } = JSON.parse(process.argv[2]);
for (const call of listed) console.log(JSON.stringify(await perform(base_url, call)));
