"""The official Python SDK of Mistral, as a caller of the matrix. Judges nothing."""

import json

from mistralai.client import Mistral
from report import ASKED, BASE, DEGREES, HELLO, KEY, PLACE, PNG, WEATHER, provoke, run

client = Mistral(api_key=KEY, server_url=BASE, timeout_ms=60_000)
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": WEATHER}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}
QUESTION = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]


def said(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def used(usage):
    return [usage.prompt_tokens, usage.completion_tokens]


def chat(model):
    answer = client.chat.complete(model=model, messages=said(HELLO), max_tokens=100, temperature=0.5)
    choice = answer.choices[0]
    return {"text": choice.message.content, "finish": choice.finish_reason, "usage": used(answer.usage), "model": answer.model}


def stream(model):
    text, chunks, finish, usage = "", 0, None, None
    for event in client.chat.stream(model=model, messages=said(HELLO)):
        chunks += 1
        usage = used(event.data.usage) if event.data.usage else usage
        for choice in event.data.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {"text": text, "many": chunks > 3, "finish": finish, "usage": usage}


def tools(model):
    first = client.chat.complete(model=model, messages=QUESTION, tools=TOOLS, tool_choice="auto").choices[0]
    calls = first.message.tool_calls or []
    read = [json.loads(call.function.arguments) if isinstance(call.function.arguments, str) else call.function.arguments for call in calls]
    results = [{"role": "tool", "name": "get_weather", "tool_call_id": call.id, "content": DEGREES[city["city"]]} for call, city in zip(calls, read)]
    last = client.chat.complete(model=model, messages=[*QUESTION, first.message, *results], tools=TOOLS)
    return {
        "calls": [[call.function.name, city] for call, city in zip(calls, read)],
        "ids": len({call.id for call in calls}),
        "finish": first.finish_reason,
        "after": last.choices[0].message.content,
    }


def vision(model):
    parts = [{"type": "text", "text": "What is in the picture?"}, {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}]
    return client.chat.complete(model=model, messages=[{"role": "user", "content": parts}]).choices[0].message.content


def schema(model):
    answer = client.chat.complete(model=model, messages=said("Where is it how warm? Answer as JSON."), response_format=FORMAT)
    return json.loads(answer.choices[0].message.content)


def embeddings():
    answer = client.embeddings.create(model="embed", inputs=["one", "two"])
    return [len(answer.data), all(isinstance(number, float) for one in answer.data for number in one.embedding)]


def models():
    listed = sorted(model.id for model in client.models.list().data)
    one = client.models.retrieve(model_id="gpt")
    return {"ids": listed, "tools": one.capabilities.function_calling}


def errors():
    ask = lambda client, model, text="hello", **more: client.chat.complete(model=model, messages=said(text), **more)
    bad = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "str"}}}}}]
    return [
        provoke(lambda: ask(Mistral(api_key="sk-nobody", server_url=BASE), "gpt")),
        provoke(lambda: ask(client, "nowhere")),
        provoke(lambda: ask(client, "gpt", tools=bad)),
        *(provoke(lambda: ask(client, model, "Please be busy.")) for model in ASKED["busy"]),
    ]


run(
    {"chat": chat, "stream": stream, "tools": tools, "vision": vision, "schema": schema},
    {"embeddings": embeddings, "models": models, "errors": errors},
)
