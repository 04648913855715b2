//! How a caller is spoken to within a stream: which errors and which keep-alives its API has. Used by `relay` and by `gateway`, whose
//! answers they interrupt.

use crate::call::Call;
use http::HeaderValue;
use purser_config::Endpoint;
use purser_dialects::{
    Dialect, ErrorBody, keep_alive, render, render_event, render_responses_event,
};

/// How a caller is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// In which API.
    pub dialect: Dialect,
    /// At which endpoint.
    pub endpoint: Endpoint,
    /// Whether a stream is one JSON array.
    pub as_array: bool,
}

impl Manner {
    /// That of a call's caller.
    pub fn of(call: &Call) -> Manner {
        Manner {
            dialect: call.dialect,
            endpoint: call.endpoint,
            as_array: call.as_array,
        }
    }

    /// What a stream is.
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(if self.as_array {
            "application/json"
        } else {
            "text/event-stream"
        })
    }

    /// Says that a stream is alive before its first content.
    pub fn keep_alive(&self) -> &'static [u8] {
        keep_alive(self.dialect)
    }

    /// An error event after so many others.
    pub fn event(&self, body: &ErrorBody<'_>, sequence: u64) -> Vec<u8> {
        if self.endpoint == Endpoint::Responses {
            render_responses_event(body, sequence)
        } else {
            render_event(self.dialect, body)
        }
    }

    /// A stream that is nothing but an error.
    pub fn only(&self, body: &ErrorBody<'_>) -> Vec<u8> {
        if self.as_array {
            return [b"[", render(self.dialect, body).as_slice(), b"]"].concat();
        }
        self.event(body, 0)
    }

    /// A whole answer as a stream that holds nothing else.
    pub fn whole(&self, body: &[u8], is_success: bool) -> Vec<u8> {
        if self.as_array {
            return [b"[", body, b"]"].concat();
        }
        let is_error = !is_success && self.dialect == Dialect::Anthropic;
        let mut events = if is_error {
            b"event: error\n".to_vec()
        } else {
            Vec::new()
        };
        events.extend_from_slice(b"data: ");
        events.extend(body.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        let ends = is_success && self.dialect == Dialect::OpenAI;
        let end: &[u8] = if ends {
            b"\n\ndata: [DONE]\n\n"
        } else {
            b"\n\n"
        };
        events.extend_from_slice(end);
        events
    }
}
