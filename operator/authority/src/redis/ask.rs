//! May these keys make requests? One script a key, all of one message at once. Part of `RedisWindows`.

use super::error::Unreachable;
use super::link::Reply;
use super::office::Office;
use super::scripts::Script;
use super::{AGAIN_MS, Answers, RedisWindows, millis, optional};
use crate::terms::{KeyTerms, Terms};
use purser_config::quota::{Ask, Grant, LEASE_MS, Limited, Return, Use, Verdict, occupancy_ms};
use redis::Cmd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is to be said about one question.
enum Question {
    /// This.
    Answered(Grant),
    /// What the script says of the grant of this token.
    Asked {
        token: u64,
        limit: Option<u32>,
        lone_ms: u64,
    },
}

impl RedisWindows {
    /// May these keys make requests? Answers in the order of the questions.
    ///
    /// # Errors
    /// When the store cannot be asked; nothing may be granted then.
    pub async fn ask(&self, sidecar: &str, asks: &[Ask]) -> Result<Answers<Grant>, Unreachable> {
        let office = self.inner.store.office()?;
        let terms = self.inner.terms();
        let mut calls = Vec::new();
        let questions: Vec<Question> = asks
            .iter()
            .map(|ask| self.question((&office, &terms), (sidecar, ask), &mut calls))
            .collect();
        let mut replies = self.inner.store.run(&office, calls).await?.into_iter();
        let grants = asks.iter().zip(questions).map(|(ask, question)| {
            let grant = match question {
                Question::Answered(grant) => Some(grant),
                Question::Asked {
                    token,
                    limit,
                    lone_ms,
                } => replies
                    .next()
                    .and_then(|reply| grant(ask, (token, limit, lone_ms), &reply)),
            };
            grant.ok_or(Unreachable)
        });
        let answers = grants.collect::<Result<_, _>>()?;
        let epoch = office.epoch;
        Ok(Answers { epoch, answers })
    }

    fn question(
        &self,
        (office, terms): (&Arc<Office>, &Terms),
        (sidecar, ask): (&str, &Ask),
        calls: &mut Vec<Cmd>,
    ) -> Question {
        let key = &ask.key;
        let people = self.inner.people();
        let person = people.speaks(sidecar, office.epoch, key);
        let (Some(person), Some(terms)) = (person, terms.keys.get(key)) else {
            let verdict = Verdict::Denied {
                next_free_ms: AGAIN_MS,
                by: Limited::Minute,
            };
            return Question::Answered(without_limit(ask, verdict, 0));
        };
        let token = self.token(office);
        if terms.requests_per_minute.is_none() && terms.requests_per_day.is_none() {
            let (count, ttl_ms) = (1, 0);
            let verdict = Verdict::Granted {
                count,
                ttl_ms,
                token,
            };
            return Question::Answered(without_limit(ask, verdict, u32::MAX));
        }
        let lone_ms = ask.ttl_ms.min(LEASE_MS);
        let share = person.shares.get(key).copied().unwrap_or(0);
        let keys = self.inner.store.of_key(key, person.owner);
        let mut call = self.inner.store.call(office, Script::Ask, &keys);
        call.arg(person.owner).arg(token).arg(ask.want);
        limits(&mut call, terms);
        call.arg(occupancy_ms(lone_ms) * 1_000)
            .arg(occupancy_ms(LEASE_MS) * 1_000)
            .arg(office.ready(terms.when_unreachable))
            .arg(share)
            .arg(occupancy_ms(0) * 1_000);
        calls.push(call);
        Question::Asked {
            token,
            limit: terms.requests_per_minute,
            lone_ms,
        }
    }

    /// A name for a grant: no other term and no other replica uses it.
    fn token(&self, office: &Office) -> u64 {
        let count = self.inner.tokens.fetch_add(1, Ordering::Relaxed);
        (office.epoch & 0xffff) << 48 | (office.number & 0xffff) << 32 | count & 0xffff_ffff
    }

    /// A connected sidecar used its shares beside what it was granted. What the store cannot be told now is told later.
    pub async fn used(&self, sidecar: &str, uses: &[Use]) {
        let Ok(office) = self.inner.store.office() else {
            return;
        };
        let terms = self.inner.terms();
        let calls = uses
            .iter()
            .filter_map(|uses| self.used_of(&office, sidecar, (uses, terms.keys.get(&uses.key)?)));
        let calls: Vec<Cmd> = calls.collect();
        self.inner.tell(&office, calls).await;
    }

    fn used_of(
        &self,
        office: &Office,
        sidecar: &str,
        (uses, terms): (&Use, &KeyTerms),
    ) -> Option<Cmd> {
        terms.requests_per_minute.or(terms.requests_per_day)?;
        let people = self.inner.people();
        let owner = people.speaks(sidecar, office.epoch, &uses.key)?.owner;
        let keys = self.inner.store.of_key(&uses.key, owner);
        let mut call = self.inner.store.call(office, Script::Used, &keys);
        call.arg(owner)
            .arg(optional(terms.requests_per_minute))
            .arg(optional(terms.requests_per_day))
            .arg(occupancy_ms(0) * 1_000);
        for age in &uses.ages_ms {
            call.arg(age.saturating_mul(1_000));
        }
        Some(call)
    }

    /// Requests that were granted and not used. What the store cannot be told now is told later.
    pub async fn give_back(&self, sidecar: &str, backs: &[Return]) {
        let Ok(office) = self.inner.store.office() else {
            return;
        };
        let calls: Vec<Cmd> = {
            let people = self.inner.people();
            let Some(person) = people.known(sidecar, office.epoch) else {
                return;
            };
            let call = |back: &Return| {
                let keys = self.inner.store.of_key(&back.key, person.owner);
                let mut call = self.inner.store.call(&office, Script::GiveBack, &keys);
                call.arg(person.owner).arg(back.token).arg(back.count);
                call
            };
            backs.iter().map(call).collect()
        };
        self.inner.tell(&office, calls).await;
    }
}

/// The limits of a key's requests, as the scripts read them.
fn limits(call: &mut Cmd, terms: &KeyTerms) {
    call.arg(optional(terms.requests_per_minute))
        .arg(optional(terms.requests_per_day))
        .arg(terms.leading().unwrap_or(0));
}

fn grant(
    ask: &Ask,
    (token, limit, lone_ms): (u64, Option<u32>, u64),
    reply: &Reply,
) -> Option<Grant> {
    let &[_, _, kind, what, more, remaining, reset_us] = reply.as_slice() else {
        return None;
    };
    let verdict = match kind {
        1 => {
            let count = u32::try_from(what).ok()?;
            let ttl_ms = if count > 1 { LEASE_MS } else { lone_ms };
            Verdict::Granted {
                count,
                ttl_ms,
                token,
            }
        }
        2 => Verdict::Denied {
            next_free_ms: millis(what),
            by: if more == 2 {
                Limited::Day
            } else {
                Limited::Minute
            },
        },
        _ => Verdict::Learning {
            ready_ms: millis(what),
        },
    };
    Some(Grant {
        key: ask.key.clone(),
        verdict,
        limit,
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        reset_ms: millis(reset_us),
        expires_at_ms: None,
    })
}

fn without_limit(ask: &Ask, verdict: Verdict, remaining: u32) -> Grant {
    Grant {
        key: ask.key.clone(),
        verdict,
        limit: None,
        remaining,
        reset_ms: 0,
        expires_at_ms: None,
    }
}
