//! Shares over several replicas: one of them, which leads for as long as it renews a short lease, runs the allocator; what the others
//! hear from their sidecars goes to it through one stream of the store, and what it tells comes back through another. Part of
//! `RedisWindows`; decides nothing about windows, and gives nobody a share that the allocator did not.
//!
//! Each message names the connection that it is about: one of an older connection is void, so that a sidecar that moves to another
//! replica is never told what was meant for it before.

mod leader;

use super::error::Unreachable;
use super::link::PATIENCE;
use super::office::Office;
use super::people::Person;
use super::scripts::Script;
use super::{Inner, RedisWindows};
use crate::terms::{Shared, Terms};
use leader::Leader;
use purser_config::Name;
use purser_config::quota::Share;
use redis::Cmd;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a lease is, in milliseconds: several pulses.
const LEASE_MS: u64 = 2_000;
/// Who was not seen for so long has no replica any more, in microseconds.
const UNSEEN_US: u64 = 8_000_000;
/// The most messages that are read at once.
const SOME: u32 = 1_000;

/// What a replica tells the allocator.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Event {
    /// A connection began.
    Join(String, Member, Vec<Share>),
    /// That connection ended; and whether its process, too.
    Leave(String, u64, bool),
    /// What binds a sidecar, said on that connection.
    Held(String, u64, Vec<Share>),
}

/// What is known of a sidecar that may hold shares.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Member {
    owner: u64,
    line: u64,
    scope: Option<String>,
    connected: bool,
}

/// Shares for a sidecar, to be told on that connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tell {
    sidecar: String,
    line: u64,
    shares: Vec<Share>,
}

/// This replica's part.
#[derive(Default)]
pub(super) struct Sharing {
    limits: BTreeMap<Name, Shared>,
    leader: Option<Box<Leader>>,
    /// How far the tells of which term are read.
    read: (u64, String),
    tells: Vec<(String, Vec<Share>)>,
}

impl Sharing {
    pub(super) fn configure(&mut self, terms: &Terms) {
        let shared = terms.keys.iter();
        let limits = shared.filter_map(|(key, of)| Some((key.clone(), of.shared()?)));
        self.limits = limits.collect();
    }
}

impl RedisWindows {
    /// The shares to tell this replica's sidecars now. To be called at least every second.
    pub fn shares_to_tell(&self) -> Vec<(String, Vec<Share>)> {
        std::mem::take(&mut self.inner.sharing().tells)
    }

    /// A sidecar says which shares bind it.
    pub async fn shares_held(&self, sidecar: &str, shares: &[Share]) {
        let Ok(office) = self.inner.store.office() else {
            return;
        };
        let line = {
            let mut people = self.inner.people();
            let Some(person) = people.known_mut(sidecar, office.epoch) else {
                return;
            };
            person.holds(shares);
            person.line
        };
        let held = Event::Held(sidecar.to_owned(), line, shares.to_vec());
        let call = self.inner.event_call(&office, (sidecar, "-"), &held);
        self.inner.tell(&office, vec![call]).await;
    }

    /// A connection began.
    pub(super) async fn joined(
        &self,
        office: &Arc<Office>,
        (sidecar, person): (&str, &Person),
    ) -> Result<(), Unreachable> {
        let shares = person.shares.iter().map(|(key, requests)| Share {
            key: key.clone(),
            requests: *requests,
        });
        let member = Member::of(person);
        let join = Event::Join(sidecar.to_owned(), member.clone(), shares.collect());
        let call = self
            .inner
            .event_call(office, (sidecar, &json(&member)), &join);
        self.inner.store.run(office, vec![call]).await?;
        Ok(())
    }

    /// A connection ended. What its sidecar may use from now on the allocator withholds.
    pub(super) async fn left(
        &self,
        office: &Arc<Office>,
        (sidecar, person): (&str, &Person),
        gone: bool,
    ) {
        let store = &self.inner.store;
        let mut call = store.call(office, Script::Lost, &store.of_people());
        call.arg(sidecar)
            .arg(person.owner)
            .arg(person.line)
            .arg(u8::from(gone));
        let last = store.run(office, vec![call.clone()]).await;
        if last.is_err() {
            return self.inner.tell(office, vec![call]).await;
        }
        if last.is_ok_and(|replies| replies.first().and_then(|reply| reply.get(2)) != Some(&1)) {
            return;
        }
        let member = Member::of(person);
        let known = if gone { String::new() } else { json(&member) };
        let leave = Event::Leave(sidecar.to_owned(), person.line, gone);
        let call = self.inner.event_call(office, (sidecar, &known), &leave);
        self.inner.tell(office, vec![call]).await;
        self.inner.store.wake.notify_one();
    }
}

impl Inner {
    fn event_call(&self, office: &Office, (sidecar, known): (&str, &str), event: &Event) -> Cmd {
        let keys = self.store.of_shares(office.epoch);
        let mut call = self.store.call(office, Script::Event, &keys);
        call.arg(json(event)).arg(sidecar).arg(known);
        call
    }

    fn withhold_call(&self, office: &Office, key: &Name, (owner, share): (u64, u32)) -> Cmd {
        let keys = self.store.of_key(key, owner);
        let mut call = self.store.call(office, Script::Withhold, &keys);
        call.arg(owner).arg(share);
        call
    }

    /// One round: lead if nobody does, allocate if this replica leads, and hear what is to be told.
    pub(super) async fn share(&self, office: &Arc<Office>) {
        let leader = self.sharing().leader.take();
        let led = self.lead(office, leader).await;
        self.sharing().leader = led.unwrap_or(None);
        if self.hear(office).await.is_err() {
            tracing::debug!("the tells of the shares cannot be read; trying again");
        }
    }

    async fn lead(
        &self,
        office: &Arc<Office>,
        leader: Option<Box<Leader>>,
    ) -> Result<Option<Box<Leader>>, Unreachable> {
        let keys = self.store.of_shares(office.epoch);
        let mut call = self.store.call(office, Script::Lead, &keys);
        call.arg(office.number).arg(LEASE_MS).arg(UNSEEN_US);
        let reply = self.store.run(office, vec![call]).await?.into_iter().next();
        let Some([_, now, 1, unseen @ ..]) = reply.as_deref() else {
            return Ok(None);
        };
        let unseen: Vec<u64> = unseen
            .iter()
            .filter_map(|of| u64::try_from(*of).ok())
            .collect();
        let limits = self.sharing().limits.clone();
        let mut leader = match leader.filter(|leader| leader.epoch == office.epoch) {
            Some(leader) => leader,
            None => Box::new(self.resume((office, *now), &limits).await?),
        };
        let events: Vec<Event> = self.read(office, ("in", "e"), &mut leader.read).await?;
        let round = leader.round(*now, &limits, (events, unseen));
        let mut call = self.store.call(office, Script::Tell, &keys);
        call.arg(office.number).arg(round.beliefs.len());
        for (of, amount) in &round.beliefs {
            call.arg(of).arg(*amount);
        }
        call.arg(round.tells.iter().map(json).collect::<Vec<_>>());
        let mut calls = vec![call];
        calls.extend(
            round
                .withhold
                .iter()
                .map(|((key, owner), share)| self.withhold_call(office, key, (*owner, *share))),
        );
        let told = self.store.run(office, calls).await?;
        // Whoever leads now begins with what was told.
        let leads = told.first().and_then(|reply| reply.get(2)) == Some(&1);
        self.forget(office, round.forgotten).await;
        Ok(Some(leader).filter(|_| leads))
    }

    /// The allocator as whoever led before left it.
    async fn resume(
        &self,
        (office, now_us): (&Arc<Office>, i64),
        limits: &BTreeMap<Name, Shared>,
    ) -> Result<Leader, Unreachable> {
        let name = |what: &str| self.store.shares(office.epoch, what);
        let mut last = redis::cmd("XREVRANGE");
        last.arg(name("in")).arg("+").arg("-").arg("COUNT").arg(1);
        // First how far the events go: what comes later is read again, not missed.
        let last: Vec<Entries> = self.store.fetch(office, vec![last], PATIENCE).await?;
        let last = last.into_iter().flatten().next().map(|(id, _)| id);
        let all = |what: &str| {
            let mut all = redis::cmd("HGETALL");
            all.arg(name(what));
            all
        };
        let known: Vec<BTreeMap<String, String>> = self
            .store
            .fetch(office, vec![all("members"), all("beliefs")], PATIENCE)
            .await?;
        let [members, beliefs] = known.as_slice() else {
            return Err(Unreachable);
        };
        let read = last.unwrap_or_else(|| "0".to_owned());
        Ok(Leader::resume(
            (office, now_us),
            (limits, read),
            (members, beliefs),
        ))
    }

    async fn forget(&self, office: &Arc<Office>, gone: Vec<String>) {
        if gone.is_empty() {
            return;
        }
        let mut call = redis::cmd("HDEL");
        call.arg(self.store.shares(office.epoch, "members"))
            .arg(gone);
        let forgotten: Result<Vec<i64>, Unreachable> =
            self.store.fetch(office, vec![call], PATIENCE).await;
        if forgotten.is_err() {
            tracing::debug!("sidecars that are gone are forgotten later");
        }
    }

    /// What the allocator told since the last time, for the sidecars of this replica.
    async fn hear(&self, office: &Arc<Office>) -> Result<(), Unreachable> {
        let (epoch, mut read) = self.sharing().read.clone();
        if epoch != office.epoch {
            read = "0".to_owned();
        }
        let tells: Vec<Tell> = self.read(office, ("out", "t"), &mut read).await?;
        let mut own = Vec::new();
        let mut people = self.people();
        for tell in tells {
            let person = people.known_mut(&tell.sidecar, office.epoch);
            if let Some(person) = person.filter(|of| of.connected && of.line == tell.line) {
                person.told(&tell.shares);
                own.push((tell.sidecar, tell.shares));
            }
        }
        drop(people);
        let mut sharing = self.sharing();
        sharing.read = (office.epoch, read);
        sharing.tells.extend(own);
        Ok(())
    }

    /// What came into a stream since `read`.
    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        office: &Arc<Office>,
        (stream, field): (&str, &str),
        read: &mut String,
    ) -> Result<Vec<T>, Unreachable> {
        let mut range = redis::cmd("XRANGE");
        range
            .arg(self.store.shares(office.epoch, stream))
            .arg(format!("({read}"))
            .arg("+")
            .arg("COUNT")
            .arg(SOME);
        let entries: Vec<Entries> = self.store.fetch(office, vec![range], PATIENCE).await?;
        let mut all = Vec::new();
        for (id, fields) in entries.into_iter().flatten() {
            let value = fields.get(field).map(|value| serde_json::from_str(value));
            all.extend(value.and_then(Result::ok));
            *read = id;
        }
        Ok(all)
    }
}

/// What a stream holds: ids and fields.
type Entries = Vec<(String, BTreeMap<String, String>)>;

impl Member {
    fn of(person: &Person) -> Member {
        Member {
            owner: person.owner,
            line: person.line,
            scope: person.scope.clone(),
            connected: person.connected,
        }
    }
}

/// As the streams carry it.
fn json(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap_or_default()
}
