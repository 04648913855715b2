//! A provider's refusal in the words of the caller's API, with nothing in it that is ours and not the caller's.
//!
//! Called where a refusal is passed on. Must never let a key, an account or an inner address through.

use super::redact::redact;
use super::{Fields, MAX_FIELD, MAX_MESSAGE, bounded, fields, is_context, is_one_of};
use crate::{Dialect, ErrorBody, render};

/// What a caller may read of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// For a person.
    pub message: String,
    /// OpenAI's `type`.
    pub kind: Option<String>,
    /// OpenAI's `code`.
    pub code: Option<String>,
    /// The member at fault.
    pub param: Option<String>,
}

impl Told {
    /// What a body of whatever API says.
    pub fn of(body: &[u8]) -> Told {
        Told::new(fields(&String::from_utf8_lossy(body)))
    }

    /// What an event said, or the parts of one.
    pub fn said(message: &str, kind: Option<&str>, code: Option<&str>) -> Told {
        Told::new(Fields {
            message: bounded(message, MAX_MESSAGE),
            kind: kind.map(str::to_owned),
            code: code.map(str::to_owned),
            whole_message: message.to_owned(),
            ..Fields::default()
        })
    }

    fn new(fields: Fields) -> Told {
        let clean = |text: &Option<String>| text.as_deref().map(|text| redact(text, MAX_FIELD));
        let message = match redact(&fields.whole_message, MAX_MESSAGE) {
            message if message.trim().is_empty() => "The provider refused the request.".to_owned(),
            message => bounded(&message, MAX_MESSAGE),
        };
        let kind = clean(&fields.kind).map(|kind| openai_kind(&kind).map_or(kind, str::to_owned));
        let code = clean(&fields.code)
            .or_else(|| is_context(&fields.message).then(|| "context_length_exceeded".to_owned()));
        Told {
            message,
            kind,
            code,
            param: clean(&fields.param),
        }
    }

    /// As a body in the caller's API.
    pub fn render(&self, dialect: Dialect, (status, request_id): (u16, &str)) -> Vec<u8> {
        let body = ErrorBody {
            status,
            kind: self.kind.as_deref().unwrap_or("invalid_request_error"),
            code: self.code.as_deref(),
            param: self.param.as_deref(),
            message: &self.message,
            request_id,
        };
        render(dialect, &body)
    }
}

/// OpenAI's `type` for what Google's and Anthropic's APIs call it; what is none of theirs stays.
fn openai_kind(kind: &str) -> Option<&'static str> {
    let is = |names: &[&str]| is_one_of(kind, names);
    if is(&[
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
        "NOT_FOUND",
    ]) {
        Some("invalid_request_error")
    } else if is(&["RESOURCE_EXHAUSTED"]) {
        Some("requests")
    } else if is(&["PERMISSION_DENIED", "UNAUTHENTICATED"]) {
        Some("request_forbidden")
    } else if is(&[
        "UNAVAILABLE",
        "INTERNAL",
        "DEADLINE_EXCEEDED",
        "UNKNOWN",
        "overloaded_error",
        "api_error",
    ]) {
        Some("server_error")
    } else {
        None
    }
}
