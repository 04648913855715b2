"""The official Python SDK of Anthropic, as a caller of the matrix. Judges nothing."""

import json

import anthropic
from report import ASKED, BASE, DEGREES, HELLO, KEY, PLACE, PNG, WEATHER, provoke, run

client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0, timeout=60)
TOOLS = [{"name": "get_weather", "description": "The weather.", "input_schema": WEATHER}]


def ask(model, text, **more):
    return client.messages.create(model=model, max_tokens=100, system="Be brief.", messages=[{"role": "user", "content": text}], **more)


def words(answer):
    return "".join(block.text for block in answer.content if block.type == "text")


def used(usage):
    return [usage.input_tokens, usage.output_tokens]


def chat(model):
    answer = ask(model, HELLO)
    return {"text": words(answer), "finish": answer.stop_reason, "usage": used(answer.usage), "model": answer.model}


def stream(model):
    with client.messages.stream(model=model, max_tokens=100, messages=[{"role": "user", "content": HELLO}]) as asked:
        chunks = list(asked.text_stream)
        answer = asked.get_final_message()
    return {"text": "".join(chunks), "many": len(chunks) > 1, "finish": answer.stop_reason, "usage": used(answer.usage)}


def after(model, messages, first):
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": DEGREES[call.input["city"]]} for call in calls]
    assistant = [block.model_dump(exclude_none=True) for block in first.content]
    messages = [*messages, {"role": "assistant", "content": assistant}, {"role": "user", "content": results}]
    last = client.messages.create(model=model, max_tokens=100, messages=messages, tools=TOOLS)
    return {"calls": [[call.name, call.input] for call in calls], "ids": len({call.id for call in calls}), "finish": first.stop_reason, "after": words(last)}


WEATHER_ASKED = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]


def tools(model):
    return after(model, WEATHER_ASKED, client.messages.create(model=model, max_tokens=100, messages=WEATHER_ASKED, tools=TOOLS, tool_choice={"type": "auto"}))


def tools_streamed(model):
    with client.messages.stream(model=model, max_tokens=100, messages=WEATHER_ASKED, tools=TOOLS) as asked:
        return after(model, WEATHER_ASKED, asked.get_final_message())


def vision(model):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    return words(ask(model, [image, {"type": "text", "text": "What is in the picture?"}]))


def schema(model):
    return json.loads(words(ask(model, "Where is it how warm? Answer as JSON.", output_config={"format": {"type": "json_schema", "schema": PLACE}})))


def count(model):
    counted = client.messages.count_tokens(model=model, messages=[{"role": "user", "content": HELLO}])
    return counted.input_tokens > 0


def models():
    listed = list(client.models.list())
    one = client.models.retrieve("gpt").model_dump()
    return {"ids": sorted(model.id for model in listed), "context": one["max_input_tokens"], "sees": one["capabilities"]["image_input"]["supported"], "owner": one["owned_by"]}


def errors():
    bad = [{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "str"}}}}]
    nobody = client.with_options(api_key="sk-nobody")
    return [
        provoke(lambda: nobody.messages.create(model="claude", max_tokens=1, messages=WEATHER_ASKED)),
        provoke(lambda: ask("nowhere", "hello")),
        provoke(lambda: ask("claude", "hello", tools=bad)),
        *(provoke(lambda: ask(model, "Please be busy.")) for model in ASKED["busy"]),
    ]


run(
    {"chat": chat, "stream": stream, "tools": tools, "tools streamed": tools_streamed, "vision": vision, "schema": schema, "count": count},
    {"models": models, "errors": errors},
)
