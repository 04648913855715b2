//! The allocator, with what it must tell the store: pure, driven by `sharing` on whichever replica leads. It never forgets what a
//! sidecar may believe in before the store does.

use super::super::office::Office;
use super::{Event, Member, Tell};
use crate::shares::{KEPT, Shares};
use crate::terms::Shared;
use purser_config::Name;
use purser_config::quota::Share;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What sidecars lost may use, by key and owner.
type Withheld = BTreeMap<(Name, u64), u32>;

/// The allocator of one term.
pub(super) struct Leader {
    pub(super) epoch: u64,
    /// How far the events are read.
    pub(super) read: String,
    shares: Shares,
    limits: BTreeMap<Name, Shared>,
    members: BTreeMap<String, Member>,
    /// Whose replica is not seen, though nobody said that the connection ended.
    unseen: BTreeSet<String>,
    /// What the store has, by `believed`.
    beliefs: BTreeMap<String, u32>,
    withheld: Withheld,
}

/// What one round changed.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) beliefs: Vec<(String, u32)>,
    pub(super) tells: Vec<Tell>,
    pub(super) withhold: Vec<((Name, u64), u32)>,
    pub(super) forgotten: Vec<String>,
}

impl Leader {
    /// As the store has it.
    pub(super) fn resume(
        (office, now_us): (&Office, i64),
        (limits, read): (&BTreeMap<Name, Shared>, String),
        (members, beliefs): (&BTreeMap<String, String>, &BTreeMap<String, String>),
    ) -> Leader {
        let now = Duration::from_micros(u64::try_from(now_us).unwrap_or(0));
        let since = Duration::from_micros(u64::try_from(office.since_us).unwrap_or(0));
        let mut shares = Shares::new(office.lost.then(|| since + KEPT));
        shares.configure(limits);
        let members: BTreeMap<String, Member> = members
            .iter()
            .filter_map(|(name, member)| Some((name.clone(), serde_json::from_str(member).ok()?)))
            .collect();
        let beliefs: BTreeMap<String, u32> = beliefs
            .iter()
            .filter_map(|(of, amount)| Some((of.clone(), amount.parse().ok()?)))
            .collect();
        for (name, member) in &members {
            let held = beliefs.iter().filter_map(|(of, amount)| {
                let (sidecar, key) = of.split_once('\n')?;
                let key = key.parse().ok().filter(|_| sidecar == name)?;
                Some(Share {
                    key,
                    requests: *amount,
                })
            });
            let held: Vec<Share> = held.collect();
            shares.join(name, member.scope.as_deref(), &held);
            if !member.connected {
                shares.leave(now, name, false);
            }
        }
        // What the windows know of it is not known here, so all of it is said again.
        let mut withheld = Withheld::new();
        for of in beliefs.keys() {
            if let Some((sidecar, key)) = of.split_once('\n')
                && let (Some(member), Ok(key)) = (members.get(sidecar), key.parse())
            {
                withheld.insert((key, member.owner), u32::MAX);
            }
        }
        Leader {
            epoch: office.epoch,
            read,
            shares,
            limits: limits.clone(),
            members,
            unseen: BTreeSet::new(),
            beliefs,
            withheld,
        }
    }

    /// What follows from events, from who was not seen, and from time.
    pub(super) fn round(
        &mut self,
        now_us: i64,
        limits: &BTreeMap<Name, Shared>,
        (events, unseen): (Vec<Event>, Vec<u64>),
    ) -> Round {
        let now = Duration::from_micros(u64::try_from(now_us).unwrap_or(0));
        if self.limits != *limits {
            self.shares.configure(limits);
            self.limits = limits.clone();
        }
        for event in events {
            self.happens(now, event);
        }
        self.watch(now, &unseen);
        let forgotten = self.shares.forget(now);
        for name in &forgotten {
            self.members.remove(name);
        }
        let tells = self.shares.tell(now);
        let line = |name: &String| self.members.get(name).map(|member| member.line);
        let tells = tells.into_iter().filter_map(|(sidecar, shares)| {
            let line = line(&sidecar)?;
            Some(Tell {
                sidecar,
                line,
                shares,
            })
        });
        Round {
            tells: tells.collect(),
            beliefs: self.learned(),
            withhold: self.cut_off(),
            forgotten,
        }
    }

    fn happens(&mut self, now: Duration, event: Event) {
        match event {
            Event::Join(name, member, held) => {
                if self
                    .members
                    .get(&name)
                    .is_some_and(|known| known.line > member.line)
                {
                    return;
                }
                self.shares.join(&name, member.scope.as_deref(), &held);
                self.unseen.remove(&name);
                self.members.insert(name, member);
            }
            Event::Leave(name, line, gone) => {
                let Some(member) = self.members.get_mut(&name).filter(|of| of.line == line) else {
                    return;
                };
                member.connected = false;
                self.shares.leave(now, &name, gone);
                if gone {
                    self.members.remove(&name);
                }
            }
            Event::Held(name, line, held) => {
                if self.members.get(&name).is_some_and(|of| of.line == line) {
                    self.shares.confirm(&name, &held);
                }
            }
        }
    }

    /// Whose replica died is lost, and is back when it is seen again on the same connection.
    fn watch(&mut self, now: Duration, unseen: &[u64]) {
        for (name, member) in self.members.iter().filter(|(_, of)| of.connected) {
            let is_unseen = unseen.contains(&member.owner);
            if is_unseen && self.unseen.insert(name.clone()) {
                self.shares.leave(now, name, false);
            }
            if !is_unseen && self.unseen.remove(name) {
                let believed = self.limits.keys().map(|key| Share {
                    key: key.clone(),
                    requests: self.shares.of(name, key),
                });
                let held: Vec<Share> = believed.filter(|share| share.requests > 0).collect();
                self.shares.join(name, member.scope.as_deref(), &held);
            }
        }
    }

    /// What sidecars may believe now and the store does not know.
    fn learned(&mut self) -> Vec<(String, u32)> {
        let all = self.shares.all();
        let now: BTreeMap<String, u32> = all
            .map(|(sidecar, key, amount)| (format!("{sidecar}\n{key}"), amount))
            .collect();
        let changed = changes(&self.beliefs, &now);
        self.beliefs = now;
        changed
    }

    /// What lost sidecars may use now and the windows do not know.
    fn cut_off(&mut self) -> Vec<((Name, u64), u32)> {
        let mut now = Withheld::new();
        for key in self.limits.keys() {
            for (name, share) in self.shares.cut_off(key).filter(|(_, share)| *share > 0) {
                if let Some(member) = self.members.get(name) {
                    now.insert((key.clone(), member.owner), share);
                }
            }
        }
        let changed = changes(&self.withheld, &now);
        self.withheld = now;
        changed
    }
}

/// What is different: the new amounts, 0 for what is gone.
fn changes<K: Ord + Clone>(before: &BTreeMap<K, u32>, now: &BTreeMap<K, u32>) -> Vec<(K, u32)> {
    let set = now
        .iter()
        .filter(|(of, amount)| before.get(of) != Some(amount));
    let gone = before.keys().filter(|of| !now.contains_key(of));
    let set = set.map(|(of, amount)| (of.clone(), *amount));
    set.chain(gone.map(|of| (of.clone(), 0))).collect()
}
