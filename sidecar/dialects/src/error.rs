//! Our refusals, as bodies and as stream events, in the caller's dialect.
//!
//! Called by the sidecar's one place that turns an error into an answer. Which status and code fit is decided there.

use crate::{Dialect, anthropic, gemini, openai};
use serde::Serialize;

/// One refusal. Each dialect takes from it what it can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorBody<'a> {
    /// The answer's HTTP status.
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: &'a str,
    /// OpenAI's `code`.
    pub code: Option<&'a str>,
    /// The member or header at fault.
    pub param: Option<&'a str>,
    /// What is wrong, for a person.
    pub message: &'a str,
    /// As in `x-request-id`.
    pub request_id: &'a str,
}

/// The body of an answer with that error.
pub fn render(dialect: Dialect, error: &ErrorBody<'_>) -> Vec<u8> {
    match dialect {
        Dialect::OpenAI => json(&openai::error::body(error)),
        Dialect::Anthropic => json(&anthropic::error_body(error)),
        Dialect::Gemini => json(&gemini::error_body(error)),
    }
}

/// The event that ends a broken stream. No `[DONE]` follows: the stream did not end well.
pub fn render_event(dialect: Dialect, error: &ErrorBody<'_>) -> Vec<u8> {
    let name = (dialect == Dialect::Anthropic).then_some("error");
    event(name, &render(dialect, error))
}

/// The same for OpenAI's Responses endpoint, whose events have names and count up.
pub fn render_responses_event(error: &ErrorBody<'_>, sequence_number: u64) -> Vec<u8> {
    event(
        Some("error"),
        &json(&openai::error::responses_event(error, sequence_number)),
    )
}

fn event(name: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(data.len() + 32);
    if let Some(name) = name {
        event.extend_from_slice(b"event: ");
        event.extend_from_slice(name.as_bytes());
        event.push(b'\n');
    }
    event.extend_from_slice(b"data: ");
    event.extend_from_slice(data);
    event.extend_from_slice(b"\n\n");
    event
}

/// Structs of strings and numbers always serialise, and without line breaks.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
