"""The official Python SDK of OpenAI, as a caller of the matrix: chat completions, responses, embeddings, models and errors. Judges nothing."""

import json

from openai import OpenAI
from report import ASKED, BASE, DEGREES, HELLO, KEY, PLACE, PNG, WEATHER, provoke, run

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=60)
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": WEATHER, "strict": True}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}


def said(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def chat(model):
    answer = client.chat.completions.create(model=model, messages=said(HELLO), max_completion_tokens=100, temperature=0.5)
    choice, usage = answer.choices[0], answer.usage
    return {"text": choice.message.content, "finish": choice.finish_reason, "usage": [usage.prompt_tokens, usage.completion_tokens], "model": answer.model}


def stream(model):
    text, chunks, finish, usage = "", 0, None, None
    asked = client.chat.completions.create(model=model, messages=said(HELLO), stream=True, stream_options={"include_usage": True})
    for chunk in asked:
        chunks += 1
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {"text": text, "many": chunks > 3, "finish": finish, "usage": usage and [usage.prompt_tokens, usage.completion_tokens]}


def given_back(model):
    """As OpenAI's documentation goes on with a conversation: the SDK's own message, beside members that change nothing."""
    first = client.chat.completions.create(model=model, messages=said(HELLO)).choices[0].message
    messages = [*said("Who are you?"), first, {"role": "user", "name": "ada", "content": HELLO}]
    nothing = {"user": "u", "store": False, "logit_bias": {}, "modalities": ["text"], "verbosity": "medium", "safety_identifier": "s", "prompt_cache_retention": "24h"}
    return client.chat.completions.create(model=model, messages=messages, extra_body=nothing).choices[0].message.content


def tools(model):
    messages = said("What is the weather in Paris and Rome?")
    first = client.chat.completions.create(model=model, messages=messages, tools=TOOLS, tool_choice="auto").choices[0]
    return after(model, messages, first.message.model_dump(exclude_none=True), first.finish_reason)


def after(model, messages, assistant, finish):
    calls = assistant.get("tool_calls") or []
    read = [[call["function"]["name"], json.loads(call["function"]["arguments"])] for call in calls]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": DEGREES[json.loads(call["function"]["arguments"])["city"]]} for call in calls]
    last = client.chat.completions.create(model=model, messages=[*messages, assistant, *results], tools=TOOLS)
    return {"calls": read, "ids": len({call["id"] for call in calls}), "finish": finish, "after": last.choices[0].message.content}


def tools_streamed(model):
    messages, calls, finish = said("What is the weather in Paris and Rome?"), {}, None
    for chunk in client.chat.completions.create(model=model, messages=messages, tools=TOOLS, stream=True):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"type": "function", "function": {"name": "", "arguments": ""}})
                call["id"] = delta.id or call["id"]
                call["function"]["name"] += delta.function.name or ""
                call["function"]["arguments"] += delta.function.arguments or ""
    return after(model, messages, {"role": "assistant", "tool_calls": list(calls.values())}, finish)


def vision(model):
    parts = [{"type": "text", "text": "What is in the picture?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}]).choices[0].message.content


def schema(model):
    return json.loads(client.chat.completions.create(model=model, messages=said("Where is it how warm? Answer as JSON."), response_format=FORMAT).choices[0].message.content)


def response(model):
    answer = client.responses.create(model=model, input=HELLO, instructions="Be brief.", store=False)
    return {"text": answer.output_text, "finish": answer.status, "usage": [answer.usage.input_tokens, answer.usage.output_tokens]}


def response_streamed(model):
    text, last = "", None
    for event in client.responses.create(model=model, input=HELLO, stream=True, store=False):
        text += event.delta if event.type == "response.output_text.delta" else ""
        last = event
    return {"text": text, "last": last.type, "whole": last.response.output_text}


def response_tools(model):
    declared = [{"type": "function", **TOOLS[0]["function"]}]
    asked = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    first = client.responses.create(model=model, input=asked, tools=declared, store=False)
    calls = [item for item in first.output if item.type == "function_call"]
    read = [[call.name, json.loads(call.arguments)] for call in calls]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": DEGREES[city["city"]]} for call, (_, city) in zip(calls, read)]
    last = client.responses.create(model=model, input=[*asked, *first.output, *results], tools=declared, store=False)
    return {"calls": read, "ids": len({call.call_id for call in calls}), "after": last.output_text}


def response_schema(model):
    shape = {"format": {"type": "json_schema", "name": "place", "schema": PLACE, "strict": True}}
    return json.loads(client.responses.create(model=model, input="Where is it how warm? Answer as JSON.", text=shape, store=False).output_text)


def completions():
    # A model that goes on with what is said, and answers nothing, needs a beginning.
    seen, begun = {}, f"{HELLO} Once upon a time there was"
    for model in ASKED["completes"]:
        whole = client.completions.create(model=model, prompt=begun, max_tokens=100).choices[0]
        stream = client.completions.create(model=model, prompt=begun, max_tokens=100, stream=True)
        seen[model] = {"text": whole.text, "finish": whole.finish_reason, "streamed": "".join(choice.text for chunk in stream for choice in chunk.choices)}
    return seen


def embeddings():
    answers = [client.embeddings.create(model=model, input=["one", "two"]).data for model in ("embed", "embed-gemini")]
    return [[one.embedding for one in answer] for answer in answers]


def models():
    listed = client.models.list().data
    one = client.models.retrieve("gpt").model_dump()
    return {"ids": sorted(model.id for model in listed), "context": one.get("context_length"), "modalities": one["architecture"]["input_modalities"]}


def errors():
    ask = lambda client, model, **more: client.chat.completions.create(model=model, messages=said(more.pop("text", "hello")), **more)
    bad = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "str"}}}}}]
    return [
        provoke(lambda: ask(client.with_options(api_key="sk-nobody"), "gpt")),
        provoke(lambda: ask(client, "nowhere")),
        provoke(lambda: ask(client, "gpt", tools=bad)),
        *(provoke(lambda: ask(client, model, text="Please be busy.")) for model in ASKED["busy"]),
    ]


run(
    {"chat": chat, "stream": stream, "given back": given_back, "tools": tools, "tools streamed": tools_streamed, "vision": vision, "schema": schema, "response": response, "response streamed": response_streamed, "response tools": response_tools, "response schema": response_schema},
    {"completions": completions, "embeddings": embeddings, "models": models, "errors": errors},
)
