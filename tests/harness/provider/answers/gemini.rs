//! Gemini's generateContent, as `answers` says it. A function of the call alone.

use super::{Received, data, words_up_to};
use serde_json::{Value, json};

/// What the call's path asks a model to do, where it is one of Gemini's.
pub(super) fn verb(call: &Received) -> Option<&str> {
    let path = call.path.split('?').next().unwrap_or_default();
    let (_, verb) = path.rsplit_once(':')?;
    let known = [
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "embedContent",
        "batchEmbedContents",
    ];
    known.contains(&verb).then_some(verb)
}

pub(super) fn plain(verb: &str, words: usize) -> Value {
    let embedding = json!({"values": [0.25, -0.5, 0.125]});
    match verb {
        "countTokens" => json!({"totalTokens": 7}),
        "embedContent" => json!({"embedding": embedding}),
        "batchEmbedContents" => json!({"embeddings": [embedding]}),
        _ => chunk(&words_up_to(words), Some(words)),
    }
}

pub(super) fn content(text: &str) -> String {
    data(&chunk(text, None))
}

pub(super) fn closing(words: usize) -> String {
    data(&chunk("", Some(words)))
}

pub(super) fn overloaded() -> Value {
    json!({"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}})
}

/// One answer, or a part of one; with so many words it is the last.
pub(super) fn chunk(text: &str, words: Option<usize>) -> Value {
    let mut candidate =
        json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
    let mut usage = json!({"promptTokenCount": 7, "totalTokenCount": 7});
    if let Some(words) = words {
        candidate["finishReason"] = json!("STOP");
        usage = json!({"promptTokenCount": 7, "candidatesTokenCount": words, "totalTokenCount": 7 + words});
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "mock-model", "responseId": "r1"})
}
