"""What Python clients other than OpenAI's own raise when a key may not call, when a provider fails, and when a stream breaks after its first
words. One check a client. Judges nothing."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no download at its start
import anthropic
import litellm
from google import genai
from google.genai import types
from langchain_openai import ChatOpenAI
from mistralai.client import Mistral
from report import ASKED, BASE, KEY, provoke, run

litellm.suppress_debug_info = True
SAID = [{"role": "user", "content": "hello"}]


def claude(key):
    return anthropic.Anthropic(base_url=BASE, api_key=key, max_retries=0, timeout=60)


def claude_streams(model):
    with claude(KEY).messages.stream(model=model, max_tokens=100, messages=SAID) as asked:
        yield from asked.text_stream


def google(key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=BASE, timeout=60_000))


def google_asks(model, key):
    # A client that nobody holds is closed before it has asked.
    client = google(key)
    return client.models.generate_content(model=model, contents="hello")


def google_streams(model):
    client = google(KEY)
    for chunk in client.models.generate_content_stream(model=model, contents="hello"):
        yield chunk.text


def mistral(key):
    return Mistral(api_key=key, server_url=BASE, timeout_ms=60_000)


def mistral_streams(model):
    for event in mistral(KEY).chat.stream(model=model, messages=SAID):
        yield from (choice.delta.content for choice in event.data.choices)


def langchain(model, key=KEY):
    return ChatOpenAI(model=model, base_url=f"{BASE}/v1", api_key=key, max_retries=0, timeout=60)


def litellms(model, dialect="openai", key=KEY, **more):
    base = f"{BASE}/v1" if dialect == "openai" else BASE
    return litellm.completion(model=f"{dialect}/{model}", messages=SAID, api_base=base, api_key=key, num_retries=0, timeout=60, **more)


def litellm_streams(model, dialect):
    for chunk in litellms(model, dialect, stream=True):
        yield from (choice.delta.content for choice in chunk.choices)


def broken(streams, model):
    """What was said, and what was raised then."""
    text = ""
    try:
        for said in streams(model):
            text += said or ""
    except Exception as error:
        return [text, type(error).__name__]
    return [text, "nothing"]


def seen(ask, streams):
    return {
        "suspended": provoke(lambda: ask("good", ASKED["suspended"])),
        "failing": provoke(lambda: ask("failing", KEY)),
        "breaks": {model: broken(streams, model) for model in ASKED["breaks"]},
    }


run(
    {},
    {
        "anthropic": lambda: seen(lambda model, key: claude(key).messages.create(model=model, max_tokens=100, messages=SAID), claude_streams),
        "google": lambda: seen(google_asks, google_streams),
        "mistral": lambda: seen(lambda model, key: mistral(key).chat.complete(model=model, messages=SAID), mistral_streams),
        "langchain": lambda: seen(
            lambda model, key: langchain(model, key).invoke("hello"),
            lambda model: (chunk.content for chunk in langchain(model).stream("hello"))),
        "litellm": lambda: seen(
            lambda model, key: litellms(model, key=key),
            lambda model: litellm_streams(model, "openai")),
        "litellm by anthropic": lambda: seen(
            lambda model, key: litellms(model, "anthropic", key, max_tokens=100),
            lambda model: litellm_streams(model, "anthropic")),
    },
)
