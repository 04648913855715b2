//! Anthropic's messages, as `answers` says them. A function of the call alone.

use super::{Received, model, named, words_up_to};
use serde_json::{Value, json};

pub(super) const PATH: &str = "messages";

pub(super) fn whole(call: &Received, text: &str, words: usize) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model(call),
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": words}})
}

pub(super) fn plain(call: &Received, words: usize) -> Value {
    whole(call, &words_up_to(words), words)
}

pub(super) fn counted() -> Value {
    json!({"input_tokens": 7})
}

pub(super) fn opening(call: &Received) -> String {
    let mut message = whole(call, "", 1);
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    event(&json!({"type": "message_start", "message": message}))
        + &event(
            &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        )
        + &event(&json!({"type": "ping"}))
}

pub(super) fn content(text: &str) -> String {
    event(
        &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
    )
}

pub(super) fn closing(words: usize) -> String {
    event(&json!({"type": "content_block_stop", "index": 0}))
        + &event(
            &json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": words}}),
        )
        + &event(&json!({"type": "message_stop"}))
}

pub(super) fn overloaded() -> Value {
    json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_mock"})
}

/// Each event says its type twice.
pub(super) fn event(value: &Value) -> String {
    named(value["type"].as_str().unwrap_or_default(), value)
}
