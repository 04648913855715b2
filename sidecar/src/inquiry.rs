//! One question to a channel's provider that costs nothing: which models are there? It shows that address, TLS and credential hold. Asked
//! by the console for a person; it must never count as traffic, nor change what is known of the channel's health.

use crate::clock::Clock;
use crate::snapshot::Reach;
use crate::store::Store;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use purser_config::{Name, Provider};
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read.
const LONGEST: usize = 4 << 20;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Whether the provider listed its models.
    pub works: bool,
    /// What it said, or why nothing came.
    pub message: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Asks this channel's provider, with the channel's own address, credential and headers.
pub async fn inquire(store: &Store, channel: &Name, clock: &Clock) -> Inquiry {
    let began = clock.now();
    let asked = tokio::time::timeout(PATIENCE, asked(store, channel)).await;
    let answer = asked.unwrap_or_else(|_| Err("no answer within 15 s".to_owned()));
    let took = clock.now().saturating_sub(began);
    let (works, message) = match answer {
        Ok(message) => (true, message),
        Err(message) => (false, message),
    };
    Inquiry {
        works,
        message,
        took_ms: took.as_millis() as u64,
    }
}

async fn asked(store: &Store, name: &Name) -> Result<String, String> {
    let channel = store.with_channels(|channels| channels.get(name).cloned());
    let channel = channel.ok_or("it is not in force: its condition Accepted says why")?;
    let reach = Reach::new(name, &channel, store.lanes())?;
    let request = question(&reach).ok_or("no address can be made of its baseURL")?;
    let response = reach.lane.pool.request(request).await;
    let response = response.map_err(|error| sentence(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let body = body.map_err(|error| format!("it answered {status} and broke off: {error}"))?;
    judged(status, &body.to_bytes(), reach.channel.provider)
}

fn question(reach: &Reach) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = Method::GET;
    *request.uri_mut() = reach.listing()?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, reach.host.clone());
    if let Some(value) = reach.authorizations.first() {
        headers.insert(reach.auth, value.clone());
    }
    if reach.channel.provider == Provider::Anthropic {
        let version = HeaderValue::from_static("2023-06-01");
        headers.insert("anthropic-version", version);
    }
    for (name, value) in &reach.headers {
        headers.insert(name, value.clone());
    }
    Some(request)
}

/// The error and what caused it, in one line.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn judged(status: StatusCode, body: &[u8], provider: Provider) -> Result<String, String> {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    if !status.is_success() {
        let said = &read["error"]["message"];
        let said = said.as_str().unwrap_or("no reason given");
        let said: String = said.chars().take(300).collect();
        return Err(format!("it answered {status}: {said}"));
    }
    let list = if provider == Provider::Gemini {
        &read["models"]
    } else {
        &read["data"]
    };
    match list.as_array() {
        Some(models) => Ok(format!(
            "it answered {status} and lists {} models",
            models.len()
        )),
        None => Err(format!(
            "it answered {status}, but with no list of models; is baseURL that of its API?"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_status_and_its_list() {
        let judge = |status: u16, body: &str| {
            judged(
                StatusCode::from_u16(status).unwrap(),
                body.as_bytes(),
                Provider::OpenAI,
            )
        };
        assert!(
            judge(200, r#"{"data":[{"id":"m"}]}"#)
                .unwrap()
                .contains("1 models")
        );
        assert!(judge(200, "<html>").is_err());
        let refused = judge(401, r#"{"error":{"message":"bad key"}}"#).unwrap_err();
        assert!(refused.contains("401") && refused.contains("bad key"));
    }

    #[tokio::test]
    async fn a_channel_that_is_not_there_is_told() {
        let asked = inquire(&Store::default(), &Name::new("a", "b"), &Clock::start()).await;
        assert!(
            !asked.works && asked.message.contains("not in force"),
            "{asked:?}"
        );
    }
}
