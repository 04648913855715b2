// What providers that share OpenAI's wire do differently, before the mock that no one here wrote: each refuses what the real one refuses and
// writes what the real one writes. One small table a provider; every fact beside its source. Owns its port. Must never know which API a
// caller of Purser speaks, nor repair what it is sent.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const wrong = (status, error) => ({ status, body: { error: { type: "invalid_request_error", param: null, code: "invalid_request_error", ...error } } });
const bearer = (request) => request.headers.authorization?.startsWith("Bearer ") && !request.headers["api-key"];
const assistants = (body) => body.messages?.filter((message) => message.role === "assistant" && message.tool_calls) ?? [];
const safe = { hate: { filtered: false, severity: "safe" }, violence: { filtered: false, severity: "safe" } };
const choices = (answer, change) => ({ ...answer, choices: answer.choices?.map(change) });

const busy = (status, body) => ({ status, body, headers: { "retry-after": "1" } });

// https://learn.microsoft.com/azure/ai-services/openai/reference: `api-key`, the deployment in the path, `api-version` always.
// A frame without choices comes first: microsoft/autogen#6465; learn.microsoft.com/azure/ai-services/openai/concepts/content-streaming. Its
// asynchronous filter, which must be switched on, writes choices without a delta too; SDKs break on these before Azure itself as well, so
// they are in the golden cases alone.
const azure = {
  path: /^\/openai\/(?:deployments\/([^/]+)\/chat\/completions|(responses))$/,
  refuses(request, url) {
    if (!request.headers["api-key"] || request.headers.authorization) {
      return { status: 401, body: { error: { code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint." } } };
    }
    if (url.searchParams.get("api-version") !== "2024-10-21") return { status: 404, body: { error: { code: "404", message: "Resource not found" } } };
  },
  // https://learn.microsoft.com/azure/ai-services/openai/how-to/quota.
  busy: busy(429, { error: { code: "429", message: "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded call rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second." } }),
  whole: (answer) => (answer.choices ? { ...choices(answer, (one) => ({ ...one, content_filter_results: safe })), prompt_filter_results: [{ prompt_index: 0, content_filter_results: safe }] } : answer),
  stream: (chunks) =>
    chunks[0]?.choices
      ? [
          { choices: [], created: 0, id: "", model: "", object: "", prompt_filter_results: [{ prompt_index: 0, content_filter_results: safe }] },
          ...chunks.map((chunk) => choices(chunk, (one) => ({ ...one, content_filter_results: safe }))),
        ]
      : chunks,
};

// https://api-docs.deepseek.com/guides/thinking_mode: it thinks unless told not to; on turns with tool calls the thoughts must come back, else 400.
// https://api-docs.deepseek.com/api/create-chat-completion: its roles, no json_schema, texts alone; the cache's counts.
const THOUGHT = "The user wants an answer.";
const deepseek = {
  path: /^\/(chat\/completions)$/,
  refuses(request, url, body) {
    if (!bearer(request)) return wrong(401, { message: "Authentication Fails", type: "authentication_error" });
    const role = body.messages.findIndex((message) => !["system", "user", "assistant", "tool"].includes(message.role));
    if (role >= 0) return wrong(400, { message: `Failed to deserialize the JSON body into the target type: messages[${role}].role: unknown variant` });
    if (JSON.stringify(body.messages).includes('"image_url"')) return wrong(400, { message: "Failed to deserialize the JSON body into the target type: unknown variant `image_url`, expected `text`" });
    if (body.response_format?.type === "json_schema") return wrong(400, { message: "This response_format type is unavailable now" });
    const thinks = body.thinking?.type !== "disabled";
    if (thinks && assistants(body).some((turn) => typeof turn.reasoning_content !== "string")) return wrong(400, { message: "The reasoning_content in the thinking mode must be passed back to the API." });
  },
  // https://api-docs.deepseek.com/quick_start/error_codes: its names of them, in OpenAI's shape.
  busy: busy(429, { error: { message: "Rate Limit Reached", type: "rate_limit_reached", param: null, code: "rate_limit_reached" } }),
  usage: (usage) => ({ ...usage, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: usage.prompt_tokens - 4, completion_tokens_details: { reasoning_tokens: 3 } }),
  whole: (answer) => choices(answer, (one) => ({ ...one, message: { ...one.message, reasoning_content: THOUGHT } })),
  stream: (chunks) => [thinking(chunks[0], { role: "assistant", content: null, reasoning_content: THOUGHT.slice(0, 9) }), thinking(chunks[0], { content: null, reasoning_content: THOUGHT.slice(9) }), ...chunks],
};

function thinking(first, delta) {
  return { ...first, choices: [{ index: 0, delta, logprobs: null, finish_reason: null }] };
}

// https://docs.x.ai/docs/guides/reasoning: models that reason refuse these three, and grok-4 its effort (NousResearch/hermes-agent#23435); what is
// thought is counted beside what is written.
const xai = {
  path: /^\/v1\/(chat\/completions|responses)$/,
  refuses(request, url, body) {
    if (!bearer(request)) return { status: 400, body: { code: "Client specified an invalid argument", error: "Incorrect API key provided" } };
    const refused = ["presence_penalty", "frequency_penalty", "stop", "reasoning_effort"].find((name) => body[name] !== undefined);
    if (refused) return { status: 400, body: { code: "Client specified an invalid argument", error: `Argument not supported on this model: ${refused}` } };
  },
  // The error is a string, as of all that it refuses.
  busy: busy(429, { code: "Some resource has been exhausted", error: "Too many requests for team 0000 and model grok-4. Your team's rate limit is 1 request per second." }),
  usage: (usage) => (usage.prompt_tokens === undefined ? usage : { ...usage, completion_tokens: usage.completion_tokens - 3, completion_tokens_details: { reasoning_tokens: 3 }, num_sources_used: 0 }),
  whole: (answer) => choices(answer, (one) => ({ ...one, message: { ...one.message, reasoning_content: THOUGHT, refusal: null } })),
  stream: (chunks) => (chunks[0]?.choices ? [thinking(chunks[0], { role: "assistant", reasoning_content: THOUGHT }), ...chunks] : chunks),
};

// https://help.aliyun.com/zh/model-studio/deep-thinking: thoughts of open models only in streams.
// https://help.aliyun.com/zh/model-studio/qwen-function-calling: later pieces of a call have an empty id and no name; what a delta lacks is null.
const dashscope = {
  path: /^\/compatible-mode\/v1\/(chat\/completions)$/,
  refuses(request, url, body) {
    if (!bearer(request)) return { ...wrong(401, { message: "Incorrect API key provided.", code: "invalid_api_key" }) };
    if (/^(qwen3-\d|qwq)/.test(body.model) && body.enable_thinking !== false && !body.stream) return wrong(400, { message: "<400> InternalError.Algo.InvalidParameter: parameter.enable_thinking must be set to false for non-streaming calls", code: "invalid_parameter_error" });
  },
  // https://help.aliyun.com/zh/model-studio/error-code: `limit_requests` in the mode that is compatible with OpenAI's.
  busy: busy(429, { error: { message: "You exceeded your current requests list.", type: "limit_requests", param: null, code: "limit_requests" }, request_id: "r-1" }),
  stream: (chunks) => chunks.map((chunk) => choices(chunk, (one) => ({ ...one, delta: { content: null, function_call: null, refusal: null, role: null, tool_calls: null, ...one.delta, ...later(one.delta) } }))),
};

function later(delta) {
  const calls = delta?.tool_calls?.map((call) => (call.id ? call : { ...call, id: "", type: "function", function: { name: null, ...call.function } }));
  return calls ? { tool_calls: calls } : {};
}

// mistralai 3.7, client/models/chatcompletionrequest.py and chatcompletionstreamrequest.py; what is not in them is answered 422 `extra_forbidden`.
const KNOWN = new Set(
  "model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools tool_choice presence_penalty frequency_penalty min_tokens repetition_penalty top_k logprobs top_logprobs prompt_logprobs top_prompt_logprobs n prediction parallel_tool_calls prompt_mode reasoning_effort guardrails prompt_cache_key service_tier safe_prompt".split(" "),
);
// systemmessage.py, usermessage.py, assistantmessage.py, toolmessage.py, toolcall.py, functioncall.py, and the chunks that callers of OpenAI's have.
const ROLES = { system: "role content", user: "role content", assistant: "role content tool_calls prefix", tool: "role content tool_call_id name" };
const CHUNKS = { text: "type text", image_url: "type image_url", input_audio: "type input_audio", document_url: "type document_url document_name", thinking: "type thinking signature closed", file: "type file_id" };

// Where members stand that are not in `known`.
function strangers(object, known, loc) {
  return Object.keys(object).filter((name) => !known.split(" ").includes(name)).map((name) => [...loc, name]);
}

function extras(body) {
  const found = Object.keys(body).filter((name) => !KNOWN.has(name)).map((name) => ["body", name]);
  body.messages.forEach((message, at) => {
    const loc = ["body", "messages", at, message.role];
    if (!ROLES[message.role]) return found.push(loc);
    found.push(...strangers(message, ROLES[message.role], loc));
    for (const call of message.tool_calls ?? []) found.push(...strangers(call, "id type function index", [...loc, "tool_calls"]), ...strangers(call.function, "name arguments", [...loc, "function"]));
    for (const part of Array.isArray(message.content) ? message.content : []) found.push(...(CHUNKS[part.type] ? strangers(part, CHUNKS[part.type], [...loc, "content"]) : [[...loc, part.type]]));
  });
  for (const tool of body.tools ?? []) if (tool.function) found.push(...strangers(tool, "type function", ["body", "tools"]), ...strangers(tool.function, "name description strict parameters", ["body", "tools", "function"]));
  return found;
}

const nine = (id) => createHash("sha256").update(id).digest("hex").slice(0, 9);
const renamed = (holder) => (holder?.tool_calls ? { ...holder, tool_calls: holder.tool_calls.map((call) => (call.id ? { ...call, id: nine(call.id) } : call)) } : holder);

// Ids of nine letters or digits, code 3280; a user may not follow a tool, code 3230; usage comes with the last choice, whether or not it is
// asked for: https://docs.mistral.ai/api, avante-corp/avante.nvim#2951, nearai/ironclaw#1241.
const mistral = {
  path: /^\/v1\/(chat\/completions)$/,
  refuses(request, url, body) {
    const flat = (status, message, more) => ({ status, body: { object: "error", message, type: "invalid_request_error", param: null, code: null, ...more } });
    if (!bearer(request)) return { status: 401, body: { detail: "Unauthorized" } };
    const extra = extras(body);
    if (extra.length > 0) return flat(422, { detail: extra.map((loc) => ({ type: "extra_forbidden", loc, msg: "Extra inputs are not permitted" })) });
    // https://docs.mistral.ai/capabilities/reasoning: of mistral-large none; architects-toolkit/SmartHopper#647.
    if (body.reasoning_effort !== undefined && !/^mistral-(small|medium)/.test(body.model)) return flat(400, `reasoning_effort='${body.reasoning_effort}' is not supported for this model.`, { code: "3051" });
    const ids = [...assistants(body).flatMap((turn) => turn.tool_calls.map((call) => call.id)), ...body.messages.filter((message) => message.role === "tool").map((message) => message.tool_call_id)];
    const bad = ids.find((id) => !/^[a-zA-Z0-9]{9}$/.test(id));
    if (bad) return flat(400, `Tool call id was ${bad} but must be a-z, A-Z, 0-9, with a length of 9.`, { type: "invalid_function_call", code: "3280" });
    const after = body.messages.some((message, at) => message.role === "user" && body.messages[at - 1]?.role === "tool");
    if (after) return flat(400, "Unexpected role 'user' after role 'tool'", { type: "invalid_request_message_order", code: "3230" });
  },
  // docs.mistral.ai/deployment/laplateforme/tier: without `error` around it.
  busy: busy(429, { object: "error", message: "Service tier capacity exceeded for this model.", type: "service_tier_capacity_exceeded", param: null, code: "3505" }),
  always: true,
  whole: (answer) => choices(answer, (one) => ({ ...one, message: renamed(one.message) })),
  stream(chunks) {
    const last = chunks.findLastIndex((chunk) => chunk.choices.some((one) => one.finish_reason));
    const usage = chunks.find((chunk) => chunk.usage)?.usage;
    return chunks
      .filter((chunk) => chunk.choices.length > 0)
      .map((chunk, at) => ({ ...choices(chunk, (one) => ({ ...one, delta: renamed(one.delta) })), ...(at === last ? { usage } : {}) }));
  },
};

const PROVIDERS = { azure, deepseek, xai, dashscope, mistral };

// An answer of the mock, as the provider writes it.
function rewritten(quirk, answer) {
  const usage = answer.usage && quirk.usage ? { usage: quirk.usage(answer.usage) } : {};
  return { ...(quirk.whole ? quirk.whole(answer) : answer), ...usage };
}

function events(quirk, text) {
  const blocks = text.split("\n\n").filter((block) => block.includes("data:"));
  const named = blocks.some((block) => block.includes("event:"));
  if (named) return text;
  const data = blocks.map((block) => block.replace(/^data: ?/, ""));
  const chunks = data.filter((one) => one !== "[DONE]").map((one) => JSON.parse(one));
  const counted = chunks.map((chunk) => (chunk.usage && quirk.usage ? { ...chunk, usage: quirk.usage(chunk.usage) } : chunk));
  return [...(quirk.stream ? quirk.stream(counted) : counted).map((chunk) => JSON.stringify(chunk)), "[DONE]"].map((one) => `data: ${one}\n\n`).join("");
}

async function answer(mock, request) {
  const url = new URL(request.url, "http://mock");
  const [, name, ...rest] = url.pathname.split("/");
  const quirk = PROVIDERS[name];
  const found = quirk?.path.exec(`/${rest.join("/")}`);
  if (!found) return { status: 404, body: { error: { message: `there is no ${url.pathname}` } } };
  let text = "";
  for await (const part of request) text += part;
  const body = JSON.parse(text);
  const refused = quirk.refuses(request, url, body);
  if (refused) return refused;
  if (JSON.stringify(body.messages ?? body.input).includes("be busy")) return quirk.busy;
  const place = found[0].endsWith("responses") ? "responses" : "chat/completions";
  const asked = { ...body, ...(quirk.always && body.stream ? { stream_options: { include_usage: true } } : {}) };
  const headers = { "content-type": "application/json", authorization: "Bearer sk-mock" };
  const inner = await fetch(`${mock}/v1/${place}`, { method: "POST", headers, body: JSON.stringify(asked) });
  if (inner.headers.get("content-type")?.includes("event-stream")) return { status: inner.status, text: events(quirk, await inner.text()) };
  const whole = await inner.json();
  return { status: inner.status, body: inner.ok ? rewritten(quirk, whole) : whole };
}

// Starts before this mock; its address.
export function start(mock) {
  const server = createServer(async (request, response) => {
    const { status, body, text, headers } = await answer(mock, request).catch((error) => ({ status: 599, body: { error: { message: String(error.stack) } } }));
    response.writeHead(status, { "content-type": text ? "text/event-stream" : "application/json", ...headers });
    response.end(text ?? JSON.stringify(body));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`)));
}
