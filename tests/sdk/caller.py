"""The official Python SDK, as a caller of Purser. Owns nothing but the calls that its one argument lists (`tests/sdk/caller.rs` writes
it and reads the answer): for each it prints one JSON line, with what the SDK returned or what it raised. It knows nothing of Purser
but `base_url` and `api_key`, judges nothing, and must never catch what is not the SDK's own exception."""

import json
import sys
import time

import openai


def chat(client, call):
    return client.chat.completions.with_raw_response.create(
        model=call.get("model", openai.omit), messages=[{"role": "user", "content": "Say hello."}], **call["with"])


def shown_chat(answer):
    usage = answer.usage and answer.usage.total_tokens
    return {"text": answer.choices[0].message.content, "finish": answer.choices[0].finish_reason, "usage": usage}


def shown_stream(stream):
    seen = {"text": "", "chunks": 0, "finish": None, "usage": None}
    try:
        for chunk in stream:
            seen["chunks"] += 1
            seen["usage"] = chunk.usage.total_tokens if chunk.usage else seen["usage"]
            for choice in chunk.choices:
                seen["text"] += choice.delta.content or ""
                seen["finish"] = choice.finish_reason or seen["finish"]
    except openai.APIError as error:
        error.seen = seen
        raise
    return seen


def shown_response_stream(stream):
    events = list(stream)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    return {"text": "".join(deltas), "first": events[0].type, "last": events[-1].type, "whole": events[-1].response.output_text}


def audio(client, call):
    return client.audio.transcriptions.with_raw_response.create(
        model=call["model"], file=("words.wav", b"RIFF\x00\xff\r\n--not-the-boundary\r\n"))


# What is called, and what of the SDK's answer is shown.
CALLS = {
    "chat": (chat, shown_chat),
    "stream": (lambda client, call: chat(client, {**call, "with": {"stream": True, **call["with"]}}), shown_stream),
    "completion": (
        lambda client, call: client.completions.with_raw_response.create(model=call["model"], prompt="Say hello."),
        lambda answer: answer.choices[0].text),
    "embedding": (
        lambda client, call: client.embeddings.with_raw_response.create(model=call["model"], input="hello", **call["with"]),
        lambda answer: answer.data[0].embedding),
    "models": (lambda client, _: client.models.with_raw_response.list(), lambda page: [model.id for model in page]),
    "model": (lambda client, call: client.models.with_raw_response.retrieve(call["model"]), lambda model: model.id),
    "image": (
        lambda client, call: client.images.with_raw_response.generate(model=call["model"], prompt="a ship"),
        lambda answer: answer.data[0].b64_json),
    "edit": (
        lambda client, call: client.images.with_raw_response.edit(model=call["model"], prompt="a ship", image=("sea.png", b"\x89PNG\r\n")),
        lambda answer: answer.data[0].b64_json),
    "count": (
        lambda client, call: client.responses.input_tokens.with_raw_response.count(model=call["model"], input="Say hello."),
        lambda answer: answer.input_tokens),
    "speech": (
        lambda client, call: client.audio.speech.with_raw_response.create(model=call["model"], input="hello", voice="alloy"),
        lambda answer: answer.content.hex()),
    "transcription": (audio, lambda answer: answer.text),
    "moderation": (
        lambda client, call: client.moderations.with_raw_response.create(model=call["model"], input="hello"),
        lambda answer: answer.results[0].flagged),
    "response": (
        lambda client, call: client.responses.with_raw_response.create(model=call["model"], input="Say hello."),
        lambda answer: answer.output_text),
    "response stream": (
        lambda client, call: client.responses.with_raw_response.create(model=call["model"], input="Say hello.", stream=True),
        shown_response_stream),
    "kept": (
        lambda client, call: client.responses.with_raw_response.create(model=call["model"], input="Say hello.", store=True, **call["with"]),
        lambda answer: [answer.id, answer.previous_response_id]),
    "kept, read": (lambda client, call: client.responses.with_raw_response.retrieve(call["with"]["id"]), lambda answer: answer.id),
    "kept, asked": (
        lambda client, call: client.responses.input_items.with_raw_response.list(call["with"]["id"]),
        lambda page: [item.content[0].text for item in page]),
    "kept, deleted": (lambda client, call: client.responses.with_raw_response.delete(call["with"]["id"]), lambda _: None),
}


def raised(error):
    response = getattr(error, "response", None)
    return {
        "raised": type(error).__name__,
        "is_status_error": isinstance(error, openai.APIStatusError),
        "status": getattr(error, "status_code", None),
        "message": error.message,
        "code": error.code,
        "type": error.type,
        "param": error.param,
        "request_id": getattr(error, "request_id", None),
        "headers": dict(response.headers) if response is not None else {},
        "seen": getattr(error, "seen", None),
    }


def perform(base_url, call):
    client = openai.OpenAI(base_url=base_url, api_key=call["key"], max_retries=call["retries"], timeout=120)
    ask, shown = CALLS[call["do"]]
    began = time.monotonic()
    try:
        raw = ask(client, call)
        result = {"returned": shown(raw.parse()), "headers": dict(raw.headers)}
    except openai.APIError as error:
        result = raised(error)
    return {**result, "seconds": time.monotonic() - began}


asked = json.loads(sys.argv[1])
for one in asked["calls"]:
    print(json.dumps(perform(asked["base_url"], one)), flush=True)
