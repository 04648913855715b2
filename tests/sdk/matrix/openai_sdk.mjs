// The official Node SDK of OpenAI, as a caller of the matrix. Judges nothing.

import { base, busy, completes, degrees, hello, key, place, png, provoke, run, sdk, weather } from "./report.mjs";

const { OpenAI } = sdk("openai");
const clientOf = (apiKey) => new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
const client = clientOf(key);
// Where the earlier major keeps it.
const streams = client.chat.completions.stream ? client.chat.completions : client.beta.chat.completions;
const tools = [{ type: "function", function: { name: "get_weather", description: "The weather.", parameters: weather } }];
const said = (content) => [{ role: "system", content: "Be brief." }, { role: "user", content }];
const used = (usage) => usage && [usage.prompt_tokens, usage.completion_tokens];
const question = said("What is the weather in Paris and Rome?");

async function chat(model) {
  const answer = await client.chat.completions.create({ model, messages: said(hello), temperature: 0.5, max_completion_tokens: 100 });
  const [choice] = answer.choices;
  return { text: choice.message.content, finish: choice.finish_reason, usage: used(answer.usage), model: answer.model };
}

async function stream(model) {
  const seen = { text: "", many: false, finish: null, usage: null };
  let chunks = 0;
  for await (const chunk of await client.chat.completions.create({ model, messages: said(hello), stream: true, stream_options: { include_usage: true } })) {
    chunks += 1;
    seen.usage = used(chunk.usage) ?? seen.usage;
    for (const choice of chunk.choices) {
      seen.text += choice.delta.content ?? "";
      seen.finish = choice.finish_reason ?? seen.finish;
    }
  }
  return { ...seen, many: chunks > 3 };
}

// As OpenAI's documentation goes on with a conversation: the SDK's own message, beside members that change nothing.
async function givenBack(model) {
  const first = (await client.chat.completions.create({ model, messages: said(hello) })).choices[0].message;
  const messages = [...said("Who are you?"), first, { role: "user", name: "ada", content: hello }];
  const nothing = { user: "u", store: false, logit_bias: {}, modalities: ["text"], verbosity: "medium", safety_identifier: "s", prompt_cache_retention: "24h" };
  return (await client.chat.completions.create({ model, messages, ...nothing })).choices[0].message.content;
}

async function after(model, first) {
  const calls = first.message.tool_calls ?? [];
  const read = calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  const results = calls.map((call, at) => ({ role: "tool", tool_call_id: call.id, content: degrees[read[at][1].city] }));
  const last = await client.chat.completions.create({ model, messages: [...question, first.message, ...results], tools });
  return { calls: read, ids: new Set(calls.map((call) => call.id)).size, finish: first.finish_reason, after: last.choices[0].message.content };
}

async function toolsWhole(model) {
  const answer = await client.chat.completions.create({ model, messages: question, tools, tool_choice: "auto" });
  return after(model, answer.choices[0]);
}

async function toolsStreamed(model) {
  const answer = await streams.stream({ model, messages: question, tools }).finalChatCompletion();
  return after(model, answer.choices[0]);
}

async function vision(model) {
  const content = [{ type: "text", text: "What is in the picture?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } }];
  return (await client.chat.completions.create({ model, messages: [{ role: "user", content }] })).choices[0].message.content;
}

async function schema(model) {
  const response_format = { type: "json_schema", json_schema: { name: "place", schema: place, strict: true } };
  const answer = await client.chat.completions.create({ model, messages: said("Where is it how warm? Answer as JSON."), response_format });
  return JSON.parse(answer.choices[0].message.content);
}

async function response(model) {
  const answer = await client.responses.create({ model, input: hello, store: false });
  return { text: answer.output_text, finish: answer.status, usage: [answer.usage.input_tokens, answer.usage.output_tokens] };
}

async function responseStreamed(model) {
  let text = "";
  let last;
  for await (const event of await client.responses.create({ model, input: hello, stream: true, store: false })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  return { text, last: last.type };
}

async function responseTools(model) {
  const declared = [{ type: "function", strict: true, ...tools[0].function }];
  const input = [{ role: "user", content: "What is the weather in Paris and Rome?" }];
  const first = await client.responses.create({ model, input, tools: declared, store: false });
  const calls = first.output.filter((item) => item.type === "function_call");
  const read = calls.map((call) => [call.name, JSON.parse(call.arguments)]);
  const results = calls.map((call, at) => ({ type: "function_call_output", call_id: call.call_id, output: degrees[read[at][1].city] }));
  const last = await client.responses.create({ model, input: [...input, ...first.output, ...results], tools: declared, store: false });
  return { calls: read, ids: new Set(calls.map((call) => call.call_id)).size, after: last.output_text };
}

async function responseSchema(model) {
  const text = { format: { type: "json_schema", name: "place", schema: place, strict: true } };
  return JSON.parse((await client.responses.create({ model, input: "Where is it how warm? Answer as JSON.", text, store: false })).output_text);
}

async function completions() {
  const seen = {};
  // A model that goes on with what is said, and answers nothing, needs a beginning.
  const prompt = `${hello} Once upon a time there was`;
  for (const model of completes) {
    const whole = (await client.completions.create({ model, prompt, max_tokens: 100 })).choices[0];
    let streamed = "";
    for await (const chunk of await client.completions.create({ model, prompt, max_tokens: 100, stream: true })) for (const choice of chunk.choices) streamed += choice.text;
    seen[model] = { text: whole.text, finish: whole.finish_reason, streamed };
  }
  return seen;
}

async function embeddings() {
  const of = async (model, more) => (await client.embeddings.create({ model, input: ["one", "two"], ...more })).data.map((one) => one.embedding);
  // What stands for OpenAI there writes numbers alone; unless told otherwise the SDK asks for base64.
  return [await of("embed", { encoding_format: "float" }), await of("embed-gemini")];
}

async function models() {
  const ids = (await client.models.list()).data.map((model) => model.id).sort();
  const one = await client.models.retrieve("gpt");
  return { ids, context: one.context_length, modalities: one.architecture.input_modalities };
}

async function errors() {
  const ask = (of, model, text = "hello", more = {}) => of.chat.completions.create({ model, messages: said(text), ...more });
  const bad = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: { a: { type: "str" } } } } }];
  return [
    await provoke(() => ask(clientOf("sk-nobody"), "gpt")),
    await provoke(() => ask(client, "nowhere")),
    await provoke(() => ask(client, "gpt", "hello", { tools: bad })),
    ...(await Promise.all(busy.map((model) => provoke(() => ask(client, model, "Please be busy."))))),
  ];
}

await run(
  { chat, stream, "given back": givenBack, tools: toolsWhole, "tools streamed": toolsStreamed, vision, schema, response, "response streamed": responseStreamed, "response tools": responseTools, "response schema": responseSchema },
  { completions, embeddings, models, errors },
);
