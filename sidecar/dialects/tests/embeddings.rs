//! Embeddings between OpenAI's API and Gemini's, both ways.
//!
//! Wire facts: openai-python 3.57 types/embedding_create_params.py and resources/embeddings.py (which asks for base64 of little-endian
//! floats); google-genai 3.6 models.py `_EmbedContentParametersPrivate_to_mldev`; https://ai.google.dev/api/embeddings.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use purser_dialects::embed::{EmbedWire, read, read_answer, write, write_answer};
use serde_json::{Value, json};

const ALL: [EmbedWire; 3] = [EmbedWire::OpenAI, EmbedWire::One, EmbedWire::Batch];

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What the provider is sent, or the member that is refused.
fn sent(from: EmbedWire, to: EmbedWire, ask: &Value) -> Result<Value, String> {
    let embed =
        read(from, &bytes(ask), "public").map_err(|fault| fault.param.unwrap_or_default())?;
    let body = write(to, &embed, "provider-model").map_err(|fault| fault.param)?;
    Ok(value(&body))
}

fn given(from: EmbedWire, to: EmbedWire, ask: &Value, answer: &Value) -> Value {
    let asked = read(from, &bytes(ask), "public").unwrap();
    let answer = read_answer(to, &bytes(answer)).unwrap();
    value(&write_answer(from, &answer, &asked))
}

#[test]
fn texts_of_openais_become_a_batch_of_geminis() {
    let ask = json!({"model": "public", "input": ["a", "b"], "dimensions": 2, "user": "u", "encoding_format": "float"});
    let batch = |text: &str| json!({"model": "models/provider-model", "content": {"parts": [{"text": text}]}, "outputDimensionality": 2});
    let expected = json!({"requests": [batch("a"), batch("b")]});
    assert_eq!(
        sent(EmbedWire::OpenAI, EmbedWire::Batch, &ask),
        Ok(expected)
    );
    let answer = json!({"embeddings": [{"values": [0.5, -1.25]}, {"values": [0.1, 2]}]});
    let expected = json!({
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.25]},
            {"object": "embedding", "index": 1, "embedding": [0.1, 2.0]},
        ],
        "model": "public",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    });
    assert_eq!(
        given(EmbedWire::OpenAI, EmbedWire::Batch, &ask, &answer),
        expected
    );
}

#[test]
fn vectors_are_written_as_base64_where_they_are_asked_for_so() {
    let ask = json!({"model": "public", "input": "a", "encoding_format": "base64"});
    let answer =
        json!({"embeddings": [{"values": [1.0, -2.0]}], "usageMetadata": {"promptTokenCount": 7}});
    let given = given(EmbedWire::OpenAI, EmbedWire::Batch, &ask, &answer);
    assert_eq!(given["data"][0]["embedding"], "AACAPwAAAMA=");
    assert_eq!(given["usage"]["prompt_tokens"], 7);
}

#[test]
fn what_google_reads_beside_its_reference_is_read() {
    let content = json!({"parts": {"text": "a"}});
    let ask = json!({"content": content, "outputDimensionality": "3"});
    let expected = json!({"model": "provider-model", "input": ["a"], "encoding_format": "float", "dimensions": 3});
    for (wire, ask) in [
        (EmbedWire::One, ask.clone()),
        (EmbedWire::Batch, json!({"requests": ask})),
    ] {
        assert_eq!(
            sent(wire, EmbedWire::OpenAI, &ask),
            Ok(expected.clone()),
            "{ask}"
        );
    }
}

#[test]
fn a_text_of_geminis_becomes_one_of_openais() {
    let ask = json!({"model": "models/x", "content": {"parts": [{"text": "a"}, {"text": "b"}]}, "output_dimensionality": 3});
    let expected = json!({"model": "provider-model", "input": ["a\nb"], "encoding_format": "float", "dimensions": 3});
    assert_eq!(sent(EmbedWire::One, EmbedWire::OpenAI, &ask), Ok(expected));
    let answer = json!({"object": "list", "data": [{"index": 0, "embedding": [1.5]}], "usage": {"prompt_tokens": 4, "total_tokens": 4}});
    let expected =
        json!({"embedding": {"values": [1.5]}, "usageMetadata": {"promptTokenCount": 4}});
    assert_eq!(
        given(EmbedWire::One, EmbedWire::OpenAI, &ask, &answer),
        expected
    );
}

#[test]
fn a_batch_of_geminis_keeps_its_order() {
    let ask = json!({"requests": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}, "taskType": "TASK_TYPE_UNSPECIFIED"}]});
    let expected =
        json!({"model": "provider-model", "input": ["a", "b"], "encoding_format": "float"});
    assert_eq!(
        sent(EmbedWire::Batch, EmbedWire::OpenAI, &ask),
        Ok(expected)
    );
    let answer =
        json!({"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": "AACAPw=="}]});
    let expected = json!({"embeddings": [{"values": [1.0]}, {"values": [2.0]}], "usageMetadata": {"promptTokenCount": 2}});
    assert_eq!(
        given(EmbedWire::Batch, EmbedWire::OpenAI, &ask, &answer),
        expected
    );
}

#[test]
fn what_only_one_of_them_says_is_refused_by_name() {
    for (from, ask, member) in [
        (
            EmbedWire::OpenAI,
            json!({"model": "m", "input": [[1, 2]]}),
            "input[0]",
        ),
        (
            EmbedWire::OpenAI,
            json!({"model": "m", "input": [1, 2]}),
            "input[0]",
        ),
        (
            EmbedWire::OpenAI,
            json!({"model": "m", "input": "a", "input_type": "query"}),
            "input_type",
        ),
        (EmbedWire::OpenAI, json!({"model": "m"}), "input"),
        (
            EmbedWire::OpenAI,
            json!({"model": "m", "input": "a", "encoding_format": "x"}),
            "encoding_format",
        ),
        (
            EmbedWire::One,
            json!({"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY"}),
            "taskType",
        ),
        (
            EmbedWire::One,
            json!({"content": {"parts": [{"inlineData": {"data": ""}}]}}),
            "content.parts[0].inlineData",
        ),
        (EmbedWire::One, json!({}), "content"),
        (EmbedWire::Batch, json!({"requests": []}), "requests"),
        (
            EmbedWire::Batch,
            json!({"requests": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3}]}),
            "requests[1].outputDimensionality",
        ),
    ] {
        assert_eq!(
            sent(from, EmbedWire::Batch, &ask),
            Err(member.into()),
            "{ask}"
        );
    }
}

#[test]
fn no_bytes_make_a_reader_panic() {
    for text in [
        "",
        "{",
        "[]",
        "{\"data\":[{\"embedding\":\"AAA=\"}]}",
        "{\"embeddings\":[]}",
        "null",
        "\u{feff}{}",
    ] {
        for wire in ALL {
            let _ = read(wire, text.as_bytes(), "m");
            assert!(
                read_answer(wire, text.as_bytes()).is_err(),
                "{wire:?} {text}"
            );
        }
    }
}
