// What every Node caller of the matrix does alike: reads which models to call, performs its table of checks on each, and prints one JSON line
// for each, with what was seen or raised. Used by the callers beside it; it calls no SDK and judges nothing. Its second argument is the
// folder in which the SDKs are installed.

import { createRequire } from "node:module";

const asked = JSON.parse(process.argv[2]);
export const { base, key, busy, breaks, completes, suspended, prompt: hello = "Say hello." } = asked;
const installed = createRequire(`${process.argv[3]}/package.json`);
// The majors that many programs still use, beside the newest.
const earlier = { openai: "openai-4", "@anthropic-ai/sdk": "anthropic-0", "@google/genai": "google-genai-1" };
export const sdk = (name) => installed(asked.earlier ? earlier[name] : name);
export const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
export const weather = {
  type: "object",
  properties: { city: { type: "string", description: "A city." } },
  required: ["city"],
  additionalProperties: false,
};
export const place = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
export const degrees = { Paris: "18", Rome: "25" };

function raised(error) {
  return `${error.constructor.name} ${error.status ?? null}`;
}

export async function provoke(ask) {
  try {
    return `nothing: ${JSON.stringify(await ask())}`.slice(0, 200);
  } catch (error) {
    return raised(error);
  }
}

async function perform(check, model, ask) {
  let seen;
  try {
    seen = { saw: await ask(model) };
  } catch (error) {
    seen = { raised: raised(error), message: String(error.message).slice(0, 400) };
  }
  console.log(JSON.stringify({ check, model, ...seen }));
}

export async function run(checks, once) {
  const { skip = [], only } = asked;
  const isAsked = (name) => !skip.includes(name) && (only?.includes(name) ?? true);
  for (const model of asked.models)
    for (const [name, ask] of Object.entries(checks)) if (isAsked(name)) await perform(name, model, ask);
  for (const [name, ask] of Object.entries(once)) if (isAsked(name)) await perform(name, "", ask);
}
