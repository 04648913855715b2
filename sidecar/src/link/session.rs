//! One connection's life: Hello, then both directions until it ends. Questions go in natural batches: at once when none
//! is under way, else together with all that came meanwhile (reliability.md 2.2).

use super::batch::Batches;
use super::connect::{Hears, Lines, LinkError};
use super::health::{Found, survey};
use super::inquiries::Inquiries;
use super::{Link, Question, Surroundings};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use purser_config::quota::{Ask, Grant, Reserve, Reserved, Return, Verdict};
use purser_config::stream::{
    FromOperator, FromSidecar, Hello, MAX_LINE, PING_MS, SILENCE_MS, SpoolHealth, Version,
};
use purser_config::usage::Batch;
use purser_config::{Configuration, Name, Resource};
use std::time::Duration;
use tokio::time::{Instant, interval, sleep_until};

/// What is known within one connection.
pub(super) struct Session<'a> {
    pub(super) around: &'a Surroundings,
    lines: Lines,
    /// The configuration as the operator believes it to be here: a change is a difference from this one.
    sent: Configuration,
    /// The number of the last message that is answered by it.
    seq: u64,
    asks: Batches<Ask, Grant>,
    reserves: Batches<Reserve, Reserved>,
    usage: Batches<Batch, u64>,
    /// Usage has a row of its own: its answers carry no number.
    shipped: u64,
    heard: Instant,
    /// How the channels were when that was last told.
    health: Option<Vec<Found>>,
    /// How many refused calls were told.
    refused: u64,
    /// What people ask.
    inquiries: Inquiries,
    /// How the usage spool was when that was last told; none: this operator understands nothing of it.
    spool: Option<SpoolHealth>,
    /// Whether it understands what is said of uses.
    pub(super) hears_of_uses: bool,
    /// Uses were told, and no question asked after this one was answered since.
    unheard: Option<u64>,
}

impl Link {
    pub(super) async fn session(&mut self, around: &Surroundings) -> Result<(), LinkError> {
        let opened = around.operator.open().await?;
        let mut body = opened.incoming;
        let mut session = Session::new(around, (opened.lines, opened.hears));
        // From here on every use is either in the Hello or asked for: what an earlier connection granted is not used any more.
        around.gateway.ledger.begin_anew();
        self.reach.put(true);
        session.send(&session.hello(&self.instance)).await?;
        self.tell_again(&session).await?;
        let mut buffer = BytesMut::new();
        let mut ping = interval(Duration::from_millis(PING_MS));
        loop {
            let silent = session.heard + Duration::from_millis(SILENCE_MS);
            // In this order, so that a simulation happens again as it did: of what answers and what is over there is never more than was
            // asked for, and neither silence nor its contrary waits for questions to end.
            tokio::select! {
                biased;
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
                () = sleep_until(silent) => return Err(LinkError::Silent),
                _ = ping.tick() => session.beat().await?,
                Some(over) = self.over.recv() => self.tell_over(&session, Some(over)).await?,
                told = session.inquiries.next() => session.send(&FromSidecar::Inquired(told)).await?,
                Some(question) = self.questions.recv() => {
                    session.take(question);
                    while let Ok(question) = self.questions.try_recv() {
                        session.take(question);
                    }
                    // What is given back may be what is asked for: it goes first.
                    self.tell_over(&session, None).await?;
                    session.ask().await?;
                }
            }
        }
    }

    async fn read(
        &mut self,
        session: &mut Session<'_>,
        buffer: &mut BytesMut,
    ) -> Result<(), LinkError> {
        while let Some(end) = memchr::memchr(b'\n', buffer) {
            let line = buffer.split_to(end + 1);
            // First: an answer lets the next questions go, and they are judged by it.
            self.tell_over(session, None).await?;
            if let FromOperator::Snapshot { .. } = session.obey(&line).await? {
                session.around.memory.heard();
                session.around.gateway.metrics.connected.set(1);
                tracing::info!(operator = %session.around.operator, "connected to the operator");
            }
        }
        if buffer.len() > MAX_LINE {
            Err(LinkError::TooLong)
        } else {
            Ok(())
        }
    }
}

impl<'a> Session<'a> {
    fn new(around: &'a Surroundings, (lines, hears): (Lines, Hears)) -> Self {
        Session {
            around,
            lines,
            sent: Configuration::default(),
            seq: 0,
            asks: Batches::default(),
            reserves: Batches::default(),
            usage: Batches::default(),
            shipped: 0,
            heard: Instant::now(),
            health: None,
            refused: 0,
            inquiries: Inquiries::default(),
            spool: hears.spools.then(SpoolHealth::default),
            hears_of_uses: hears.uses,
            unheard: None,
        }
    }

    fn hello(&self, instance: &str) -> FromSidecar {
        let now = self.around.clock.now();
        let (memory, ledger) = (&self.around.memory, &self.around.gateway.ledger);
        FromSidecar::Hello(Hello {
            instance: instance.to_owned(),
            version: self.around.store.version(),
            uses: memory.uses(now, self.around.clock.today()),
            shares: memory.shares(),
            holds: ledger.holds(),
            tokens: ledger.token_uses(),
            spool: ledger.spool.life(),
        })
    }

    /// Once in `PING_MS`.
    async fn beat(&mut self) -> Result<(), LinkError> {
        self.tell_health().await?;
        self.tell_refused().await?;
        self.tell_spool().await?;
        self.tell_uses().await
    }

    /// How the channels are, if that is news, else only that this process is here.
    async fn tell_health(&mut self) -> Result<(), LinkError> {
        let now = self.around.clock.now();
        let found = survey(&self.around.store, now);
        if self.health.as_ref() == Some(&found) {
            return self.send(&FromSidecar::Ping).await;
        }
        let told = found.iter().map(|one| one.told(now)).collect();
        self.health = Some(found);
        self.send(&FromSidecar::Health(told)).await
    }

    /// Calls that were refused since that was last told.
    async fn tell_refused(&mut self) -> Result<(), LinkError> {
        let (news, upto) = self.around.gateway.refusals.since(self.refused);
        self.refused = upto;
        match news.is_empty() {
            true => Ok(()),
            false => self.send(&FromSidecar::Refused(news)).await,
        }
    }

    /// How the usage spool is, if that is news to an operator that understands it.
    async fn tell_spool(&mut self) -> Result<(), LinkError> {
        let spool = &self.around.gateway.ledger.spool;
        let (refuses, damaged) = (spool.trouble(), spool.damage());
        let now = SpoolHealth { refuses, damaged };
        if self.spool.as_ref().is_none_or(|told| *told == now) {
            return Ok(());
        }
        self.spool = Some(now.clone());
        self.send(&FromSidecar::Spool(now)).await
    }

    /// What calls used of their shares because their answers were late: others are granted what is left beside it.
    async fn tell_uses(&mut self) -> Result<(), LinkError> {
        if !self.hears_of_uses {
            return Ok(());
        }
        let uses = self.around.memory.untold(self.around.clock.now());
        if uses.is_empty() {
            return Ok(());
        }
        self.unheard = Some(self.seq);
        self.send(&FromSidecar::Uses(uses)).await
    }

    /// What was told before a question that is answered was heard.
    fn heard(&mut self, seq: u64) {
        if self.unheard.take_if(|told| *told < seq).is_some() {
            self.around.memory.heard();
        }
    }

    pub(super) async fn send(&self, message: &FromSidecar) -> Result<(), LinkError> {
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
            FromOperator::Reserved { seq, answers, .. } => self.reserved(seq, answers).await?,
            FromOperator::Kept { upto, .. } => self.kept(upto).await?,
            FromOperator::Inquire { id, channel } => {
                self.inquiries.begin(self.around, (id, channel));
            }
            FromOperator::Ping => {}
        }
        Ok(FromOperator::Ping)
    }

    /// Puts what the operator sent in force, whole: what was refused of it is judged anew each time.
    async fn put(&self, mut version: Version) -> Result<(), LinkError> {
        if let Some(known) = self.around.store.version() {
            version.claims(&known.seen);
        }
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

    fn take(&mut self, question: Question) {
        match question {
            Question::Ask(ask, answer) => self.asks.push(ask, answer),
            Question::Reserve(reserve, answer) => self.reserves.push(reserve, answer),
            Question::Keep(batch, answer) => self.usage.push(batch, answer),
        }
    }

    /// Sends what waits, where nothing of its kind is under way.
    async fn ask(&mut self) -> Result<(), LinkError> {
        // First: what is asked for is judged by it.
        self.tell_uses().await?;
        if let Some((seq, asks)) = self.asks.next(&mut self.seq) {
            self.send(&FromSidecar::Ask { seq, asks }).await?;
        }
        if let Some((seq, reserves)) = self.reserves.next(&mut self.seq) {
            self.send(&FromSidecar::Reserve { seq, reserves }).await?;
        }
        // One batch at a time: whoever ships waits for the answer.
        if let Some((_, batches)) = self.usage.next(&mut self.shipped) {
            for batch in batches {
                self.send(&FromSidecar::Usage(batch)).await?;
            }
        }
        Ok(())
    }

    /// Hands the answers out; a grant for which nobody waits any more is given back.
    async fn answered(&mut self, seq: u64, grants: Vec<Grant>) -> Result<(), LinkError> {
        self.heard(seq);
        // First: what comes back is granted to others.
        self.tell_uses().await?;
        let unused = self.asks.answered(seq, grants).into_iter();
        let unused: Vec<Return> = unused
            .filter_map(|grant| match grant.verdict {
                Verdict::Granted { token, count, .. } => Some(Return {
                    key: grant.key,
                    token,
                    count,
                }),
                _ => None,
            })
            .collect();
        if !unused.is_empty() {
            self.send(&FromSidecar::Return(unused)).await?;
        }
        self.ask().await
    }

    /// The same for what calls need beyond their window. Who stopped waiting gives back by itself.
    async fn reserved(&mut self, seq: u64, answers: Vec<Reserved>) -> Result<(), LinkError> {
        self.reserves.answered(seq, answers);
        self.ask().await
    }

    async fn kept(&mut self, upto: u64) -> Result<(), LinkError> {
        self.usage.answered(self.shipped, vec![upto]);
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
