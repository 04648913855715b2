//! Token counts: asked for in one API, answered by another, or estimated.
//!
//! Wire facts: https://ai.google.dev/api/tokens (`generateContentRequest`, `totalTokens`); anthropic-python 2.14
//! types/message_count_tokens_params.py and types/message_tokens_count.py.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use purser_config::Provider;
use purser_dialects::provider::Quirks;
use purser_dialects::translate::Target;
use purser_dialects::{Dialect, count};
use serde_json::{Value, json};

fn target(provider: Provider) -> Target<'static> {
    Target {
        quirks: Quirks::of(provider),
        model: "provider-model",
        most_output: None,
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

#[test]
fn geminis_two_ways_to_ask_are_one() {
    let inner = json!({"contents": [{"role": "user", "parts": [{"text": "Hello?"}]}], "systemInstruction": {"parts": [{"text": "Be brief."}]}});
    let expected = json!({"generateContentRequest": {
        "model": "models/provider-model",
        "contents": [{"role": "user", "parts": [{"text": "Hello?"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
    }});
    for ask in [inner.clone(), json!({"generateContentRequest": inner})] {
        let ask = count::read(Dialect::Gemini, &bytes(&ask), "public").unwrap();
        let sent = count::write(&ask, &target(Provider::Gemini)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap(), expected);
    }
}

#[test]
fn a_request_of_anthropics_is_counted_by_gemini_and_the_other_way() {
    let ask = json!({
        "model": "public", "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hello?"}],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}],
    });
    let ask = count::read(Dialect::Anthropic, &bytes(&ask), "").unwrap();
    let sent = count::write(&ask, &target(Provider::Gemini)).unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    let inner = &sent["generateContentRequest"];
    assert_eq!(inner["model"], "models/provider-model");
    assert_eq!(
        inner["contents"],
        json!([{"role": "user", "parts": [{"text": "Hello?"}]}])
    );
    assert_eq!(inner["tools"][0]["functionDeclarations"][0]["name"], "f");

    let ask = json!({"contents": [{"parts": [{"text": "Hello?"}]}], "generationConfig": {"maxOutputTokens": 9}});
    let ask = count::read(Dialect::Gemini, &bytes(&ask), "public").unwrap();
    let sent = count::write(&ask, &target(Provider::Anthropic)).unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]);
    assert_eq!(
        sent,
        json!({"model": "provider-model", "messages": messages})
    );
}

#[test]
fn a_count_is_read_and_written_in_each_api() {
    for answer in [
        r#"{"totalTokens":31,"promptTokensDetails":[]}"#,
        r#"{"input_tokens":31}"#,
    ] {
        assert_eq!(count::read_answer(answer.as_bytes()), Ok(31));
    }
    assert!(count::read_answer(b"{}").is_err());
    assert_eq!(
        count::write_answer(Dialect::Gemini, 31),
        br#"{"totalTokens":31}"#
    );
    assert_eq!(
        count::write_answer(Dialect::Anthropic, 31),
        br#"{"input_tokens":31}"#
    );
}

#[test]
fn openai_s_question_is_asked_of_others_and_answered_in_its_words() {
    let ask = json!({"model": "public", "input": "Hello?", "instructions": "Be short."});
    let ask = count::read(Dialect::OpenAI, &bytes(&ask), "").unwrap();
    let sent = count::write(&ask, &target(Provider::Anthropic)).unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["messages"][0]["role"], "user");
    assert!(sent.get("max_tokens").is_none(), "{sent}");
    assert_eq!(
        count::write_answer(Dialect::OpenAI, 31),
        br#"{"object":"response.input_tokens","input_tokens":31}"#
    );
}

#[test]
fn a_provider_that_cannot_count_says_so() {
    let ask = json!({"contents": [{"parts": [{"text": "Hello?"}]}]});
    let ask = count::read(Dialect::Gemini, &bytes(&ask), "public").unwrap();
    assert!(count::write(&ask, &target(Provider::OpenAI)).is_err());
}

#[test]
fn an_estimate_counts_text_by_bytes_and_images_by_number() {
    let ask = |parts: Value| {
        let ask = json!({"contents": [{"parts": parts}]});
        count::estimate(&count::read(Dialect::Gemini, &bytes(&ask), "m").unwrap())
    };
    assert_eq!(ask(json!([{"text": "abcdef"}])), 4 + 2);
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "A".repeat(40_000)}});
    assert_eq!(ask(json!([{"text": "abc"}, image])), 4 + 1 + 2_048);
    let sound = json!({"inlineData": {"mimeType": "audio/wav", "data": "A".repeat(6_400)}});
    assert_eq!(ask(json!([sound])), 4 + 100);
    let document =
        json!({"inlineData": {"mimeType": "application/pdf", "data": "A".repeat(2_400)}});
    assert_eq!(ask(json!([document])), 4 + 100);
}
