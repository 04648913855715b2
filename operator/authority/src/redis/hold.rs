//! What a call needs beyond its window: tokens and a concurrent request of its key in one script, then the first channel that admits
//! it, one script each. All of it is held, or what the key's script took is given back. Part of `RedisWindows`.

use super::error::Unreachable;
use super::link::Reply;
use super::office::Office;
use super::people::Person;
use super::scripts::Script;
use super::{AGAIN_MS, Answers, RedisWindows, millis, optional};
use crate::terms::{KeyTerms, Terms};
use purser_config::Name;
use purser_config::quota::{
    GoesOn, Reserve, ReserveVerdict, Reserved, Settle, TokensLeft, occupancy_ms,
};
use redis::Cmd;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The longest id of a call, in bytes.
const LONGEST_ID: usize = 128;
/// So many calls go to the store at once: what is asked meanwhile waits behind them.
const AT_ONCE: usize = 500;
/// More tokens than any limit; a script counts no further.
const MOST_TOKENS: u64 = 1 << 50;
/// So many calls that sit in channels are remembered, for channels that leave the key meanwhile.
const REMEMBERED: usize = 65_536;

/// The channels in which each call sits, by key and id.
pub(super) type Seats = HashMap<(Name, String), Vec<Name>>;

/// A reserve whose asker and terms are known.
struct Asked<'a> {
    office: &'a Arc<Office>,
    terms: &'a Terms,
    of_key: &'a KeyTerms,
    person: Person,
    reserve: &'a Reserve,
}

/// What a call holds of its key.
struct Needs<'a> {
    key: &'a Name,
    id: &'a str,
    tokens: u64,
    slot: bool,
    /// Channels follow.
    channels: bool,
    /// Whatever the limits are.
    goes_on: bool,
}

impl<'a> Needs<'a> {
    fn asked(reserve: &'a Reserve) -> Self {
        Needs {
            key: &reserve.key,
            id: &reserve.id,
            tokens: reserve.tokens,
            slot: reserve.slot,
            channels: !reserve.channels.is_empty(),
            goes_on: false,
        }
    }

    fn alone((key, id): (&'a Name, &'a str), GoesOn { tokens, slot, .. }: GoesOn) -> Self {
        Needs {
            key,
            id,
            tokens,
            slot,
            channels: false,
            goes_on: true,
        }
    }
}

impl RedisWindows {
    /// Holds all that each call needs, or nothing. The same id again, when the call moves on to another channel, adds to what it
    /// holds. The credits of the answers are none: they are the ledger's.
    ///
    /// # Errors
    /// When the store cannot be asked; nothing may be held then.
    pub async fn hold(
        &self,
        sidecar: &str,
        reserves: &[Reserve],
    ) -> Result<Answers<Reserved>, Unreachable> {
        let office = self.inner.store.office()?;
        let terms = self.inner.terms();
        let each = reserves
            .iter()
            .map(|reserve| self.hold_one((&office, &terms), sidecar, reserve));
        let answers = futures::future::try_join_all(each).await?;
        let epoch = office.epoch;
        Ok(Answers { epoch, answers })
    }

    async fn hold_one(
        &self,
        (office, terms): (&Arc<Office>, &Terms),
        sidecar: &str,
        reserve: &Reserve,
    ) -> Result<Reserved, Unreachable> {
        let key = &reserve.key;
        let person = self.speaker(sidecar, office, key);
        let (id, of_key) = (&reserve.id, terms.keys.get(key));
        let known = person.zip(of_key).filter(|_| id.len() <= LONGEST_ID);
        let Some((person, of_key)) = known else {
            return Ok(reserved(id, ReserveVerdict::Unavailable, None));
        };
        let asked = Asked {
            office,
            terms,
            of_key,
            person,
            reserve,
        };
        let owner = asked.person.owner;
        let call = self.hold_call((office, owner), of_key, &Needs::asked(reserve));
        let reply = self.one(office, call).await?;
        let [_, _, verdict, wait, leaves, amount, slot, left, reset] = reply[..] else {
            return Err(Unreachable);
        };
        let tokens = tokens_left(of_key, left, reset);
        if let Some(no) = refusal((verdict, wait), of_key) {
            return Ok(reserved(id, no, tokens));
        }
        let shortest = match self.choose(&asked).await? {
            Ok(channel) => {
                let credits = 0;
                return Ok(reserved(
                    id,
                    ReserveVerdict::Held { channel, credits },
                    tokens,
                ));
            }
            Err(shortest) => shortest,
        };
        let back = self.one(office, self.unhold_call(&asked, [leaves, amount, slot]));
        let tokens = match back.await?[..] {
            [_, _, left, reset] => tokens_left(of_key, left, reset),
            _ => tokens,
        };
        let next_free_ms = shortest;
        Ok(reserved(
            id,
            ReserveVerdict::ChannelsFull { next_free_ms },
            tokens,
        ))
    }

    fn speaker(&self, sidecar: &str, office: &Office, key: &Name) -> Option<Person> {
        let people = self.inner.people();
        people.speaks(sidecar, office.epoch, key).cloned()
    }

    fn hold_call(
        &self,
        (office, owner): (&Office, u64),
        of_key: &KeyTerms,
        needs: &Needs<'_>,
    ) -> Cmd {
        let store = &self.inner.store;
        let keys = store.of_key(needs.key, owner);
        let mut call = store.call(office, Script::Hold, &keys);
        call.arg(owner)
            .arg(needs.id)
            .arg(needs.tokens.min(MOST_TOKENS))
            .arg(tokens_limit(of_key))
            .arg(u8::from(needs.slot))
            .arg(optional(of_key.concurrent_requests))
            .arg(of_key.leading().unwrap_or(0))
            .arg(occupancy_ms(0) * 1_000)
            .arg(office.ready(of_key.when_unreachable))
            .arg(u8::from(needs.channels))
            .arg(needs.key.as_str())
            .arg(u8::from(needs.goes_on));
        call
    }

    fn unhold_call(&self, asked: &Asked<'_>, taken: [i64; 3]) -> Cmd {
        let (reserve, of_key, owner) = (asked.reserve, asked.of_key, asked.person.owner);
        let store = &self.inner.store;
        let keys = store.of_key(&reserve.key, owner);
        let mut call = store.call(asked.office, Script::Unhold, &keys);
        call.arg(owner).arg(&reserve.id).arg(&taken[..]);
        call.arg(tokens_limit(of_key))
            .arg(of_key.leading().unwrap_or(0));
        call
    }

    /// The first candidate that admits the call; else how long until one may.
    async fn choose(&self, asked: &Asked<'_>) -> Result<Result<Option<u32>, u64>, Unreachable> {
        let (reserve, owner) = (asked.reserve, asked.person.owner);
        let mut shortest = None;
        for (at, name) in (0u32..).zip(&reserve.channels) {
            let limits = asked.terms.channels.get(name);
            let own = asked.of_key.channels.binary_search(name).is_ok();
            let Some(limits) = limits.filter(|_| own) else {
                continue;
            };
            let keys = self.inner.store.of_channel(name, owner);
            let mut call = self.inner.store.call(asked.office, Script::Seat, &keys);
            call.arg(owner)
                .arg(called(&reserve.key, &reserve.id))
                .arg(optional(limits.requests_per_minute))
                .arg(optional(limits.concurrent_requests))
                .arg(occupancy_ms(0) * 1_000)
                .arg(self.inner.tokens.fetch_add(1, Ordering::Relaxed))
                .arg(name.as_str());
            match self.one(asked.office, call).await?[..] {
                [_, _, 1, _] => {
                    self.sits(reserve, name);
                    return Ok(Ok(Some(at)));
                }
                [_, _, _, wait] => {
                    let wait = millis(wait);
                    shortest = Some(shortest.map_or(wait, |known: u64| known.min(wait)));
                }
                _ => return Err(Unreachable),
            }
        }
        if reserve.channels.is_empty() || reserve.others {
            return Ok(Ok(None));
        }
        Ok(Err(shortest.unwrap_or(AGAIN_MS)))
    }

    fn sits(&self, reserve: &Reserve, channel: &Name) {
        let mut seats = self.inner.seats();
        let of = (reserve.key.clone(), reserve.id.clone());
        if seats.len() < REMEMBERED || seats.contains_key(&of) {
            let channels = seats.entry(of).or_default();
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
    }

    async fn one(&self, office: &Arc<Office>, call: Cmd) -> Result<Reply, Unreachable> {
        let replies = self.inner.store.run(office, vec![call]).await?;
        replies.into_iter().next().ok_or(Unreachable)
    }

    /// Calls ended, or were never sent, or go on, in this order. Of what ended the store is told later what it cannot be told now.
    ///
    /// # Errors
    /// When it could not be told of a call that goes on, which its end may overtake if that is told later; or of nothing. The next Hello
    /// tells it.
    pub async fn settle(&self, sidecar: &str, settles: &[Settle]) -> Result<(), Unreachable> {
        let office = self.inner.store.office()?;
        let calls = self.all_settle_calls(&office, sidecar, settles);
        let mut told = Ok(());
        for some in calls.chunks(AT_ONCE) {
            let all = some.iter().map(|(_, call)| call.clone()).collect();
            if self.inner.store.run(&office, all).await.is_ok() {
                continue;
            }
            let ended = some.iter().filter(|(goes_on, _)| !goes_on);
            let ended: Vec<Cmd> = ended.map(|(_, call)| call.clone()).collect();
            if ended.len() < some.len() {
                told = Err(Unreachable);
            }
            self.inner.owe(&office, ended);
        }
        told
    }

    /// Each with whether its call goes on.
    fn all_settle_calls(
        &self,
        office: &Arc<Office>,
        sidecar: &str,
        settles: &[Settle],
    ) -> Vec<(bool, Cmd)> {
        let terms = self.inner.terms();
        let mut calls = Vec::new();
        for settle in settles {
            let people = self.inner.people();
            let person = people.speaks(sidecar, office.epoch, &settle.key).cloned();
            drop(people);
            let Some(person) = person else {
                continue;
            };
            let mut own = Vec::new();
            self.settle_calls((office, &terms), (person.owner, settle), &mut own);
            let goes_on = settle.goes_on.is_some();
            calls.extend(own.into_iter().map(|call| (goes_on, call)));
        }
        calls
    }

    fn settle_calls(
        &self,
        (office, terms): (&Office, &Terms),
        (owner, settle): (u64, &Settle),
        calls: &mut Vec<Cmd>,
    ) {
        let (store, key) = (&self.inner.store, &settle.key);
        let of_key = terms.keys.get(key);
        if let Some(alone) = settle.goes_on {
            let needs = Needs::alone((key, &settle.id), alone);
            let known = of_key.filter(|_| alone.holds() && settle.id.len() <= LONGEST_ID);
            calls.extend(known.map(|of_key| self.hold_call((office, owner), of_key, &needs)));
            return;
        }
        let mut call = store.call(office, Script::Settle, &store.of_key(key, owner));
        call.arg(owner)
            .arg(&settle.id)
            .arg(settle.tokens.unwrap_or(0).min(MOST_TOKENS))
            .arg(of_key.map_or_else(String::new, tokens_limit))
            .arg(occupancy_ms(0) * 1_000);
        calls.push(call);
        let sat = self.inner.seats().remove(&(key.clone(), settle.id.clone()));
        // Where it sat by another replica's answer, or by its Hello, is not remembered here.
        let mut channels = of_key.map_or_else(Vec::new, |terms| terms.channels.clone());
        channels.extend(sat.unwrap_or_default());
        channels.sort_unstable();
        channels.dedup();
        for channel in channels {
            let keys = store.of_channel(&channel, owner);
            let mut call = store.call(office, Script::Stand, &keys);
            call.arg(owner)
                .arg(called(key, &settle.id))
                .arg(u8::from(settle.tokens.is_none()));
            calls.push(call);
        }
    }
}

/// A call, as channels name it.
pub(super) fn called(key: &Name, id: &str) -> String {
    format!("{key} {id}")
}

/// A key's limit of tokens, as the scripts read it.
pub(super) fn tokens_limit(terms: &KeyTerms) -> String {
    optional(terms.tokens_per_minute.map(|limit| limit.min(MOST_TOKENS)))
}

fn refusal((verdict, wait): (i64, i64), of_key: &KeyTerms) -> Option<ReserveVerdict> {
    Some(match verdict {
        1 => return None,
        2 => ReserveVerdict::NoTokens { next_free_ms: None },
        3 => ReserveVerdict::NoTokens {
            next_free_ms: Some(millis(wait)),
        },
        4 => ReserveVerdict::NoSlot {
            limit: of_key.concurrent_requests.unwrap_or(0),
        },
        5 => ReserveVerdict::Learning {
            ready_ms: millis(wait),
        },
        _ => ReserveVerdict::Unavailable,
    })
}

fn tokens_left(of_key: &KeyTerms, left: i64, reset_us: i64) -> Option<TokensLeft> {
    Some(TokensLeft {
        limit: of_key.tokens_per_minute?,
        remaining: u64::try_from(left).unwrap_or(0),
        reset_ms: millis(reset_us),
    })
}

fn reserved(id: &str, verdict: ReserveVerdict, tokens: Option<TokensLeft>) -> Reserved {
    Reserved {
        id: id.to_owned(),
        verdict,
        tokens,
        credits_left: None,
    }
}
