//! OpenAI's error body: always all four keys. The SDKs read `code`, and break on a missing one.

use crate::ErrorBody;
use serde::Serialize;

/// `{"error":{…}}`.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    pub(crate) error: Error<'a>,
}

#[derive(Serialize)]
pub(crate) struct Error<'a> {
    pub(crate) message: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) param: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
}

/// The `error` event of the Responses endpoint: flat, and numbered like every event of it.
#[derive(Serialize)]
pub(crate) struct ResponsesEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
}

pub(crate) fn body<'a>(error: &ErrorBody<'a>) -> Envelope<'a> {
    let ErrorBody {
        status: _,
        kind,
        code,
        param,
        message,
        request_id: _,
    } = *error;
    Envelope {
        error: Error {
            message,
            kind,
            param,
            code,
        },
    }
}

pub(crate) fn responses_event<'a>(
    error: &ErrorBody<'a>,
    sequence_number: u64,
) -> ResponsesEvent<'a> {
    let ErrorBody {
        status: _,
        kind,
        code,
        param,
        message,
        request_id: _,
    } = *error;
    ResponsesEvent {
        kind: "error",
        sequence_number,
        code: code.or(Some(kind)),
        message,
        param,
    }
}
