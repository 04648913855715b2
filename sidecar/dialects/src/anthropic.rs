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
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// What Anthropic's SDKs read of an error that is about a thread: they send the whole conversation again, without one or in a new one
/// (anthropic-python 2.14, lib/threads/_thread_state.py).
#[derive(Serialize)]
struct Details<'a> {
    error_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupported: Option<[&'a str; 1]>,
}

fn details<'a>(error: &ErrorBody<'a>) -> Option<Details<'a>> {
    if error.status == 400 && error.param == Some(THREAD) {
        return Some(Details {
            error_code: "thread_unsupported_request",
            unsupported: Some([THREAD]),
        });
    }
    let error_code = error.code.filter(|code| is_of_thread(code))?;
    Some(Details {
        error_code,
        unsupported: None,
    })
}

const THREAD: &str = "thread";

/// Whether a code of Anthropic's says what is wrong with a thread.
pub(crate) fn is_of_thread(code: &str) -> bool {
    code.starts_with("thread_")
}

pub(crate) fn error_body<'a>(error: &ErrorBody<'a>) -> Envelope<'a> {
    let inner = Error {
        kind: error_type(error.status),
        message: error.message,
        details: details(error),
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
