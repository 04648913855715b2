"""Answers that SDKs have stumbled over, as OpenAI's and Anthropic's SDKs, LangChain and LiteLLM put them together from a stream. Judges nothing."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no download at its start
import anthropic
import litellm
import openai
from langchain_openai import ChatOpenAI
from report import BASE, KEY, WEATHER, provoke, run

litellm.suppress_debug_info = True
chat = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=60)
messages = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0, timeout=60)
ASK = [{"role": "user", "content": "What is the weather in Oslo and Rome?"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}


def final(model, **more):
    with chat.chat.completions.stream(model=model, messages=ASK, **more) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion().choices[0]


def signature(call):
    return ((call.get("extra_content") or {}).get("google") or {}).get("thought_signature")


def signed():
    calls = [call.model_dump() for call in final("signed", tools=[TOOL]).message.tool_calls]
    return [[call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]), signature(call)] for call in calls]


def signed_in_a_loop():
    """As OpenAI's guide has it."""
    calls = {}
    for chunk in chat.chat.completions.create(model="signed", messages=ASK, tools=[TOOL], stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            if call.index not in calls:
                calls[call.index] = call
            else:
                calls[call.index].function.arguments += call.function.arguments
    return [json.loads(call.function.arguments) for call in calls.values()]


def signed_by_langchain():
    whole = None
    for chunk in ChatOpenAI(model="signed", base_url=f"{BASE}/v1", api_key=KEY, max_retries=0).bind_tools([TOOL]).stream("weather?"):
        whole = chunk if whole is None else whole + chunk
    return [[call["name"], call["args"]] for call in whole.tool_calls]


def signed_by_litellm():
    chunks = list(litellm.completion(model="openai/signed", messages=ASK, tools=[TOOL], stream=True, api_base=f"{BASE}/v1", api_key=KEY))
    calls = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls
    return [[call.function.name, json.loads(call.function.arguments)] for call in calls]


def lists():
    message = final("lists").message.model_dump()
    place = lambda one: [one["url_citation"][name] for name in ("title", "start_index", "end_index")]
    return {"text": message["content"], "thoughts": [block["type"] for block in message["thinking_blocks"]], "sources": [place(one) for one in message["annotations"]]}


def images():
    message = final("images").message.model_dump()
    return [message["content"], [image["image_url"]["url"] for image in message["images"]]]


def input_of(model):
    with messages.messages.stream(model=model, max_tokens=100, messages=ASK) as stream:
        answer = stream.get_final_message()
    return [answer.stop_reason, *(block.input for block in answer.content if block.type == "tool_use")]


def response(model):
    answer = [event for event in chat.responses.create(model=model, input="How?", stream=True)][-1].response
    return [answer.status, answer.incomplete_details and answer.incomplete_details.reason, answer.output_text]


def words(model):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chat.chat.completions.create(model=model, messages=ASK, stream=True) if chunk.choices)


def said(model):
    with messages.messages.stream(model=model, max_tokens=100, messages=ASK) as stream:
        return stream.get_final_text()


run(
    {},
    {
        "signed": signed,
        "signed, in a loop": signed_in_a_loop,
        "signed, by langchain": signed_by_langchain,
        "signed, by litellm": signed_by_litellm,
        "lists": lists,
        "images": images,
        "no object": lambda: input_of("no-object"),
        "broken input": lambda: provoke(lambda: input_of("broken-input")),
        "cut input": lambda: input_of("cut-input"),
        "refused": lambda: response("refused"),
        "tired": lambda: provoke(lambda: input_of("tired")),
        "nothing said": lambda: words("nothing-said"),
        "tired at once": lambda: said("tired-at-once"),
        "drawn": lambda: said("drawn"),
    },
)
