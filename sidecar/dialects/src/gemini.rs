//! Gemini's API: its error body here, `generateContent` in a room of its own.

pub(crate) mod config;
pub(crate) mod generate;
pub(crate) mod path;
mod within;

pub use within::name_within;

use crate::ErrorBody;
use serde::Serialize;

/// `{"error":{"code","message","status"}}`.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
}

pub(crate) fn error_body<'a>(error: &ErrorBody<'a>) -> Envelope<'a> {
    Envelope {
        error: Error {
            code: error.status,
            message: error.message,
            status: status_name(error.status),
        },
    }
}

/// Google's canonical name for an HTTP status (google.rpc.Code).
fn status_name(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 => "UNIMPLEMENTED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        502 | 503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
