//! What a good provider says: the bodies and the stream events of OpenAI's endpoints, and those of Anthropic and Gemini under their paths,
//! a function of the call alone.
//! Used by `act`. Everything is fixed (ids, times, words), so that tests can compare whole answers.

mod anthropic;
mod gemini;

use serde_json::{Value, json};

use super::Received;

const CREATED: u64 = 1_700_000_000;
/// The bytes of a spoken answer: no text, so that a gateway that decodes it is caught.
pub(super) const SPEECH: &[u8] = &[0xff, 0xfb, 0x90, 0x00, 0x80, 0xfe, b'\r', b'\n', 0x00, 0xff];

/// The content type and the body of a plain answer of so many words.
pub(super) fn plain(call: &Received, words: usize) -> (u16, &'static str, Vec<u8>) {
    if let Some(body) = other_api(call, words) {
        return (200, "application/json", body.to_string().into_bytes());
    }
    let asked = call.json();
    let model = asked["model"].as_str().unwrap_or("mock-model");
    let text = words_up_to(words);
    let usage = usage(words);
    let body = match endpoint(call) {
        "chat/completions" => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
            "usage": usage})
        }
        "completions" => {
            json!({"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": model,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": "stop"}], "usage": usage})
        }
        "responses" => response(model, "completed", &text),
        "embeddings" => json!({"object": "list", "model": model,
            "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125]}],
            "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
        "responses/input_tokens" => json!({"object": "response.input_tokens", "input_tokens": 7}),
        "images/generations" | "images/edits" => {
            json!({"created": CREATED, "data": [{"b64_json": "iVBORw0KGgo="}]})
        }
        "moderations" => {
            json!({"id": "modr-1", "model": model, "results": [{"flagged": false, "categories": {}, "category_scores": {}}]})
        }
        "audio/transcriptions" => json!({"text": text}),
        "audio/speech" => return (200, "audio/mpeg", SPEECH.to_vec()),
        "models" => {
            json!({"object": "list", "data": [{"id": "mock-model", "object": "model", "created": CREATED, "owned_by": "mock"}]})
        }
        other => {
            let message = format!("Unknown request URL: {} /v1/{other}.", call.method);
            let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "unknown_url"}});
            return (404, "application/json", error.to_string().into_bytes());
        }
    };
    (200, "application/json", body.to_string().into_bytes())
}

fn other_api(call: &Received, words: usize) -> Option<Value> {
    match endpoint(call) {
        anthropic::PATH => Some(anthropic::plain(call, words)),
        "messages/count_tokens" => Some(anthropic::counted()),
        _ => gemini::verb(call).map(|verb| gemini::plain(verb, words)),
    }
}

/// A plain answer of so many bytes.
pub(super) fn huge(call: &Received, bytes: usize) -> String {
    let text = "x".repeat(bytes);
    let body = match (endpoint(call), gemini::verb(call)) {
        (anthropic::PATH, _) => anthropic::whole(call, &text, 5),
        (_, Some(_)) => gemini::chunk(&text, Some(5)),
        _ => json!({"choices": [{"message": {"role": "assistant", "content": text}}]}),
    };
    body.to_string()
}

/// True when the caller asked for a stream.
pub(super) fn is_stream(call: &Received) -> bool {
    if let Some(verb) = gemini::verb(call) {
        return verb == "streamGenerateContent";
    }
    call.json()["stream"] == Value::Bool(true)
}

/// The event before the first content, as each API begins its streams.
pub(super) fn opening(call: &Received) -> String {
    match endpoint(call) {
        "responses" => named(
            "response.created",
            &json!({"type": "response.created", "response": response(&model(call), "in_progress", "")}),
        ),
        "completions" => String::new(),
        anthropic::PATH => anthropic::opening(call),
        _ if gemini::verb(call).is_some() => gemini::content(""),
        _ => data(&chat_chunk(
            call,
            json!({"role": "assistant", "content": ""}),
            Value::Null,
        )),
    }
}

/// The event that carries content.
pub(super) fn content(call: &Received, text: &str) -> String {
    match endpoint(call) {
        "responses" => named(
            "response.output_text.delta",
            &json!({"type": "response.output_text.delta", "item_id": "msg_1",
            "output_index": 0, "content_index": 0, "delta": text}),
        ),
        "completions" => data(&completion_chunk(call, text, Value::Null)),
        anthropic::PATH => anthropic::content(text),
        _ if gemini::verb(call).is_some() => gemini::content(text),
        _ => data(&chat_chunk(call, json!({"content": text}), Value::Null)),
    }
}

/// The n-th event that carries content, with what was used until then; of chat alone.
pub(super) fn counted(call: &Received, number: usize) -> String {
    let mut chunk = chat_chunk(call, json!({"content": word(number)}), Value::Null);
    chunk["usage"] = usage(number + 1);
    data(&chunk)
}

fn usage(words: usize) -> Value {
    json!({"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words})
}

/// The events after the last content: finish, usage where it was asked for, `[DONE]` where the API has it.
pub(super) fn closing(call: &Received, words: usize) -> String {
    if endpoint(call) == anthropic::PATH {
        return anthropic::closing(words);
    }
    if gemini::verb(call).is_some() {
        return gemini::closing(words);
    }
    if endpoint(call) == "responses" {
        let whole = response(&model(call), "completed", &words_up_to(words));
        return named(
            "response.completed",
            &json!({"type": "response.completed", "response": whole}),
        );
    }
    let finish = |reason| match endpoint(call) {
        "completions" => completion_chunk(call, "", reason),
        _ => chat_chunk(call, json!({}), reason),
    };
    let mut events = data(&finish(json!("stop")));
    if call.json()["stream_options"]["include_usage"] == Value::Bool(true) {
        let mut last = finish(Value::Null);
        last["choices"] = json!([]);
        last["usage"] = usage(words);
        events += &data(&last);
    }
    events + "data: [DONE]\n\n"
}

/// The error that a provider sends inside a stream.
pub(super) fn error_event(call: &Received) -> String {
    match endpoint(call) {
        anthropic::PATH => anthropic::event(&anthropic::overloaded()),
        "responses" => named(
            "error",
            &json!({"type": "error", "code": "overloaded", "message": "The server is overloaded", "param": null}),
        ),
        _ => format!("data: {}\n\n", overloaded(call)),
    }
}

/// The same as the body of a 200.
pub(super) fn overloaded(call: &Received) -> String {
    if endpoint(call) == anthropic::PATH {
        return anthropic::overloaded().to_string();
    }
    if gemini::verb(call).is_some() {
        return gemini::overloaded().to_string();
    }
    json!({"error": {"message": "The server is overloaded", "type": "server_error", "param": null, "code": "overloaded"}}).to_string()
}

/// The n-th word of an answer.
pub(super) fn word(number: usize) -> String {
    format!("word{number} ")
}

fn words_up_to(count: usize) -> String {
    (0..count).map(word).collect()
}

fn endpoint(call: &Received) -> &str {
    let path = call.path.split('?').next().unwrap_or_default();
    let path = path.trim_start_matches('/').trim_start_matches("openai/");
    path.trim_start_matches("v1/")
}

fn model(call: &Received) -> String {
    call.json()["model"]
        .as_str()
        .unwrap_or("mock-model")
        .to_owned()
}

fn chat_chunk(call: &Received, delta: Value, finish: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": model(call),
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
}

fn completion_chunk(call: &Received, text: &str, finish: Value) -> Value {
    json!({"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": model(call),
        "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]})
}

fn response(model: &str, status: &str, text: &str) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": CREATED, "model": model, "status": status,
        "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": status,
            "content": [{"type": "output_text", "text": text, "annotations": []}]}],
        "usage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}})
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn named(event: &str, value: &Value) -> String {
    format!("event: {event}\ndata: {value}\n\n")
}
