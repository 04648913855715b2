//! A caller that sees everything: one call on one fresh connection, the answer's head, and its events with their times.
//! Tests use it where an SDK would hide what came; it never retries and never reuses a connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::{Bytes, BytesMut};

use crate::wire::{Head, Rest, Wire};

/// One call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answer {
    /// The status line and the headers.
    pub head: Head,
    wire: Wire,
    rest: Rest,
    unread: BytesMut,
    sent: Instant,
}

/// One event of a stream, or one comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The `event:` field, where there is one.
    pub name: Option<String>,
    /// The `data:` lines, joined.
    pub data: String,
    /// The comment's text, where this is a keep-alive and no event.
    pub comment: Option<String>,
    /// Since the call was sent.
    pub after: Duration,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With `[DONE]`.
    Done,
    /// In good order, without `[DONE]`.
    Quiet,
    /// The connection broke inside the body.
    Cut(String),
}

/// A stream, read to its end.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Everything in order, `[DONE]` left out.
    pub events: Vec<Event>,
    /// How it ended.
    pub end: End,
}

impl Call {
    /// A JSON `POST`.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self {
            method: "POST".into(),
            path: path.into(),
            headers,
            body: body.into(),
        }
    }

    /// A `POST` of a form whose parts this boundary divides.
    pub fn form(path: &str, boundary: &str, body: impl Into<Bytes>) -> Self {
        let kind = format!("multipart/form-data; boundary={boundary}");
        Self {
            headers: vec![("content-type".into(), kind)],
            ..Self::post(path, body)
        }
    }

    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET".into(),
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// One user's message to the chat API, streamed or not.
    pub fn chat(model: &str, text: &str, stream: bool) -> Self {
        let body = serde_json::json!({"messages": [{"role": "user", "content": text}], "model": model, "stream": stream});
        Self::post("/v1/chat/completions", body.to_string())
    }

    /// Another method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    /// One more header; the same name twice is sent twice.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// `Authorization: Bearer …`.
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// The bytes that `send` puts on the wire.
    pub fn bytes(&self, address: SocketAddr) -> Bytes {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = match self.body.len() {
            0 => String::new(),
            length => format!("content-length: {length}\r\n"),
        };
        let mut whole = format!(
            "{} {} HTTP/1.1\r\nhost: {address}\r\n{headers}{length}\r\n",
            self.method, self.path
        )
        .into_bytes();
        whole.extend_from_slice(&self.body);
        whole.into()
    }

    /// Sends on a fresh connection and reads the answer's head.
    pub async fn send(&self, address: SocketAddr) -> anyhow::Result<Answer> {
        let mut wire = Wire::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        let sent = Instant::now();
        // A gateway may refuse a large body before its end, and close: its answer counts, not our broken write.
        let written = wire.send(&self.bytes(address)).await;
        let head = match (wire.head().await, written) {
            (Ok(Some(head)), _) => head,
            (_, Err(error)) => return Err(error).context("sending"),
            (Ok(None), _) => anyhow::bail!("{address} closed without an answer"),
            (Err(error), _) => return Err(error).context("reading the answer's head"),
        };
        Ok(Answer {
            rest: head.rest(),
            head,
            wire,
            unread: BytesMut::new(),
            sent,
        })
    }
}

impl Answer {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The whole body.
    pub async fn body(mut self) -> anyhow::Result<Bytes> {
        self.wire
            .body(self.rest)
            .await
            .context("reading the answer's body")
    }

    /// The whole body as JSON.
    pub async fn json(self) -> anyhow::Result<serde_json::Value> {
        let body = self.body().await?;
        serde_json::from_slice(&body)
            .with_context(|| format!("not JSON: {}", String::from_utf8_lossy(&body)))
    }

    /// The next event or comment; nothing at the body's end. Drop the answer to leave early.
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            let ends = [b"\n\n".as_slice(), b"\r\n\r\n"];
            let ends = ends.map(|end| {
                let at = memchr::memmem::find(&self.unread, end);
                at.map(|at| at + end.len())
            });
            if let Some(end) = ends.into_iter().flatten().min() {
                let block = self.unread.split_to(end);
                return Ok(Some(Event::parse(
                    &String::from_utf8_lossy(&block),
                    self.sent.elapsed(),
                )));
            }
            match self.wire.part(&mut self.rest).await? {
                Some(piece) => self.unread.extend_from_slice(&piece),
                None if self.unread.is_empty() => return Ok(None),
                None => anyhow::bail!(
                    "the stream ended inside an event: {}",
                    String::from_utf8_lossy(&self.unread)
                ),
            }
        }
    }

    /// Everything up to the end, whatever that is.
    pub async fn stream(mut self) -> Stream {
        let mut events = Vec::new();
        let mut done = false;
        let end = loop {
            match self.next().await {
                Ok(Some(event)) if event.data == "[DONE]" => done = true,
                Ok(Some(event)) => events.push(event),
                Ok(None) if done => break End::Done,
                Ok(None) => break End::Quiet,
                Err(error) => break End::Cut(format!("{error:#}")),
            }
        };
        Stream { events, end }
    }
}

impl Event {
    fn parse(block: &str, after: Duration) -> Self {
        let mut event = Self {
            name: None,
            data: String::new(),
            comment: None,
            after,
        };
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if !line.is_empty() => event.comment = Some(value.into()),
                "event" => event.name = Some(value.into()),
                "data" if event.data.is_empty() => event.data = value.into(),
                "data" => event.data = format!("{}\n{value}", event.data),
                _ => {}
            }
        }
        event
    }

    /// The data as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }
}

impl Stream {
    /// The content of a chat stream, joined.
    pub fn text(&self) -> String {
        let content = |event: &Event| {
            event.json()["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        };
        self.events.iter().filter_map(content).collect()
    }

    /// The events that carry an `error` member.
    pub fn errors(&self) -> Vec<serde_json::Value> {
        self.events
            .iter()
            .map(|event| event.json()["error"].clone())
            .filter(|error| !error.is_null())
            .collect()
    }
}
