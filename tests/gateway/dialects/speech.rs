//! How each API is spoken: a question in it, and what of an answer is its text, its end and its error. Used by `dialects`.

use crate::gateway::setup::KEY;
use purser_tests::sse_client::{Call, End, Stream};
use serde_json::{Value, json};

/// A caller's way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Chat,
    Completions,
    Responses,
    Messages,
    Generate,
}

pub(super) const ALL: [Speech; 5] = [
    Speech::Chat,
    Speech::Completions,
    Speech::Responses,
    Speech::Messages,
    Speech::Generate,
];

impl Speech {
    /// "hello" to the model `m`.
    pub(super) fn call(self, stream: bool) -> Call {
        self.call_with(stream, &json!({}))
    }

    /// The same with more members.
    pub(super) fn call_with(self, stream: bool, more: &Value) -> Call {
        let messages = json!([{"role": "user", "content": "hello"}]);
        let mut body = match self {
            Speech::Chat => json!({"model": "m", "messages": messages, "stream": stream}),
            Speech::Completions => json!({"model": "m", "prompt": "hello", "stream": stream}),
            Speech::Responses => json!({"model": "m", "input": "hello", "stream": stream}),
            Speech::Messages => {
                json!({"model": "m", "messages": messages, "max_tokens": 64, "stream": stream})
            }
            Speech::Generate => {
                json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
            }
        };
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.ask(stream, body.to_string())
    }

    /// These bytes, with the headers of that API's SDKs.
    pub(super) fn ask(self, stream: bool, body: impl Into<bytes::Bytes>) -> Call {
        let call = Call::post(self.path(stream), body);
        match self {
            Speech::Messages => call
                .header("x-api-key", KEY)
                .header("anthropic-version", "2023-06-01"),
            Speech::Generate => call.header("x-goog-api-key", KEY),
            _ => call.key(KEY),
        }
    }

    fn path(self, stream: bool) -> &'static str {
        match (self, stream) {
            (Speech::Chat, _) => "/v1/chat/completions",
            (Speech::Completions, _) => "/v1/completions",
            (Speech::Responses, _) => "/v1/responses",
            (Speech::Messages, _) => "/v1/messages",
            (Speech::Generate, false) => "/v1beta/models/m:generateContent",
            (Speech::Generate, true) => "/v1beta/models/m:streamGenerateContent?alt=sse",
        }
    }

    /// The text of a whole answer.
    pub(super) fn said(self, body: &Value) -> String {
        let text = match self {
            Speech::Chat => &body["choices"][0]["message"]["content"],
            Speech::Completions => &body["choices"][0]["text"],
            Speech::Responses => &body["output"][0]["content"][0]["text"],
            Speech::Messages => &body["content"][0]["text"],
            Speech::Generate => &body["candidates"][0]["content"]["parts"][0]["text"],
        };
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The text of a stream.
    pub(super) fn streamed(self, stream: &Stream) -> String {
        let events = stream.events.iter().map(|event| event.json());
        let texts = events.map(|event| {
            let text = match self {
                Speech::Chat => &event["choices"][0]["delta"]["content"],
                Speech::Completions => &event["choices"][0]["text"],
                Speech::Responses if event["type"] != "response.output_text.delta" => &Value::Null,
                Speech::Responses => &event["delta"],
                Speech::Messages => &event["delta"]["text"],
                Speech::Generate => &event["candidates"][0]["content"]["parts"][0]["text"],
            };
            text.as_str().unwrap_or_default().to_owned()
        });
        texts.collect()
    }

    /// Whether a stream ended as its API ends one, without an error.
    pub(super) fn ends_well(self, stream: &Stream) -> bool {
        let last = stream.events.last();
        let named = last.and_then(|event| event.name.as_deref());
        let whole = match self {
            Speech::Chat | Speech::Completions => stream.end == End::Done,
            Speech::Responses => named == Some("response.completed"),
            Speech::Messages => named == Some("message_stop"),
            Speech::Generate => {
                let finish = |event: Value| event["candidates"][0]["finishReason"].is_string();
                stream.events.iter().any(|event| finish(event.json()))
            }
        };
        whole && self.errors(stream) == 0 && !matches!(stream.end, End::Cut(_))
    }

    /// How many errors a stream tells, in its API's form.
    pub(super) fn errors(self, stream: &Stream) -> usize {
        let events = stream.events.iter();
        let is_error = |event: &&purser_tests::sse_client::Event| {
            let data = event.json();
            match self {
                Speech::Responses => data["type"] == "error" || data["type"] == "response.failed",
                Speech::Messages => {
                    event.name.as_deref() == Some("error") && data["error"]["type"].is_string()
                }
                _ => data["error"]["message"].is_string(),
            }
        };
        events.filter(is_error).count()
    }

    /// Whether a body is an error of that API with this status.
    pub(super) fn is_error(self, status: u16, body: &Value) -> bool {
        let error = &body["error"];
        error["message"].is_string()
            && match self {
                Speech::Messages => body["type"] == "error" && error["type"].is_string(),
                Speech::Generate => error["code"] == status && error["status"].is_string(),
                _ => ["type", "param", "code"]
                    .iter()
                    .all(|name| error.get(name).is_some()),
            }
    }
}
