"""An ordinary application: the official SDK, and no configuration of its own. What it does is its argument.
Run in pods by the node tests, which read what it prints. It must never name an address or a key.

    python3 application.py once MODEL      one call and one stream, then it ends
    python3 application.py serve MODEL     the same, and then it waits for SIGTERM
    python3 application.py load MODEL      the same, and then it calls until SIGTERM, and prints each outcome
    python3 application.py press MODEL     without the SDK, whose cost would be what is measured: calls until SIGTERM
    python3 application.py watch MODEL     the same with a list of models, and prints a status only when it is another
"""

import http.client
import json
import os
import signal
import sys
import time
import urllib.parse

WHAT, MODEL = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "Say hello."}]
ended = False


def say(**what):
    print(json.dumps({"at": time.time(), **what}), flush=True)


def end(*_):
    global ended
    ended = True


class WithSdk:
    def __init__(self):
        import openai

        self.openai = openai
        self.client = openai.OpenAI(max_retries=0)

    def call(self):
        try:
            answer = self.client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
            said = answer.parse().choices[0].message.content
            seen = {name: answer.headers.get(f"x-purser-{name}") for name in ("channel", "attempts")}
            say(status=200, said=said, **seen)
        except self.openai.APIStatusError as error:
            say(status=error.status_code, code=error.code, why=error.message)
        except self.openai.OpenAIError as error:
            say(status=0, why=repr(error))

    def stream(self):
        chunks = self.client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        say(stream="".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices))


class WithoutSdk:
    """The same variables, read by hand."""

    def __init__(self):
        self.place = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
        self.headers = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}", "content-type": "application/json"}
        self.connection = http.client.HTTPConnection(self.place.netloc, timeout=30)

    def ask(self, method, path, body=None):
        try:
            self.connection.request(method, self.place.path + path, body, self.headers)
            answer = self.connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return 0

    def press(self):
        body = json.dumps({"model": MODEL, "messages": MESSAGES})
        while not ended:
            since = time.time()
            say(status=self.ask("POST", "/chat/completions", body), since=since)
            time.sleep(0.1)

    def watch(self):
        last = None
        while not ended:
            status = self.ask("GET", "/models")
            if status != last:
                say(status=status)
            last = status
            time.sleep(0.1)


signal.signal(signal.SIGTERM, end)
if WHAT in ("press", "watch"):
    getattr(WithoutSdk(), WHAT)()
else:
    sdk = WithSdk()
    sdk.call()
    sdk.stream()
    while WHAT == "serve" and not ended:
        time.sleep(0.1)
    while WHAT == "load" and not ended:
        sdk.call()
        time.sleep(0.05)
say(ended=True)
