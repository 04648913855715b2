"""The official Python SDK of Google (google-genai), as a caller of the matrix. Judges nothing."""

import base64
import json

from google import genai
from google.genai import types
from report import ASKED, BASE, DEGREES, HELLO, KEY, PLACE, PNG, WEATHER, provoke, run


def client_of(key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=BASE, timeout=60_000))


client = client_of(KEY)
DECLARED = types.FunctionDeclaration(name="get_weather", description="The weather.", parameters_json_schema=WEATHER)
TOOLS = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[DECLARED])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)
BRIEF = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=100, temperature=0.5)
QUESTION = types.Content(role="user", parts=[types.Part(text="What is the weather in Paris and Rome?")])


def used(usage):
    return usage and [usage.prompt_token_count, usage.candidates_token_count]


def chat(model):
    answer = client.models.generate_content(model=model, contents=HELLO, config=BRIEF)
    return {"text": answer.text, "finish": answer.candidates[0].finish_reason.name, "usage": used(answer.usage_metadata), "model": answer.model_version}


def stream(model):
    text, chunks, finish, usage = "", 0, None, None
    for chunk in client.models.generate_content_stream(model=model, contents=HELLO, config=BRIEF):
        chunks += 1
        usage = used(chunk.usage_metadata) or usage
        for candidate in chunk.candidates or []:
            finish = candidate.finish_reason.name if candidate.finish_reason else finish
            text += "".join(part.text or "" for part in (candidate.content and candidate.content.parts) or [] if not part.thought)
    return {"text": text, "many": chunks > 1, "finish": finish, "usage": usage}


def after(model, parts, finish):
    calls = [part.function_call for part in parts if part.function_call]
    results = [types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": DEGREES[call.args["city"]]})) for call in calls]
    contents = [QUESTION, types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
    last = client.models.generate_content(model=model, contents=contents, config=TOOLS)
    return {"calls": [[call.name, dict(call.args)] for call in calls], "ids": len(calls), "finish": finish, "after": last.text}


def tools(model):
    first = client.models.generate_content(model=model, contents=[QUESTION], config=TOOLS).candidates[0]
    return after(model, first.content.parts, first.finish_reason.name)


def tools_streamed(model):
    parts, finish = [], None
    for chunk in client.models.generate_content_stream(model=model, contents=[QUESTION], config=TOOLS):
        for candidate in chunk.candidates or []:
            finish = candidate.finish_reason.name if candidate.finish_reason else finish
            parts += (candidate.content and candidate.content.parts) or []
    return after(model, parts, finish)


def vision(model):
    image = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
    return client.models.generate_content(model=model, contents=["What is in the picture?", image]).text


def schema(model):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=PLACE)
    return json.loads(client.models.generate_content(model=model, contents="Where is it how warm? Answer as JSON.", config=config).text)


def count(model):
    return client.models.count_tokens(model=model, contents=HELLO).total_tokens > 0


def embeddings():
    answers = [client.models.embed_content(model=model, contents=["one", "two"]).embeddings for model in ("embed", "embed-gemini")]
    return [[one.values for one in answer] for answer in answers]


def models():
    listed = sorted(model.name for model in client.models.list())
    return {"ids": listed, "context": client.models.get(model="gpt").input_token_limit}


def errors():
    ask = lambda client, model, text="hello", **more: client.models.generate_content(model=model, contents=text, **more)
    schema = {"type": "object", "properties": {"a": {"type": "str"}}}
    bad = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="f", parameters_json_schema=schema)])])
    return [
        provoke(lambda: ask(client_of("sk-nobody"), "gemini")),
        provoke(lambda: ask(client, "nowhere")),
        provoke(lambda: ask(client, "gemini", config=bad)),
        *(provoke(lambda: ask(client, model, "Please be busy.")) for model in ASKED["busy"]),
    ]


run(
    {"chat": chat, "stream": stream, "tools": tools, "tools streamed": tools_streamed, "vision": vision, "schema": schema, "count": count},
    {"embeddings": embeddings, "models": models, "errors": errors},
)
