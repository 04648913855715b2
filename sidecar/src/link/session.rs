//! One connection's life: Hello, then both directions until it ends. Questions go in natural batches: at once when none
//! is under way, else together with all that came meanwhile (reliability.md 2.2).

use super::connect::{Lines, LinkError};
use super::{Link, Question, Surroundings};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use purser_config::quota::{Grant, Return, Verdict};
use purser_config::stream::{
    FromOperator, FromSidecar, Hello, MAX_LINE, PING_MS, SILENCE_MS, Version,
};
use purser_config::{Configuration, Name, Resource};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval, sleep_until};

/// What is known within one connection.
struct Session<'a> {
    around: &'a Surroundings,
    lines: Lines,
    /// The configuration as the operator believes it to be here: a change is a difference from this one.
    sent: Configuration,
    seq: u64,
    waiting: Vec<Question>,
    under_way: VecDeque<(u64, Vec<oneshot::Sender<Grant>>)>,
    heard: Instant,
}

impl Link {
    pub(super) async fn session(&mut self, around: &Surroundings) -> Result<(), LinkError> {
        let (lines, response) = around.endpoint.open().await?;
        let mut session = Session {
            around,
            lines,
            sent: Configuration::default(),
            seq: 0,
            waiting: Vec::new(),
            under_way: VecDeque::new(),
            heard: Instant::now(),
        };
        // From here on every use is either in the Hello or asked for.
        self.connected.store(true, Ordering::Release);
        session.send(&session.hello(&self.instance)).await?;
        let mut body = response.into_body();
        let mut buffer = BytesMut::new();
        let mut ping = interval(Duration::from_millis(PING_MS));
        loop {
            let silent = session.heard + Duration::from_millis(SILENCE_MS);
            tokio::select! {
                frame = body.frame() => match frame {
                    Some(frame) => {
                        if let Ok(data) = frame?.into_data() {
                            session.heard = Instant::now();
                            buffer.extend_from_slice(&data);
                            self.read(&mut session, &mut buffer).await?;
                        }
                    }
                    None => return Ok(()),
                },
                Some(question) = self.questions.recv() => {
                    session.waiting.push(question);
                    while let Ok(question) = self.questions.try_recv() {
                        session.waiting.push(question);
                    }
                    // What is given back may be what is asked for: it goes first.
                    self.give_back(&session, None).await?;
                    session.ask().await?;
                }
                Some(unused) = self.returns.recv() => self.give_back(&session, Some(unused)).await?,
                _ = ping.tick() => session.send(&FromSidecar::Ping).await?,
                () = sleep_until(silent) => return Err(LinkError::Silent),
            }
        }
    }

    /// Gives back what is not used: `first`, and all that waits behind it.
    async fn give_back(
        &mut self,
        session: &Session<'_>,
        first: Option<Return>,
    ) -> Result<(), LinkError> {
        let mut all: Vec<Return> = first.into_iter().collect();
        while let Ok(unused) = self.returns.try_recv() {
            all.push(unused);
        }
        if all.is_empty() {
            return Ok(());
        }
        session.send(&FromSidecar::Return(all)).await
    }

    async fn read(
        &mut self,
        session: &mut Session<'_>,
        buffer: &mut BytesMut,
    ) -> Result<(), LinkError> {
        while let Some(end) = memchr::memchr(b'\n', buffer) {
            let line = buffer.split_to(end + 1);
            if let FromOperator::Snapshot { .. } = session.obey(&line).await? {
                session.around.gateway.metrics.connected.set(1);
                tracing::info!(operator = %session.around.endpoint, "connected to the operator");
            }
        }
        if buffer.len() > MAX_LINE {
            Err(LinkError::TooLong)
        } else {
            Ok(())
        }
    }
}

impl Session<'_> {
    fn hello(&self, instance: &str) -> FromSidecar {
        let now = self.around.clock.now();
        let memory = &self.around.memory;
        FromSidecar::Hello(Hello {
            instance: instance.to_owned(),
            version: self.around.store.version(),
            uses: memory.uses(now),
            shares: memory.shares(),
        })
    }

    async fn send(&self, message: &FromSidecar) -> Result<(), LinkError> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.lines
            .send(Bytes::from(line))
            .await
            .map_err(|_| LinkError::Silent)
    }

    /// Obeys one message; returns it, without its content where that was taken.
    async fn obey(&mut self, line: &[u8]) -> Result<FromOperator, LinkError> {
        let message: FromOperator = serde_json::from_slice(line)?;
        match message {
            FromOperator::Snapshot {
                version,
                service_account,
                configuration,
            } => {
                self.own(&service_account);
                self.sent = configuration;
                self.put(version.clone()).await?;
                return Ok(FromOperator::Snapshot {
                    version,
                    service_account,
                    configuration: Configuration::default(),
                });
            }
            FromOperator::Change { version, set, gone } => {
                let sent = &mut self.sent;
                sent.keys.extend(set.keys);
                sent.plans.extend(set.plans);
                sent.channels.extend(set.channels);
                gone.iter().for_each(|resource| forget(sent, resource));
                self.put(version).await?;
            }
            FromOperator::Answer { seq, grants, .. } => self.answered(seq, grants).await?,
            FromOperator::Shares(shares) => {
                self.around.memory.set_shares(&shares);
                self.send(&FromSidecar::SharesHeld(shares)).await?;
            }
            FromOperator::Ping => {}
        }
        Ok(FromOperator::Ping)
    }

    /// Puts what the operator sent in force, whole: what was refused of it is judged anew each time.
    async fn put(&self, version: Version) -> Result<(), LinkError> {
        let faults = self.around.store.put(version.clone(), self.sent.clone());
        let told = if faults.is_empty() {
            FromSidecar::Ack(version)
        } else {
            FromSidecar::Nack { version, faults }
        };
        self.send(&told).await
    }

    fn own(&self, service_account: &str) {
        let mut own = self
            .around
            .gateway
            .own
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        own.service_account = service_account.parse::<Name>().ok();
    }

    async fn ask(&mut self) -> Result<(), LinkError> {
        if self.waiting.is_empty() || !self.under_way.is_empty() {
            return Ok(());
        }
        self.seq += 1;
        let (asks, answers) = self.waiting.drain(..).unzip();
        self.under_way.push_back((self.seq, answers));
        self.send(&FromSidecar::Ask {
            seq: self.seq,
            asks,
        })
        .await
    }

    /// Hands the answers out; a grant for which nobody waits any more is given back.
    async fn answered(&mut self, seq: u64, grants: Vec<Grant>) -> Result<(), LinkError> {
        let Some(at) = self.under_way.iter().position(|(asked, _)| *asked == seq) else {
            return Ok(());
        };
        let Some((_, answers)) = self.under_way.remove(at) else {
            return Ok(());
        };
        let mut unused = Vec::new();
        for (answer, grant) in answers.into_iter().zip(grants) {
            if let Err(Grant {
                key,
                verdict: Verdict::Granted { token, .. },
                ..
            }) = answer.send(grant)
            {
                unused.push(Return { key, token });
            }
        }
        if !unused.is_empty() {
            self.send(&FromSidecar::Return(unused)).await?;
        }
        self.ask().await
    }
}

fn forget(configuration: &mut Configuration, resource: &Resource) {
    match resource {
        Resource::Key(name) => drop(configuration.keys.remove(name)),
        Resource::Plan(name) => drop(configuration.plans.remove(name)),
        Resource::Channel(name) => drop(configuration.channels.remove(name)),
    }
}
