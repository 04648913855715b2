//! What a demo provider answers: OpenAI's wire, as small as it gets. Called by `demo`'s servers.

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LARGEST: usize = 4 << 20;
/// Between two words of a stream, so that one sees it stream.
const BETWEEN_WORDS: Duration = Duration::from_millis(60);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A provider and its habits.
pub(crate) struct Provider {
    name: &'static str,
    fails: bool,
    calls: AtomicU64,
}

impl Provider {
    /// Fails two calls of three, the first among them.
    pub(crate) fn flaky() -> Self {
        Provider {
            name: "flaky",
            fails: true,
            calls: AtomicU64::new(0),
        }
    }

    /// Always answers.
    pub(crate) fn steady() -> Self {
        Provider {
            name: "steady",
            fails: false,
            calls: AtomicU64::new(0),
        }
    }

    fn fails_now(&self) -> bool {
        self.fails && self.calls.fetch_add(1, Ordering::Relaxed) % 3 != 2
    }
}

/// Answers one request.
pub(crate) async fn answer(
    provider: Arc<Provider>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST)
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(match (&parts.method, parts.uri.path()) {
        (&Method::POST, _) if provider.fails_now() => failure(provider.name),
        (&Method::POST, "/v1/chat/completions") if asked["stream"] == true => {
            stream(provider.name, &asked)
        }
        (&Method::POST, "/v1/chat/completions") => {
            json_body(StatusCode::OK, &chat(provider.name, &asked))
        }
        (&Method::POST, "/v1/embeddings") => json_body(StatusCode::OK, &embedding(&asked)),
        (&Method::GET, "/v1/models") => json_body(
            StatusCode::OK,
            &json!({"object": "list", "data": [
            {"id": "demo-chat", "object": "model", "created": 0, "owned_by": provider.name},
            {"id": "demo-embedding", "object": "model", "created": 0, "owned_by": provider.name}]}),
        ),
        _ => json_body(
            StatusCode::NOT_FOUND,
            &error("this demo provider has no such path", "unknown_url"),
        ),
    })
}

fn json_body(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

fn error(message: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}})
}

fn failure(name: &str) -> Response<Body> {
    json_body(
        StatusCode::SERVICE_UNAVAILABLE,
        &error(
            &format!("the {name} demo provider is out of order"),
            "overloaded",
        ),
    )
}

/// What it says, word by word.
fn words(name: &str, asked: &Value) -> Vec<String> {
    let last = asked["messages"]
        .as_array()
        .and_then(|messages| messages.last());
    let said = last
        .and_then(|message| message["content"].as_str())
        .unwrap_or("something");
    let said: String = said.chars().take(80).collect();
    let text = format!("Hello from the {name} demo provider. You said: {said}");
    text.split_inclusive(' ').map(str::to_owned).collect()
}

fn usage(asked: &Value, words: usize) -> Value {
    let read = asked["messages"].to_string().len() / 4;
    json!({"prompt_tokens": read, "completion_tokens": words, "total_tokens": read + words})
}

fn chat(name: &str, asked: &Value) -> Value {
    let words = words(name, asked);
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": 0, "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words.concat()}}],
        "usage": usage(asked, words.len()),
    })
}

fn stream(name: &str, asked: &Value) -> Response<Body> {
    let words = words(name, asked);
    let model = asked["model"].clone();
    let chunk = move |delta: Value, finish: Value| {
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let chunk = json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choice});
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    events.extend(
        words
            .iter()
            .map(|word| chunk(json!({"content": word}), Value::Null)),
    );
    events.push(chunk(json!({}), json!("stop")));
    if asked["stream_options"]["include_usage"] == true {
        let used = usage(asked, words.len());
        let last = json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": asked["model"], "choices": [], "usage": used});
        events.push(format!("data: {last}\n\n"));
    }
    events.push("data: [DONE]\n\n".to_owned());
    let frames =
        futures::stream::iter(events.into_iter().enumerate()).then(|(at, event)| async move {
            if at > 0 {
                tokio::time::sleep(BETWEEN_WORDS).await;
            }
            Ok::<_, Infallible>(Frame::data(Bytes::from(event)))
        });
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    let sse = http::HeaderValue::from_static("text/event-stream");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, sse);
    response
}

fn embedding(asked: &Value) -> Value {
    let count = asked["input"].as_array().map_or(1, Vec::len);
    let data: Vec<Value> = (0..count)
        .map(|index| json!({"object": "embedding", "index": index, "embedding": [0.1, 0.2, 0.3]}))
        .collect();
    json!({"object": "list", "data": data, "model": asked["model"], "usage": {"prompt_tokens": count, "total_tokens": count}})
}
