//! Connections begin and end: who a sidecar is, what it used and holds, joined with what is known. Part of `RedisWindows`.

use super::error::Unreachable;
use super::hold::{called, tokens_limit};
use super::office::Office;
use super::people::Person;
use super::scripts::Script;
use super::{RedisWindows, optional};
use crate::terms::{KeyTerms, Terms};
use purser_config::Name;
use purser_config::quota::{Hold, occupancy_ms};
use purser_config::stream::Hello;
use redis::Cmd;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a Hello may take: it may report many keys.
const LONG: Duration = Duration::from_secs(2);
/// The longest id of a call, in bytes.
const LONGEST_ID: usize = 128;

/// What one sidecar says of one key.
#[derive(Default)]
struct Told<'a> {
    ages_ms: Vec<u64>,
    amounts: Vec<(u64, u64)>,
    holds: Vec<&'a Hold>,
    earlier: u64,
}

impl RedisWindows {
    /// A connection begins. `scope` is the namespace that its token speaks for; `None`: all. Says in which term.
    ///
    /// # Errors
    /// When the store cannot be asked: the connection is to be closed, so that the sidecar says it again.
    pub async fn hello(
        &self,
        sidecar: &str,
        hello: &Hello,
        scope: Option<&str>,
    ) -> Result<u64, Unreachable> {
        let store = &self.inner.store;
        let office = store.office()?;
        let mut call = store.call(&office, Script::Join, &store.of_people());
        call.arg(sidecar).arg(&hello.instance);
        let joined = store.run_for(&office, vec![call], LONG).await?;
        let Some(&[_, _, owner, line]) = joined.first().map(Vec::as_slice) else {
            return Err(Unreachable);
        };
        let mut person = Person {
            owner: u64::try_from(owner).map_err(|_| Unreachable)?,
            epoch: office.epoch,
            line: u64::try_from(line).map_err(|_| Unreachable)?,
            connected: true,
            scope: scope.map(str::to_owned),
            shares: BTreeMap::new(),
        };
        person.holds(&hello.shares);
        self.report(&office, &person, hello).await?;
        self.joined(&office, (sidecar, &person)).await?;
        self.inner.people().put(sidecar, person);
        Ok(office.epoch)
    }

    async fn report(
        &self,
        office: &Arc<Office>,
        person: &Person,
        hello: &Hello,
    ) -> Result<(), Unreachable> {
        let store = &self.inner.store;
        let mut members = redis::cmd("SMEMBERS");
        members.arg(store.name(&format!("by:{}", person.owner)));
        let before: Vec<Vec<String>> = store.fetch(office, vec![members], LONG).await?;
        let before = before.into_iter().flatten();
        let (mut keys, mut channels) = (BTreeSet::new(), BTreeSet::new());
        for name in before {
            let (kind, name) = name.split_at_checked(1).unwrap_or_default();
            if let Ok(name) = name.parse::<Name>() {
                if kind == "k" {
                    &mut keys
                } else {
                    &mut channels
                }
                .insert(name);
            }
        }
        let terms = self.inner.terms();
        let mut calls = self.key_calls((office, &terms), person, (hello, keys));
        calls.extend(self.channel_calls((office, &terms), person, (hello, channels)));
        store.run_for(office, calls, LONG).await?;
        Ok(())
    }

    fn key_calls(
        &self,
        (office, terms): (&Office, &Terms),
        person: &Person,
        (hello, known): (&Hello, BTreeSet<Name>),
    ) -> Vec<Cmd> {
        let mut told: BTreeMap<Name, Told<'_>> = known
            .into_iter()
            .map(|key| (key, Told::default()))
            .collect();
        for uses in &hello.uses {
            let of = told.entry(uses.key.clone()).or_default();
            of.ages_ms.extend(&uses.ages_ms);
            of.earlier = of.earlier.saturating_add(uses.earlier);
        }
        for tokens in &hello.tokens {
            let of = told.entry(tokens.key.clone()).or_default();
            of.amounts.extend(&tokens.amounts);
        }
        for hold in hello
            .holds
            .iter()
            .filter(|hold| hold.id.len() <= LONGEST_ID)
        {
            told.entry(hold.key.clone()).or_default().holds.push(hold);
        }
        let own = told.iter().filter(|(key, _)| person.covers(key));
        own.map(|(key, told)| self.key_call((office, terms.keys.get(key)), (person, key), told))
            .collect()
    }

    fn key_call(
        &self,
        (office, terms): (&Office, Option<&KeyTerms>),
        (person, key): (&Person, &Name),
        told: &Told<'_>,
    ) -> Cmd {
        let store = &self.inner.store;
        let unknown = KeyTerms::default();
        let terms = terms.unwrap_or(&unknown);
        let mut call = store.call(office, Script::Report, &store.of_key(key, person.owner));
        call.arg(person.owner)
            .arg(optional(terms.requests_per_minute))
            .arg(optional(terms.requests_per_day))
            .arg(tokens_limit(terms))
            .arg(u8::from(terms.concurrent_requests.is_some()))
            .arg(occupancy_ms(0) * 1_000)
            .arg(key.as_str())
            .arg(told.ages_ms.len())
            .arg(told.amounts.len())
            .arg(told.holds.len())
            .arg(told.earlier.min(u32::MAX.into()));
        for age in &told.ages_ms {
            call.arg(age.saturating_mul(1_000));
        }
        for (age, amount) in &told.amounts {
            call.arg(age.saturating_mul(1_000))
                .arg((*amount).min(1 << 50));
        }
        for hold in &told.holds {
            call.arg(&hold.id).arg(u8::from(hold.slot));
        }
        call
    }

    /// It sits where it says it does.
    fn channel_calls(
        &self,
        (office, terms): (&Office, &Terms),
        person: &Person,
        (hello, known): (&Hello, BTreeSet<Name>),
    ) -> Vec<Cmd> {
        let mut told: BTreeMap<Name, Vec<String>> = known
            .into_iter()
            .map(|channel| (channel, Vec::new()))
            .collect();
        let own = hello.holds.iter().filter(|hold| person.covers(&hold.key));
        for hold in own.filter(|hold| hold.id.len() <= LONGEST_ID) {
            let of_key = terms.keys.get(&hold.key);
            let may = |channel: &&Name| {
                of_key.is_some_and(|key| key.channels.binary_search(channel).is_ok())
            };
            if let Some(channel) = hold.channel.as_ref().filter(may) {
                let sits = told.entry(channel.clone()).or_default();
                sits.push(called(&hold.key, &hold.id));
            }
        }
        let all = hello.holds.iter().map(|hold| called(&hold.key, &hold.id));
        let all: Vec<String> = all.collect();
        let call = |(channel, sits): (Name, Vec<String>)| {
            let store = &self.inner.store;
            let limits = terms.channels.get(&channel);
            let limited = limits.is_some_and(|limits| limits.concurrent_requests.is_some());
            let keys = store.of_channel(&channel, person.owner);
            let mut call = store.call(office, Script::Seats, &keys);
            call.arg(person.owner)
                .arg(u8::from(limited))
                .arg(channel.as_str())
                .arg(sits.len())
                .arg(sits)
                .arg(&all);
            call
        };
        told.into_iter().map(call).collect()
    }

    /// A connection ended. `gone`: the process ended too, so its share and its slots are free at once; otherwise its calls may
    /// live and it may use its share for 10 minutes, and for so long both are withheld.
    pub async fn lost(&self, sidecar: &str, gone: bool) {
        let Ok(office) = self.inner.store.office() else {
            return;
        };
        let person = {
            let mut people = self.inner.people();
            let Some(person) = people.known_mut(sidecar, office.epoch) else {
                return;
            };
            person.connected = false;
            let person = person.clone();
            if gone {
                people.remove(sidecar);
            }
            person
        };
        self.left(&office, (sidecar, &person), gone).await;
    }
}
