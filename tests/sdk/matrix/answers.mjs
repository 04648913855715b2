// Answers that SDKs have stumbled over, as the Node SDKs of OpenAI and Anthropic put them together from a stream. Judges nothing.

import { base, key, provoke, run, sdk, weather } from "./report.mjs";

const { OpenAI } = sdk("openai");
const { Anthropic } = sdk("@anthropic-ai/sdk");
const chat = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0, timeout: 60_000 });
const anthropic = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: "What is the weather in Oslo and Rome?" }];
const tools = [{ type: "function", function: { name: "weather", parameters: weather } }];

async function final(model, more) {
  return (await chat.chat.completions.stream({ model, messages, ...more }).finalChatCompletion()).choices[0].message;
}

async function signed() {
  const calls = (await final("signed", { tools })).tool_calls;
  return calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments), call.extra_content?.google?.thought_signature ?? null]);
}

async function lists() {
  const message = await final("lists");
  const place = ({ url_citation: { title, start_index, end_index } }) => [title, start_index, end_index];
  return { text: message.content, thoughts: message.thinking_blocks.map((block) => block.type), sources: message.annotations.map(place) };
}

async function inputOf(model) {
  const answer = await anthropic.messages.stream({ model, max_tokens: 100, messages }).finalMessage();
  return [answer.stop_reason, ...answer.content.filter((block) => block.type === "tool_use").map((block) => block.input)];
}

await run({}, { signed, lists, "no object": () => inputOf("no-object"), "broken input": () => provoke(() => inputOf("broken-input")), tired: () => provoke(() => inputOf("tired")) });
