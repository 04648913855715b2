//! What is answered: the envelope `{success, message, data}` of the whole plane, or the one failure that a call came to. Made by calls,
//! written by `server`. It must never answer a failure with 200.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use purser_authority::ledger::LedgerError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// What a call came to.
pub(crate) type Outcome = Result<Reply, Failure>;

/// A call that succeeded.
#[derive(Debug)]
pub(crate) enum Reply {
    /// In the envelope.
    Data(Value),
    /// As it is: shapes that other APIs fixed.
    Bare(Value),
    /// Not JSON: its type, its file's name, its text.
    File(&'static str, &'static str, String),
    /// Another, and what the browser is to keep: a header `Set-Cookie`.
    Cookie(Box<Reply>, String),
}

/// A call that did not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// What was attempted, why it failed, what to do.
    pub(crate) message: String,
    /// For 429 and 503: after how many seconds to try again.
    pub(crate) retry_after: Option<u64>,
    /// For 405.
    pub(crate) allow: Option<String>,
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// From 1.
    pub(crate) page: u64,
    pub(crate) page_size: u64,
    /// Items on all pages.
    pub(crate) total: u64,
    pub(crate) items: Vec<T>,
}

impl Reply {
    /// Anything that can be written as JSON, in the envelope.
    pub(crate) fn data(data: &impl Serialize) -> Outcome {
        serde_json::to_value(data)
            .map(Reply::Data)
            .map_err(|error| Failure::new(500, format!("writing the answer: {error}")))
    }

    /// The same without it.
    pub(crate) fn bare(data: &impl Serialize) -> Outcome {
        match Reply::data(data)? {
            Reply::Data(value) => Ok(Reply::Bare(value)),
            other => Ok(other),
        }
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        match self {
            Reply::Data(data) => written(
                StatusCode::OK,
                &json!({"success": true, "message": "", "data": data}),
            ),
            Reply::Bare(value) => written(StatusCode::OK, &value),
            Reply::Cookie(reply, cookie) => {
                let mut response = reply.into_response();
                if let Ok(cookie) = HeaderValue::try_from(cookie) {
                    response.headers_mut().insert(header::SET_COOKIE, cookie);
                }
                response
            }
            Reply::File(kind, name, text) => {
                let mut response = Response::new(Full::from(text));
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
                let disposition = format!("inline; filename=\"{name}\"");
                if let Ok(disposition) = HeaderValue::try_from(disposition) {
                    headers.insert(header::CONTENT_DISPOSITION, disposition);
                }
                response
            }
        }
    }
}

impl Failure {
    /// A status of HTTP, and a sentence.
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Failure {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let body = json!({"success": false, "message": self.message, "data": null});
        let mut response = written(self.status, &body);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow.and_then(|allow| allow.try_into().ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        if matches!(error, LedgerError::Unfit { .. }) {
            return Failure::new(422, error.to_string());
        }
        Failure {
            retry_after: Some(5),
            ..Failure::new(503, format!("the ledger cannot be asked now: {error}"))
        }
    }
}

fn written(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
