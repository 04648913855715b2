//! One sidecar's stream, from its `Hello` to its end. `serve` starts it once the token was judged.
//!
//! Invariant: nothing waits without a bound: a peer that is silent or does not read for `SILENCE_MS` is given up.

use crate::metrics::Metrics;
use crate::serve::Server;
use crate::serve::hub::{Hub, Seat};
use crate::serve::lines::{self, Lines, TooLong};
use crate::serve::scope::Scope;
use crate::serve::token::Caller;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use purser_config::Fault;
use purser_config::stream::{FromOperator, FromSidecar, Hello, PING_MS, SILENCE_MS, Version};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

const PING: Duration = Duration::from_millis(PING_MS);
const SILENCE: Duration = Duration::from_millis(SILENCE_MS);
/// Versions that may be sent and not yet acknowledged; older ones are forgotten.
const UNACKED: usize = 64;
const MOST_FAULTS: usize = 1_000;
const LONGEST_REASON: usize = 512;
/// `channel `, a namespace, a slash and a name.
const LONGEST_NAME: usize = 8 + 63 + 1 + 253;
const LONGEST_INSTANCE: usize = 128;

/// Why a stream ended, other than by being closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// It sent or read nothing for too long.
    #[error("the sidecar was silent for {SILENCE_MS} ms")]
    Silent,
    /// The first line was something else.
    #[error(
        "the first line must be a hello with an instance of 1 to {LONGEST_INSTANCE} letters, digits and hyphens"
    )]
    NoHello,
    /// A line that is no message.
    #[error("a line is not a message")]
    Malformed(#[from] serde_json::Error),
    /// A line without end.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    /// Nobody reads the answer any more.
    #[error("the sidecar closed the answer")]
    Closed,
    /// A newer connection has its name, or the operator ends.
    #[error("another connection took the sidecar's name, or the operator ends")]
    Replaced,
    /// Not the leader any more.
    #[error("this operator no longer leads")]
    NotLeader,
}

impl Ended {
    /// The metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Ended::Silent => "silent",
            Ended::NoHello => "no_hello",
            Ended::Malformed(_) => "malformed",
            Ended::TooLong(_) => "too_long",
            Ended::Broken(_) => "broken",
            Ended::Closed => "closed",
            Ended::Replaced => "replaced",
            Ended::NotLeader => "not_leader",
        }
    }
}

/// Carries a stream until it ends.
pub(crate) async fn carry(
    server: &Server,
    caller: Caller,
    body: Incoming,
    out: mpsc::Sender<Bytes>,
) -> Result<(), Ended> {
    let (hub, metrics) = (&*server.hub, &*server.metrics);
    let mut input = Input {
        body,
        lines: Lines::default(),
    };
    let first = timeout(SILENCE, input.line())
        .await
        .map_err(|_| Ended::Silent)??;
    let Some(first) = first else { return Ok(()) };
    let hello = match serde_json::from_slice(&first)? {
        FromSidecar::Hello(hello) if is_instance(&hello) => hello,
        _ => return Err(Ended::NoHello),
    };
    let scope = hub.scope(&caller.namespace)?;
    let seat = hub.join(&caller, &hello)?;
    tracing::info!(sidecar = %seat.name, service_account = %caller.service_account, "a sidecar is connected");
    let now = Instant::now();
    let mut stream = Stream {
        hub,
        metrics,
        seat,
        caller,
        out,
        told: VecDeque::new(),
        scope,
        spoke: now,
        heard: now,
    };
    let result = stream.run(input).await;
    let closed = matches!(result, Ok(()) | Err(Ended::Broken(_) | Ended::Closed));
    hub.leave(&stream.seat, closed);
    tracing::info!(sidecar = %stream.seat.name, why = result.as_ref().err().map(tracing::field::display), "a sidecar is gone");
    result
}

fn is_instance(hello: &Hello) -> bool {
    let text = hello.instance.as_bytes();
    (1..=LONGEST_INSTANCE).contains(&text.len())
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

struct Input {
    body: Incoming,
    lines: Lines,
}

impl Input {
    /// The next line; `None` when the sidecar sends no more. May be dropped while it waits, and loses nothing.
    async fn line(&mut self) -> Result<Option<Bytes>, Ended> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.lines.push(&data)?;
                    }
                }
                None => return Ok(None),
            }
        }
    }
}

struct Stream<'a> {
    hub: &'a Hub,
    metrics: &'a Metrics,
    seat: Seat,
    caller: Caller,
    out: mpsc::Sender<Bytes>,
    /// Sent and not yet acknowledged.
    told: VecDeque<Arc<Scope>>,
    /// Sent last.
    scope: Arc<Scope>,
    spoke: Instant,
    heard: Instant,
}

impl Stream<'_> {
    async fn run(&mut self, mut input: Input) -> Result<(), Ended> {
        // Subscribed before the scope is read again, so that no publication falls between.
        let mut publications = self.hub.publications();
        self.scope = self.hub.scope(&self.caller.namespace)?;
        self.told.push_back(Arc::clone(&self.scope));
        self.send(self.scope.snapshot(&self.caller.account())?)
            .await?;
        loop {
            tokio::select! {
                line = input.line() => {
                    self.heard = Instant::now();
                    let Some(line) = line? else { return Ok(()) };
                    self.hear(serde_json::from_slice(&line)?).await?;
                }
                changed = publications.changed() => {
                    changed.map_err(|_| Ended::Replaced)?;
                    self.tell_change().await?;
                }
                line = self.seat.lines.recv() => self.send(line.ok_or(Ended::Replaced)?).await?,
                () = sleep_until(self.spoke + PING) => self.send(lines::written(&FromOperator::Ping)?).await?,
                () = sleep_until(self.heard + SILENCE) => return Err(Ended::Silent),
            }
        }
    }

    async fn tell_change(&mut self) -> Result<(), Ended> {
        let scope = self.hub.scope(&self.caller.namespace)?;
        if Arc::ptr_eq(&scope, &self.scope) {
            return Ok(());
        }
        let line = scope.change_from(&self.scope)?;
        self.scope = Arc::clone(&scope);
        self.told.push_back(scope);
        if self.told.len() > UNACKED {
            self.told.pop_front();
        }
        self.send(line).await
    }

    async fn hear(&mut self, message: FromSidecar) -> Result<(), Ended> {
        match message {
            FromSidecar::Hello(_) => return Err(Ended::NoHello),
            FromSidecar::Ping => {}
            FromSidecar::Ack(version) => self.acknowledged(&version, Vec::new()),
            FromSidecar::Nack { version, faults } => {
                self.metrics.nacks.inc();
                let faults = faults
                    .into_iter()
                    .filter(|fault| fault.resource.to_string().len() <= LONGEST_NAME);
                let faults: Vec<Fault> = faults.take(MOST_FAULTS).map(shortened).collect();
                for Fault { resource, reason } in &faults {
                    tracing::warn!(sidecar = %self.seat.name, %resource, reason, "a sidecar refused a resource");
                }
                self.acknowledged(&version, faults);
            }
            FromSidecar::Ask { seq, asks } => {
                if !self.hub.answers() {
                    return Err(Ended::NotLeader);
                }
                let (epoch, grants) = self.hub.ask(&self.seat, &asks);
                self.send(lines::written(&FromOperator::Answer {
                    seq,
                    epoch,
                    grants,
                })?)
                .await?;
            }
            FromSidecar::Return(returns) => self.hub.give_back(&self.seat, &returns),
            FromSidecar::SharesHeld(shares) => self.hub.shares_held(&self.seat, &shares),
        }
        Ok(())
    }

    fn acknowledged(&mut self, version: &Version, faults: Vec<Fault>) {
        let Some(at) = self.told.iter().position(|scope| scope.version == *version) else {
            return;
        };
        self.told.drain(..at);
        if let Some(scope) = self.told.front() {
            self.hub.holds(&self.seat, Arc::clone(scope), faults);
        }
    }

    async fn send(&mut self, line: Bytes) -> Result<(), Ended> {
        match timeout(SILENCE, self.out.send(line)).await {
            Ok(Ok(())) => {
                self.spoke = Instant::now();
                Ok(())
            }
            Ok(Err(_)) => Err(Ended::Closed),
            Err(_) => Err(Ended::Silent), // It does not read.
        }
    }
}

fn shortened(
    Fault {
        resource,
        mut reason,
    }: Fault,
) -> Fault {
    let end = (0..=LONGEST_REASON.min(reason.len()))
        .rev()
        .find(|at| reason.is_char_boundary(*at))
        .unwrap_or(0);
    reason.truncate(end);
    reason.retain(|letter| !letter.is_control());
    Fault { resource, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Resource;

    #[test]
    fn an_instance_is_a_plain_word() {
        let hello = |instance: &str| Hello {
            instance: instance.into(),
            version: None,
            uses: vec![],
            shares: vec![],
        };
        assert!(is_instance(&hello("a-1F")));
        for bad in ["", "a/b", "a b", "ü", &"x".repeat(129)] {
            assert!(!is_instance(&hello(bad)), "{bad}");
        }
    }

    #[test]
    fn what_a_sidecar_says_of_a_fault_is_kept_short_and_plain() {
        let fault = Fault {
            resource: Resource::Plan("free".into()),
            reason: format!("a\n{}", "ü".repeat(600)),
        };
        let reason = shortened(fault).reason;
        assert!(reason.len() <= LONGEST_REASON && !reason.contains('\n'));
    }
}
