// The official Node SDK of Anthropic, as a caller of the matrix. Judges nothing.

import { base, busy, degrees, hello, key, place, png, provoke, run, sdk, weather } from "./report.mjs";

const { Anthropic } = sdk("@anthropic-ai/sdk");
const client = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0, timeout: 60_000 });
const tools = [{ name: "get_weather", description: "The weather.", input_schema: weather }];
const question = [{ role: "user", content: "What is the weather in Paris and Rome?" }];
const used = (usage) => [usage.input_tokens, usage.output_tokens];
const words = (answer) => answer.content.map((block) => block.text ?? "").join("");

function ask(model, content, more = {}, of = client) {
  return of.messages.create({ model, max_tokens: 100, system: "Be brief.", messages: [{ role: "user", content }], ...more });
}

async function chat(model) {
  const answer = await ask(model, hello);
  return { text: words(answer), finish: answer.stop_reason, usage: used(answer.usage), model: answer.model };
}

async function stream(model) {
  let chunks = 0;
  const asked = client.messages.stream({ model, max_tokens: 100, messages: [{ role: "user", content: hello }] });
  asked.on("text", () => (chunks += 1));
  const answer = await asked.finalMessage();
  return { text: words(answer), many: chunks > 1, finish: answer.stop_reason, usage: used(answer.usage) };
}

async function after(model, first) {
  const calls = first.content.filter((block) => block.type === "tool_use");
  const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: degrees[call.input.city] }));
  const messages = [...question, { role: "assistant", content: first.content }, { role: "user", content: results }];
  const last = await client.messages.create({ model, max_tokens: 100, messages, tools });
  return {
    calls: calls.map((call) => [call.name, call.input]),
    ids: new Set(calls.map((call) => call.id)).size,
    finish: first.stop_reason,
    after: words(last),
  };
}

async function toolsWhole(model) {
  return after(model, await client.messages.create({ model, max_tokens: 100, messages: question, tools, tool_choice: { type: "auto" } }));
}

async function toolsStreamed(model) {
  return after(model, await client.messages.stream({ model, max_tokens: 100, messages: question, tools }).finalMessage());
}

async function vision(model) {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: png } };
  return words(await ask(model, [image, { type: "text", text: "What is in the picture?" }]));
}

async function schema(model) {
  const output_config = { format: { type: "json_schema", schema: place } };
  return JSON.parse(words(await ask(model, "Where is it how warm? Answer as JSON.", { output_config })));
}

async function count(model) {
  return (await client.messages.countTokens({ model, messages: [{ role: "user", content: hello }] })).input_tokens > 0;
}

async function models() {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  const one = await client.models.retrieve("gpt");
  return { ids: ids.sort(), context: one.max_input_tokens, sees: one.capabilities.image_input.supported, owner: one.owned_by };
}

async function errors() {
  const bad = [{ name: "f", input_schema: { type: "object", properties: { a: { type: "str" } } } }];
  return [
    await provoke(() => ask("claude", "hello", {}, client.withOptions({ apiKey: "sk-nobody" }))),
    await provoke(() => ask("nowhere", "hello")),
    await provoke(() => ask("claude", "hello", { tools: bad })),
    ...(await Promise.all(busy.map((model) => provoke(() => ask(model, "Please be busy."))))),
  ];
}

await run({ chat, stream, tools: toolsWhole, "tools streamed": toolsStreamed, vision, schema, count }, { models, errors });
