"""What the seed's FAQ tells people to do under "Technical", done with the official SDK of OpenAI and, where it says curl, with plain HTTP. One
check a question and cause. Judges nothing."""

import json
import random
import time
import urllib.request

from openai import OpenAI
from report import ASKED, BASE, KEY, PNG, WEATHER, provoke, run

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=60)
SAID = [{"role": "user", "content": "Say hello."}]


def told(ask):
    """Class, code, param and message of what is raised."""
    try:
        return {"nothing": str(ask())[:200]}
    except Exception as error:
        return {
            "class": type(error).__name__,
            "code": getattr(error, "code", None),
            "param": getattr(error, "param", None),
            "message": str(error),
            "retry_after": error.response.headers.get("retry-after") if hasattr(error, "response") else None,
        }


def plain(path, authorization):
    request = urllib.request.Request(f"{BASE}{path}", headers={"authorization": authorization})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return {"status": answer.status, "body": json.load(answer)}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": json.load(error)}


def chat(model, of=client, **more):
    return of.chat.completions.create(model=model, messages=more.pop("messages", SAID), **more)


def tools(parameters):
    return [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]


def shows(url):
    return [{"role": "user", "content": [{"type": "text", "text": "What is in the picture?"}, {"type": "image_url", "image_url": {"url": url}}]}]


def unauthorized():
    with_slash = OpenAI(base_url=f"{BASE}/v1/", api_key=KEY, max_retries=0)
    return {
        "right": plain("/v1/models", f"Bearer {KEY}")["status"],
        "with a space": plain("/v1/models", f"Bearer sk- {KEY[3:]}"),
        "with a slash": chat("able", with_slash).choices[0].message.content,
        "deleted": told(lambda: chat("able", client.with_options(api_key=ASKED["deleted"]))),
    }


def not_found():
    return {
        "listed": sorted(model.id for model in client.models.list()),
        "unknown": told(lambda: chat("gpt-3.5-retired")),
        "not in the plan": told(lambda: chat("premium")),
        "alias": chat("able-latest").choices[0].message.content,
    }


def call_with_backoff(fn, max_retries=5):
    """The seed's, letter by letter."""
    for attempt in range(max_retries):
        try:
            return fn()
        except Exception as e:
            if "429" in str(e) and attempt < max_retries - 1:
                wait = (2 ** attempt) + random.uniform(0, 1)
                time.sleep(wait)
            else:
                raise


def backed_off():
    began, asked = time.monotonic(), 0

    def ask():
        nonlocal asked
        asked += 1
        return chat("busy").choices[0].message.content

    return {"text": call_with_backoff(ask), "asked": asked, "seconds": time.monotonic() - began}


def limited():
    slow = client.with_options(api_key=ASKED["slow"])
    return [provoke(lambda: chat("able", slow).id and "answered"), provoke(lambda: chat("able", slow).id and "answered"), told(lambda: chat("able", slow))]


def tool_calls():
    asked = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    can = {model.id: model.model_dump()["capabilities"] for model in client.models.list()}
    return {
        "valid": len(chat("able", messages=asked, tools=tools(WEATHER)).choices[0].message.tool_calls),
        "invalid": told(lambda: chat("able", tools=tools({"type": "object", "properties": {"city": {"type": "text"}}}))),
        "model without": told(lambda: chat("plain", tools=tools(WEATHER))),
        "listed": [can["able"]["tools"], can["plain"]["tools"], can["able"]["vision"], can["plain"]["vision"]],
    }


def vision():
    return {
        "localhost": told(lambda: chat("able", messages=shows("http://localhost:8000/cat.png"))),
        "private": told(lambda: chat("able", messages=shows("http://192.168.1.20/cat.png"))),
        "public": chat("able", messages=shows("http://93.184.215.14/cat.png")).choices[0].message.content,
        "data": chat("able", messages=shows(f"data:image/png;base64,{PNG}")).choices[0].message.content,
        "model without": told(lambda: chat("plain", messages=shows(f"data:image/png;base64,{PNG}"))),
    }


run({}, {"401": unauthorized, "404": not_found, "429": limited, "429 backed off": backed_off, "tools": tool_calls, "vision": vision})
