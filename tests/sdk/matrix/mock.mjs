// A provider that no one here wrote (npm @copilotkit/aimock), told what to answer: the same words in the wire form of whichever API it is
// asked in. Owns its port; prints its address and runs until it is ended. Its first argument is the folder in which it is installed; a second
// one is the turn of an agent at which it dies, with the request in hand. Must never know which API a caller of Purser speaks.

import { createRequire } from "node:module";
import { start } from "./quirks.mjs";

const { LLMock } = createRequire(`${process.argv[2]}/package.json`)("@copilotkit/aimock");

const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent", chunkSize: 8 });
const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18, input_tokens: 11, output_tokens: 7, promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 };
const call = (city) => ({ name: "get_weather", arguments: JSON.stringify({ city }) });
const text = (message) => (typeof message.content === "string" ? message.content : JSON.stringify(message.content));

// Both results came back, each once, as answers to different calls.
function hasBoth(request) {
  const results = request.messages.filter((message) => message.role === "tool");
  const ids = new Set(results.map((message) => message.tool_call_id));
  const told = results.map(text).join(" ");
  return results.length === 2 && ids.size === 2 && told.includes("18") && told.includes("25");
}

const lastTurn = Number(process.argv[3] ?? Infinity);

function turns(request) {
  const done = request.messages.filter((message) => message.role === "tool").length;
  if (done >= lastTurn) process.exit(0);
  return done;
}

// An agent's ten turns: each asks for the next step, the last one is done.
for (let turn = 0; turn < 9; turn += 1) {
  mock.on(
    { userMessage: "count to ten", predicate: (request) => turns(request) === turn },
    { toolCalls: [{ name: "step", arguments: JSON.stringify({ number: turn + 1 }) }], reasoning: `Step ${turn + 1} comes next.`, usage },
  );
}
mock.on({ userMessage: "count to ten", predicate: (request) => turns(request) === 9 }, { content: "Counted to ten.", usage });
mock.on({ userMessage: "weather", predicate: hasBoth }, { content: "18 in Paris and 25 in Rome.", usage });
mock.on({ userMessage: "weather", hasToolResult: false }, { toolCalls: [call("Paris"), call("Rome")], usage });
mock.on({ userMessage: "picture" }, { content: "A red square.", usage });
mock.on({ userMessage: "as JSON" }, { content: '{"city":"Paris","degrees":18}', usage });
mock.on({ userMessage: "be busy" }, { error: { message: "Slow down.", type: "rate_limit_error", code: "rate_limit_exceeded" }, status: 429 });
mock.on({ userMessage: "hello" }, { content: "Hello from the mock, which no one here wrote.", usage });

await mock.start();
// Those who share OpenAI's wire, each with what it does differently, live before it.
console.log(`quirks at ${await start(mock.url)}`);
console.log(`mock at ${mock.url}`);
