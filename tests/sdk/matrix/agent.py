"""An agent's loop, in OpenAI's and in Anthropic's SDK: it asks for steps until it is told that it is done, gives back every answer as it came,
and says which channel gave each. Knows nothing of what fails behind. Judges nothing."""

import json

import anthropic
import openai
from report import BASE, KEY, run

PARAMETERS = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
TASK = {"role": "user", "content": "Please count to ten, one step at a time."}
MOST = 20


def by_openai(model):
    client = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=60)
    tools = [{"type": "function", "function": {"name": "step", "parameters": PARAMETERS}}]
    messages, steps, channels = [TASK], [], []
    for _ in range(MOST):
        raw = client.chat.completions.with_raw_response.create(model=model, messages=messages, tools=tools, reasoning_effort="low")
        channels.append(raw.headers["x-purser-channel"])
        message = raw.parse().choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return {"steps": steps, "end": message.content, "channels": channels}
        for call in message.tool_calls:
            steps.append(json.loads(call.function.arguments)["number"])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"step {steps[-1]} done"})
    return {"steps": steps, "end": None, "channels": channels}


def by_anthropic(model):
    client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0, timeout=60)
    tools = [{"name": "step", "input_schema": PARAMETERS}]
    messages, steps, channels, thoughts = [TASK], [], [], 0
    for _ in range(MOST):
        raw = client.messages.with_raw_response.create(
            model=model, max_tokens=4096, messages=messages, tools=tools, thinking={"type": "enabled", "budget_tokens": 1024}
        )
        channels.append(raw.headers["x-purser-channel"])
        answer = raw.parse()
        thoughts += sum(block.type == "thinking" for block in answer.content)
        messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            text = "".join(block.text for block in answer.content if block.type == "text")
            return {"steps": steps, "end": text, "channels": channels, "thought": thoughts > 0}
        steps += [call.input["number"] for call in calls]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": f"step {call.input['number']} done"} for call in calls]
        messages.append({"role": "user", "content": results})
    return {"steps": steps, "end": None, "channels": channels}


run({}, {"openai": lambda: by_openai("openai-first"), "anthropic": lambda: by_anthropic("anthropic-first")})
