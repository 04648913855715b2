// The official Node SDK of Google, as a caller of the matrix. Judges nothing.

import { base, busy, degrees, hello, key, place, png, provoke, run, sdk, weather } from "./report.mjs";

const { GoogleGenAI } = sdk("@google/genai");
const clientOf = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: base, timeout: 60_000 } });
const client = clientOf(key);
const tools = [{ functionDeclarations: [{ name: "get_weather", description: "The weather.", parametersJsonSchema: weather }] }];
const question = { role: "user", parts: [{ text: "What is the weather in Paris and Rome?" }] };
const brief = { systemInstruction: "Be brief.", maxOutputTokens: 100, temperature: 0.5 };
const used = (usage) => usage && [usage.promptTokenCount, usage.candidatesTokenCount];

async function chat(model) {
  const answer = await client.models.generateContent({ model, contents: hello, config: brief });
  return { text: answer.text, finish: answer.candidates[0].finishReason, usage: used(answer.usageMetadata), model: answer.modelVersion };
}

async function stream(model) {
  const seen = { text: "", many: false, finish: null, usage: null };
  let chunks = 0;
  for await (const chunk of await client.models.generateContentStream({ model, contents: hello, config: brief })) {
    chunks += 1;
    seen.usage = used(chunk.usageMetadata) ?? seen.usage;
    for (const candidate of chunk.candidates ?? []) {
      seen.finish = candidate.finishReason ?? seen.finish;
      for (const part of candidate.content?.parts ?? []) seen.text += part.thought ? "" : (part.text ?? "");
    }
  }
  return { ...seen, many: chunks > 1 };
}

async function after(model, parts, finish) {
  const calls = parts.filter((part) => part.functionCall).map((part) => part.functionCall);
  const results = calls.map((call) => ({ functionResponse: { id: call.id, name: call.name, response: { result: degrees[call.args.city] } } }));
  const contents = [question, { role: "model", parts }, { role: "user", parts: results }];
  const last = await client.models.generateContent({ model, contents, config: { tools } });
  return { calls: calls.map((call) => [call.name, call.args]), ids: calls.length, finish, after: last.text };
}

async function toolsWhole(model) {
  const [first] = (await client.models.generateContent({ model, contents: [question], config: { tools } })).candidates;
  return after(model, first.content.parts, first.finishReason);
}

async function toolsStreamed(model) {
  const parts = [];
  let finish = null;
  for await (const chunk of await client.models.generateContentStream({ model, contents: [question], config: { tools } }))
    for (const candidate of chunk.candidates ?? []) {
      finish = candidate.finishReason ?? finish;
      parts.push(...(candidate.content?.parts ?? []));
    }
  return after(model, parts, finish);
}

async function vision(model) {
  const contents = [{ role: "user", parts: [{ text: "What is in the picture?" }, { inlineData: { mimeType: "image/png", data: png } }] }];
  return (await client.models.generateContent({ model, contents })).text;
}

async function schema(model) {
  const config = { responseMimeType: "application/json", responseJsonSchema: place };
  return JSON.parse((await client.models.generateContent({ model, contents: "Where is it how warm? Answer as JSON.", config })).text);
}

async function count(model) {
  return (await client.models.countTokens({ model, contents: hello })).totalTokens > 0;
}

async function embeddings() {
  const of = async (model) => (await client.models.embedContent({ model, contents: ["one", "two"] })).embeddings.map((one) => one.values);
  return [await of("embed"), await of("embed-gemini")];
}

async function models() {
  const ids = [];
  for await (const model of await client.models.list()) ids.push(model.name);
  return { ids: ids.sort(), context: (await client.models.get({ model: "gpt" })).inputTokenLimit };
}

async function errors() {
  const ask = (of, model, contents = "hello", config = {}) => of.models.generateContent({ model, contents, config });
  const bad = [{ functionDeclarations: [{ name: "f", parametersJsonSchema: { type: "object", properties: { a: { type: "str" } } } }] }];
  return [
    await provoke(() => ask(clientOf("sk-nobody"), "gemini")),
    await provoke(() => ask(client, "nowhere")),
    await provoke(() => ask(client, "gemini", "hello", { tools: bad })),
    ...(await Promise.all(busy.map((model) => provoke(() => ask(client, model, "Please be busy."))))),
  ];
}

await run({ chat, stream, tools: toolsWhole, "tools streamed": toolsStreamed, vision, schema, count }, { embeddings, models, errors });
