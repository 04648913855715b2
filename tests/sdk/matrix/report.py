"""What every Python caller of the matrix does alike: reads which models to call, performs its table of checks on each, and prints one JSON
line for each, with what was seen or raised. Used by the callers beside it; it knows no SDK and judges nothing."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ASKED = json.loads(sys.argv[1])
BASE, KEY = ASKED["base"], ASKED["key"]
# What the plain checks say; a real model is asked for more than a word.
HELLO = ASKED.get("prompt", "Say hello.")

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A city."}},
    "required": ["city"],
    "additionalProperties": False,
}
PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
DEGREES = {"Paris": "18", "Rome": "25"}


def raised(error):
    """Its class and the status that it carries, under whichever name."""
    status = next((value for name in ("status_code", "code", "http_status") if isinstance(value := getattr(error, name, None), int)), None)
    return f"{type(error).__name__} {status}"


def perform(check, model, ask):
    began = time.monotonic()
    try:
        seen = {"saw": ask(model)}
    except Exception as error:  # what an SDK raises is the thing that is looked at
        seen = {"raised": raised(error), "message": str(error)[:400]}
    return {"check": check, "model": model, **seen, "seconds": round(time.monotonic() - began, 2)}


def provoke(ask):
    """What is raised when this is done."""
    try:
        return f"nothing: {ask()}"[:200]
    except Exception as error:
        return raised(error)


def is_asked(name):
    return name not in ASKED.get("skip", []) and name in ASKED.get("only", [name])


def run(checks, once):
    """Each of `checks` on each model, and each of `once` a single time."""
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(perform, name, model, ask) for model in ASKED["models"] for name, ask in checks.items() if is_asked(name)]
        jobs += [pool.submit(perform, name, "", lambda _, ask=ask: ask()) for name, ask in once.items() if is_asked(name)]
        for job in jobs:
            print(json.dumps(job.result()), flush=True)
