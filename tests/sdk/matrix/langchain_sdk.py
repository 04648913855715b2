"""LangChain's OpenAI package, as a caller of the matrix. Judges nothing."""

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from report import ASKED, BASE, DEGREES, HELLO, KEY, PLACE, PNG, WEATHER, provoke, run

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": WEATHER}}
QUESTION = HumanMessage("What is the weather in Paris and Rome?")


def model_of(name, key=KEY, **more):
    return ChatOpenAI(model=name, base_url=f"{BASE}/v1", api_key=key, max_retries=0, timeout=60, **more)


def said(text):
    return [SystemMessage("Be brief."), HumanMessage(text)]


def used(usage):
    return usage and [usage["input_tokens"], usage["output_tokens"]]


def chat(model):
    answer = model_of(model, temperature=0.5, max_tokens=100).invoke(said(HELLO))
    told = answer.response_metadata
    return {"text": answer.content, "finish": told["finish_reason"], "usage": used(answer.usage_metadata), "model": told["model_name"]}


def stream(model):
    whole, chunks = None, 0
    for chunk in model_of(model, stream_usage=True).stream(said(HELLO)):
        whole = chunk if whole is None else whole + chunk
        chunks += 1
    return {"text": whole.content, "many": chunks > 3, "finish": whole.response_metadata.get("finish_reason"), "usage": used(whole.usage_metadata)}


def tools(model):
    bound = model_of(model).bind_tools([TOOL])
    first = bound.invoke([QUESTION])
    results = [ToolMessage(DEGREES[call["args"]["city"]], tool_call_id=call["id"]) for call in first.tool_calls]
    last = bound.invoke([QUESTION, first, *results])
    return {
        "calls": [[call["name"], call["args"]] for call in first.tool_calls],
        "ids": len({call["id"] for call in first.tool_calls}),
        "finish": first.response_metadata["finish_reason"],
        "after": last.content,
    }


def vision(model):
    parts = [{"type": "text", "text": "What is in the picture?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    return model_of(model).invoke([HumanMessage(parts)]).content


def schema(model):
    bound = model_of(model).with_structured_output({"title": "place", **PLACE}, method="json_schema", strict=True)
    return bound.invoke(said("Where is it how warm? Answer as JSON."))


def embeddings():
    embedded = OpenAIEmbeddings(model="embed", base_url=f"{BASE}/v1", api_key=KEY, check_embedding_ctx_length=False).embed_documents(["one", "two"])
    return [len(embedded), all(isinstance(number, float) for one in embedded for number in one)]


def errors():
    bad = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "str"}}}}}
    return [
        provoke(lambda: model_of("gpt", key="sk-nobody").invoke("hello")),
        provoke(lambda: model_of("nowhere").invoke("hello")),
        provoke(lambda: model_of("gpt").bind(tools=[bad]).invoke("hello")),
        *(provoke(lambda: model_of(model).invoke("Please be busy.")) for model in ASKED["busy"]),
    ]


run({"chat": chat, "stream": stream, "tools": tools, "vision": vision, "schema": schema}, {"embeddings": embeddings, "errors": errors})
