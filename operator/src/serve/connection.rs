//! One sidecar's stream, from its `Hello` to its end. `serve` starts it once the token was judged.
//!
//! Invariant: nothing waits without a bound: a peer that is silent or does not read for `SILENCE_MS` is given up.
//! Invariant: what waits for the ledger is in `work`, and nothing else waits for it.

use crate::metrics::Metrics;
use crate::serve::bounds::{is_hello, too_much};
use crate::serve::ended::Ended;
use crate::serve::hub::{Behind, Hub, Seat};
use crate::serve::lines::{self, Lines};
use crate::serve::scope::Scope;
use crate::serve::token::Caller;
use crate::serve::work::{Work, sender};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use purser_config::Fault;
use purser_config::stream::{FromOperator, FromSidecar, PING_MS, SILENCE_MS, Version};
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

/// Carries a stream until it ends.
pub(crate) async fn carry(
    (hub, metrics): (&Hub, &Metrics),
    caller: Caller,
    body: impl Body<Data = Bytes, Error = hyper::Error> + Unpin,
    out: mpsc::Sender<Bytes>,
) -> Result<(), Ended> {
    let mut input = Input {
        body,
        lines: Lines::default(),
    };
    let first = timeout(SILENCE, input.line())
        .await
        .map_err(|_| Ended::Silent)??;
    let Some(first) = first else { return Ok(()) };
    let hello = match serde_json::from_slice(&first)? {
        FromSidecar::Hello(hello) if is_hello(&hello) => hello,
        _ => return Err(Ended::NoHello),
    };
    let behind = hub.behind(&hello);
    let scope = hub.scope(caller.audience())?;
    let (seat, lines) = hub.join(&caller, &hello).await?;
    tracing::info!(sidecar = %seat.name, service_account = %caller.service_account, "a sidecar is connected");
    let now = Instant::now();
    let mut stream = Stream {
        hub,
        metrics,
        seat: &seat,
        work: Work::new((hub, metrics), &seat, sender(&caller)),
        lines,
        caller,
        out,
        told: VecDeque::new(),
        behind,
        scope,
        spoke: now,
        heard: now,
    };
    let result = stream.run(input).await;
    let closed = matches!(result, Ok(()) | Err(Ended::Broken(_) | Ended::Closed));
    hub.leave(&seat, closed).await;
    tracing::info!(sidecar = %seat.name, why = result.as_ref().err().map(tracing::field::display), "a sidecar is gone");
    result
}

struct Input<B> {
    body: B,
    lines: Lines,
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Input<B> {
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
    seat: &'a Seat,
    work: Work<'a>,
    /// What to send beside answers.
    lines: mpsc::Receiver<Bytes>,
    caller: Caller,
    out: mpsc::Sender<Bytes>,
    /// Sent and not yet acknowledged.
    told: VecDeque<Arc<Scope>>,
    /// Until this is over the sidecar is told no configuration, and is answered all the same: it knows a later one.
    behind: Option<Behind>,
    /// Sent last.
    scope: Arc<Scope>,
    spoke: Instant,
    heard: Instant,
}

impl Stream<'_> {
    async fn run<B>(&mut self, mut input: Input<B>) -> Result<(), Ended>
    where
        B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
    {
        // Subscribed before the scope is read again, so that no publication falls between.
        let mut publications = self.hub.publications();
        match self.behind {
            None => self.tell_all().await?,
            Some(_) => {
                tracing::info!(sidecar = %self.seat.name, "a sidecar knows of the cluster what is not seen here yet; it is told nothing before it is");
            }
        }
        loop {
            let has_room = self.work.has_room();
            // In this order, so that a simulation happens again as it did. What is heard comes last: it alone could keep the others waiting.
            tokio::select! {
                biased;
                done = self.work.next() => {
                    self.heard = if has_room { self.heard } else { Instant::now() };
                    self.tell(done).await?;
                }
                () = caught_up(&mut self.behind) => {
                    self.behind = None;
                    self.tell_all().await?;
                }
                changed = publications.changed() => {
                    changed.map_err(|_| Ended::Replaced)?;
                    self.tell_change().await?;
                }
                line = self.lines.recv() => self.send(line.ok_or(Ended::Replaced)?).await?,
                () = sleep_until(self.spoke + PING) => self.send(lines::written(&FromOperator::Ping)?).await?,
                line = input.line(), if has_room => {
                    self.heard = Instant::now();
                    let Some(line) = line? else { return Ok(()) };
                    self.hear(serde_json::from_slice(&line)?).await?;
                }
                () = sleep_until(self.heard + SILENCE), if has_room => return Err(Ended::Silent),
            }
        }
    }

    async fn tell_all(&mut self) -> Result<(), Ended> {
        self.scope = self.hub.scope(self.caller.audience())?;
        self.told.push_back(Arc::clone(&self.scope));
        let line = self.scope.snapshot(&self.caller.account())?;
        self.send(line).await
    }

    async fn tell_change(&mut self) -> Result<(), Ended> {
        if self.behind.is_some() {
            return Ok(());
        }
        let scope = self.hub.scope(self.caller.audience())?;
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

    async fn tell(&mut self, done: Result<Option<Bytes>, Ended>) -> Result<(), Ended> {
        match done? {
            Some(line) => self.send(line).await,
            None => Ok(()),
        }
    }

    async fn hear(&mut self, message: FromSidecar) -> Result<(), Ended> {
        if let Some(what) = too_much(&message) {
            return Err(Ended::TooMuch(what));
        }
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
            message @ (FromSidecar::Ask { .. }
            | FromSidecar::Reserve { .. }
            | FromSidecar::Settle(_)
            | FromSidecar::Return(_)
            | FromSidecar::Uses(_)
            | FromSidecar::SharesHeld(_)
            | FromSidecar::Usage(_)) => {
                if let Some(done) = self.work.begin(message) {
                    self.tell(done).await?;
                }
            }
            FromSidecar::Health(told) => self.hub.health(self.seat, told),
            FromSidecar::Refused(told) => self.hub.refused(self.seat, told),
            FromSidecar::Inquired(told) => self.hub.inquired(self.seat, told),
            FromSidecar::Spool(told) => self.hub.spool_is(self.seat, told),
        }
        Ok(())
    }

    fn acknowledged(&mut self, version: &Version, faults: Vec<Fault>) {
        let Some(at) = self.told.iter().position(|scope| scope.version == *version) else {
            return;
        };
        self.told.drain(..at);
        if let Some(scope) = self.told.front() {
            self.hub.holds(self.seat, Arc::clone(scope), faults);
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

async fn caught_up(behind: &mut Option<Behind>) {
    match behind {
        Some(behind) => behind.over().await,
        None => std::future::pending().await,
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
    fn what_a_sidecar_says_of_a_fault_is_kept_short_and_plain() {
        let fault = Fault {
            resource: Resource::Plan("free".into()),
            reason: format!("a\n{}", "ü".repeat(600)),
        };
        let reason = shortened(fault).reason;
        assert!(reason.len() <= LONGEST_REASON && !reason.contains('\n'));
    }
}
