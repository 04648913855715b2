//! Anthropic's API: its error body here, its messages in a room of their own.

pub(crate) mod budget;
mod claude;
mod exact;
pub(crate) mod messages;

use crate::ErrorBody;
use serde::Serialize;

/// `{"type":"error","error":{…},"request_id":…}`.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Error<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}

pub(crate) fn error_body<'a>(error: &ErrorBody<'a>) -> Envelope<'a> {
    let inner = Error {
        kind: error_type(error.status),
        message: error.message,
    };
    Envelope {
        kind: "error",
        error: inner,
        request_id: error.request_id,
    }
}

fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
