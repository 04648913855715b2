"""LiteLLM as a client, in OpenAI's and in Anthropic's dialect, as a caller of the matrix. Judges nothing."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no download at its start
import litellm
from report import ASKED, BASE, DEGREES, HELLO, KEY, PLACE, PNG, WEATHER, provoke, run

litellm.suppress_debug_info = True
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": WEATHER}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}
QUESTION = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]


def said(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def ask(model, messages, dialect="openai", key=KEY, **more):
    base = f"{BASE}/v1" if dialect == "openai" else BASE
    return litellm.completion(model=f"{dialect}/{model}", messages=messages, api_base=base, api_key=key, num_retries=0, timeout=60, **more)


def seen(answer):
    choice, usage = answer.choices[0], answer.usage
    return {"text": choice.message.content, "finish": choice.finish_reason, "usage": [usage.prompt_tokens, usage.completion_tokens]}


def chat(model):
    return seen(ask(model, said(HELLO), temperature=0.5, max_tokens=100))


def chat_by_anthropic(model):
    return seen(ask(model, said(HELLO), dialect="anthropic", max_tokens=100))


def stream(model):
    text, chunks, finish = "", 0, None
    for chunk in ask(model, said(HELLO), stream=True):
        chunks += 1
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {"text": text, "many": chunks > 3, "finish": finish}


def tools(model):
    first = ask(model, QUESTION, tools=TOOLS).choices[0]
    calls = first.message.tool_calls or []
    read = [json.loads(call.function.arguments) for call in calls]
    results = [{"role": "tool", "tool_call_id": call.id, "content": DEGREES[city["city"]]} for call, city in zip(calls, read)]
    last = ask(model, [*QUESTION, first.message, *results], tools=TOOLS)
    return {
        "calls": [[call.function.name, city] for call, city in zip(calls, read)],
        "ids": len({call.id for call in calls}),
        "finish": first.finish_reason,
        "after": last.choices[0].message.content,
    }


def vision(model):
    parts = [{"type": "text", "text": "What is in the picture?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    return ask(model, [{"role": "user", "content": parts}]).choices[0].message.content


def schema(model):
    return json.loads(ask(model, said("Where is it how warm? Answer as JSON."), response_format=FORMAT).choices[0].message.content)


def embeddings():
    answer = litellm.embedding(model="openai/embed", input=["one", "two"], api_base=f"{BASE}/v1", api_key=KEY)
    return [len(answer.data), all(isinstance(number, float) for one in answer.data for number in one["embedding"])]


def models():
    """Which it asks for at its own path, with its own client."""
    return {"ids": sorted(litellm.get_valid_models(check_provider_endpoint=True, custom_llm_provider="openai", api_key=KEY, api_base=f"{BASE}/v1"))}


def errors():
    bad = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "str"}}}}}]
    return [
        provoke(lambda: ask("gpt", said("hello"), key="sk-nobody")),
        provoke(lambda: ask("nowhere", said("hello"))),
        provoke(lambda: ask("gpt", said("hello"), tools=bad)),
        *(provoke(lambda: ask(model, said("Please be busy."))) for model in ASKED["busy"]),
    ]


run(
    {"chat": chat, "chat by anthropic": chat_by_anthropic, "stream": stream, "tools": tools, "vision": vision, "schema": schema},
    {"embeddings": embeddings, "models": models, "errors": errors},
)
