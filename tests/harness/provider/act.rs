//! Performs one behaviour on one connection, after the call has been read.
//! Called by the provider's conversation; an error means that the caller left before the end.

use std::future::pending;
use std::io;
use std::time::Duration;

use super::book::Voice;
use super::{Behaviour, Received, answers};
use crate::wire::{LAST_CHUNK, chunk};

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The next call may follow.
    Keep,
    /// Close in good order.
    Close,
    /// Cut it.
    Reset,
}

pub(super) async fn perform(
    wire: &mut Voice<'_>,
    behaviour: &Behaviour,
    call: &Received,
) -> io::Result<After> {
    match behaviour {
        Behaviour::Answers { chunks, interval } => answer(wire, call, (*chunks, *interval)).await,
        Behaviour::SlowFirstByte(wait) => {
            pause(wire, *wait).await?;
            answer(wire, call, (5, Duration::ZERO)).await
        }
        Behaviour::Refuses => Ok(After::Reset),
        Behaviour::AcceptsAndHangs => hang(wire).await,
        Behaviour::Status {
            code,
            headers,
            body,
        } => {
            respond(wire, *code, headers, body.as_bytes()).await?;
            Ok(After::Keep)
        }
        Behaviour::DiesInHeaders => {
            wire.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-le")
                .await?;
            Ok(After::Close)
        }
        Behaviour::TruncatedBody => truncate(wire, call).await,
        Behaviour::Html200 => {
            let page =
                b"<!doctype html><title>Sign in</title><p>Please sign in to use this network.</p>";
            respond(
                wire,
                200,
                &[("content-type".into(), "text/html".into())],
                page,
            )
            .await?;
            Ok(After::Keep)
        }
        Behaviour::Redirect(code, place) => {
            respond(wire, *code, &[("location".into(), place.clone())], b"").await?;
            Ok(After::Keep)
        }
        Behaviour::Trickle(every) => trickle(wire, call, *every).await,
        Behaviour::Echo => echo(wire, call).await,
        Behaviour::Raw(bytes) => {
            wire.send(bytes).await?;
            Ok(After::Close)
        }
        stream => perform_stream(wire, stream, call).await,
    }
}

/// The behaviours whose fault lies inside a stream.
async fn perform_stream(
    wire: &mut Voice<'_>,
    behaviour: &Behaviour,
    call: &Received,
) -> io::Result<After> {
    let error = answers::overloaded(call);
    let error_event = answers::error_event(call);
    if !answers::is_stream(call) {
        return match behaviour {
            Behaviour::StreamErrorFirst | Behaviour::StreamErrorAfter(_) => {
                respond(wire, 200, &json_type(), error.as_bytes()).await?;
                Ok(After::Keep)
            }
            Behaviour::EmptyStream => {
                respond(wire, 200, &json_type(), b"").await?;
                Ok(After::Keep)
            }
            Behaviour::HugeLine(bytes) => {
                let long = answers::huge(call, *bytes);
                respond(wire, 200, &json_type(), long.as_bytes()).await?;
                Ok(After::Keep)
            }
            Behaviour::DiesMidStream(_) => truncate(wire, call).await.map(|_| After::Reset),
            _ => hang(wire).await,
        };
    }
    open_stream(wire).await?;
    match behaviour {
        Behaviour::StreamErrorFirst => event(wire, &error_event).await?,
        Behaviour::StreamErrorAfter(count) => {
            contents(wire, call, (*count, Duration::ZERO)).await?;
            event(wire, &error_event).await?;
        }
        Behaviour::EmptyStream => {}
        Behaviour::DiesMidStream(count) => {
            contents(wire, call, (*count, Duration::ZERO)).await?;
            // A reset throws away what the peer has not read yet; the test asked for so many chunks first.
            pause(wire, Duration::from_millis(20)).await?;
            return Ok(After::Reset);
        }
        Behaviour::PingsOnly(every) => loop {
            event(wire, ": ping\n\n").await?;
            pause(wire, *every).await?;
        },
        Behaviour::HugeLine(bytes) => {
            event(wire, &answers::content(call, &"x".repeat(*bytes))).await?
        }
        _ => return begin(wire, behaviour, call).await,
    }
    wire.send(LAST_CHUNK).await?;
    Ok(After::Keep)
}

/// A stream that is begun and never ended.
async fn begin(wire: &mut Voice<'_>, behaviour: &Behaviour, call: &Received) -> io::Result<After> {
    event(wire, &answers::opening(call)).await?;
    if let Behaviour::CountsThenHangs(count) = behaviour {
        for number in 0..*count {
            event(wire, &answers::counted(call, number)).await?;
        }
    }
    hang(wire).await
}

async fn answer(
    wire: &mut Voice<'_>,
    call: &Received,
    (chunks, interval): (usize, Duration),
) -> io::Result<After> {
    if answers::is_stream(call) {
        open_stream(wire).await?;
        contents(wire, call, (chunks, interval)).await?;
        event(wire, &answers::closing(call, chunks)).await?;
        wire.send(LAST_CHUNK).await?;
        return Ok(After::Keep);
    }
    let (code, kind, body) = answers::plain(call, chunks);
    respond(wire, code, &[("content-type".into(), kind.into())], &body).await?;
    Ok(After::Keep)
}

async fn contents(
    wire: &mut Voice<'_>,
    call: &Received,
    (chunks, interval): (usize, Duration),
) -> io::Result<()> {
    event(wire, &answers::opening(call)).await?;
    for number in 0..chunks {
        if number > 0 && !interval.is_zero() {
            pause(wire, interval).await?;
        }
        event(wire, &answers::content(call, &answers::word(number))).await?;
    }
    Ok(())
}

async fn truncate(wire: &mut Voice<'_>, call: &Received) -> io::Result<After> {
    let (_, kind, body) = answers::plain(call, 5);
    wire.send(head(200, &[("content-type".into(), kind.into())], body.len()).as_bytes())
        .await?;
    wire.send(&body[..body.len() / 2]).await?;
    Ok(After::Close)
}

async fn trickle(wire: &mut Voice<'_>, call: &Received, every: Duration) -> io::Result<After> {
    let (code, kind, body) = answers::plain(call, 5);
    let mut whole = head(code, &[("content-type".into(), kind.into())], body.len()).into_bytes();
    whole.extend(body);
    for byte in whole {
        wire.send(&[byte]).await?;
        pause(wire, every).await?;
    }
    Ok(After::Keep)
}

async fn echo(wire: &mut Voice<'_>, call: &Received) -> io::Result<After> {
    let mut headers: Vec<_> = call
        .headers
        .iter()
        .map(|(name, value)| (format!("x-echo-{}", name.to_lowercase()), value.clone()))
        .collect();
    let kind = call.header("content-type").unwrap_or("application/json");
    headers.push(("content-type".into(), kind.into()));
    respond(wire, 200, &headers, &call.body).await?;
    Ok(After::Keep)
}

async fn respond(
    wire: &mut Voice<'_>,
    code: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut whole = head(code, headers, body.len()).into_bytes();
    whole.extend_from_slice(body);
    wire.send(&whole).await?;
    wire.told(body);
    Ok(())
}

fn head(code: u16, headers: &[(String, String)], length: usize) -> String {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "HTTP/1.1 {code} Mock\r\n{lines}x-request-id: req_mock\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn json_type() -> [(String, String); 1] {
    [("content-type".into(), "application/json".into())]
}

async fn open_stream(wire: &mut Voice<'_>) -> io::Result<()> {
    wire.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_mock\r\ntransfer-encoding: chunked\r\n\r\n").await
}

async fn event(wire: &mut Voice<'_>, text: &str) -> io::Result<()> {
    // An empty chunk would end the body.
    if !text.is_empty() {
        wire.send(&chunk(text.as_bytes())).await?;
        wire.told(text.as_bytes());
    }
    Ok(())
}

/// Waits, unless the caller leaves first.
async fn pause(wire: &mut Voice<'_>, wait: Duration) -> io::Result<()> {
    tokio::select! {
        () = tokio::time::sleep(wait) => Ok(()),
        () = wire.peer_left() => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

async fn hang(wire: &mut Voice<'_>) -> io::Result<After> {
    tokio::select! {
        () = wire.peer_left() => Err(io::ErrorKind::ConnectionAborted.into()),
        never = pending() => never,
    }
}
