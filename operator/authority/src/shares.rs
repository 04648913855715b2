//! Who may use how much of a key while no authority can be asked: static integer shares, moved without ever summing to
//! more than the limit. A pure allocator; `windows` drives it.
//!
//! A share moves in one direction at a time. To each sidecar and key at most one tell is open; until it is confirmed the
//! sidecar may believe in the old value or the new, and the larger of the two is charged to it. Decreases are told at
//! once, increases only out of what is charged to nobody. A lost tell therefore delays, and never oversubscribes.
//! One open tell at a time also makes the bare value a sufficient receipt: "3" cannot be the answer to an older "3".
//!
//! After a restart others may hold shares that this authority has not heard of. Their sum, `unheard`, starts as the whole
//! limit, shrinks with each `Hello`, and ends when the last of them must have stopped using its share.

use crate::terms::{Callers, Shared};
use purser_config::Name;
use purser_config::quota::{KEPT_MS, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the share of a lost sidecar stays its own.
pub(crate) const KEPT: Duration = Duration::from_millis(KEPT_MS);
/// After this an unconfirmed share is told again.
const TELL_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Member {
    scope: Option<String>,
    lost: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    held: u32,
    told: Option<(u32, Duration)>,
}

impl Holder {
    fn may_believe(&self) -> u32 {
        self.told.map_or(self.held, |(told, _)| told.max(self.held))
    }
}

/// One key. Sidecars that hold nothing and are told nothing have no holder.
#[derive(Debug, Default)]
struct Row {
    limit: u32,
    callers: Callers,
    unheard: u32,
    holders: BTreeMap<String, Holder>,
}

/// The allocator.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Until then shares may be held that no `Hello` has told; `None`: there are none.
    unheard_until: Option<Duration>,
    members: BTreeMap<String, Member>,
    lost: usize,
    rows: BTreeMap<Name, Row>,
    /// Rows to look at: their members or limit changed, or a tell is open.
    unsettled: BTreeSet<Name>,
}

impl Shares {
    pub(crate) fn new(unheard_until: Option<Duration>) -> Self {
        let (members, rows, unsettled) = Default::default();
        Shares {
            unheard_until,
            members,
            lost: 0,
            rows,
            unsettled,
        }
    }

    /// Sets the limits of all keys that are shared. A key that no longer is keeps its row until nobody believes in it.
    pub(crate) fn configure(&mut self, limits: &BTreeMap<Name, Shared>) {
        for (key, row) in &mut self.rows {
            let Shared { limit, callers } = limits.get(key).copied().unwrap_or_default();
            if (row.limit, row.callers) != (limit, callers) {
                // A row that an authority of before told of, which did not know more than its holders.
                if row.limit == 0 && self.unheard_until.is_some() {
                    row.unheard = limit.saturating_sub(row.charged());
                }
                (row.limit, row.callers) = (limit, callers);
                self.unsettled.insert(key.clone());
            }
        }
        for (key, &Shared { limit, callers }) in limits {
            if !self.rows.contains_key(key) {
                let unheard = if self.unheard_until.is_some() {
                    limit
                } else {
                    0
                };
                self.rows.insert(
                    key.clone(),
                    Row {
                        limit,
                        callers,
                        unheard,
                        ..Row::default()
                    },
                );
                self.unsettled.insert(key.clone());
            }
        }
    }

    /// A sidecar said which shares it holds, and holds no others.
    pub(crate) fn join(&mut self, sidecar: &str, scope: Option<&str>, held: &[Share]) {
        let before = self
            .members
            .get(sidecar)
            .map(|member| member.lost.is_some());
        self.lost -= usize::from(before == Some(true));
        if before.is_some() {
            self.strip(sidecar);
        }
        let member = Member {
            scope: scope.map(str::to_owned),
            lost: None,
        };
        for share in held.iter().filter(|share| member.covers(&share.key)) {
            let Some(row) = self.rows.get_mut(&share.key) else {
                continue;
            };
            let holder = row.holders.entry(sidecar.to_owned()).or_default();
            holder.held = holder.held.max(share.requests);
            if before.is_none() {
                row.unheard = row.unheard.saturating_sub(share.requests);
            }
        }
        self.unsettle(&member);
        self.members.insert(sidecar.to_owned(), member);
    }

    /// A sidecar's connection ended. One that is gone uses nothing any more; any other may use its share for a while.
    pub(crate) fn leave(&mut self, now: Duration, sidecar: &str, gone: bool) {
        let Some(member) = self.members.get_mut(sidecar) else {
            return;
        };
        if !gone {
            self.lost += usize::from(member.lost.is_none());
            member.lost.get_or_insert(now);
            // Whether it heard an open tell will not be known: the larger stays charged.
            let held = self
                .rows
                .values_mut()
                .filter_map(|row| row.holders.get_mut(sidecar));
            held.for_each(|holder| {
                *holder = Holder {
                    held: holder.may_believe(),
                    told: None,
                }
            });
            return;
        }
        self.lost -= usize::from(member.lost.is_some());
        if let Some(member) = self.members.remove(sidecar) {
            self.strip(sidecar);
            self.unsettle(&member);
        }
    }

    /// Drops the sidecars that were lost too long ago, and names them.
    pub(crate) fn forget(&mut self, now: Duration) -> Vec<String> {
        if self.unheard_until.is_some_and(|until| now >= until) {
            self.unheard_until = None;
            self.rows.values_mut().for_each(|row| row.unheard = 0);
            self.unsettled.extend(self.rows.keys().cloned());
        }
        if self.lost == 0 {
            return Vec::new();
        }
        let expired = |m: &Member| m.lost.is_some_and(|lost| now.saturating_sub(lost) >= KEPT);
        let old: Vec<String> = self
            .members
            .iter()
            .filter(|(_, m)| expired(m))
            .map(|(id, _)| id.clone())
            .collect();
        for sidecar in &old {
            self.leave(now, sidecar, true);
        }
        old
    }

    /// A sidecar says what binds it. What it was not told it is believed too, upwards only.
    pub(crate) fn confirm(&mut self, sidecar: &str, held: &[Share]) {
        let Some(member) = self
            .members
            .get(sidecar)
            .filter(|member| member.lost.is_none())
        else {
            return;
        };
        for share in held.iter().filter(|share| member.covers(&share.key)) {
            let Some(row) = self.rows.get_mut(&share.key) else {
                continue;
            };
            let holder = row.holders.entry(sidecar.to_owned()).or_default();
            if holder.told.is_some_and(|(told, _)| told == share.requests) {
                *holder = Holder {
                    held: share.requests,
                    told: None,
                };
            } else if share.requests > holder.may_believe() {
                holder.held = share.requests;
            } else {
                continue;
            }
            self.unsettled.insert(share.key.clone());
        }
    }

    /// What sidecars must be told now: what changed, and again what they have not confirmed.
    pub(crate) fn tell(&mut self, now: Duration) -> Vec<(String, Vec<Share>)> {
        let mut tells: BTreeMap<String, Vec<Share>> = BTreeMap::new();
        let mut namespace: Option<(String, Vec<(&String, &Member)>)> = None;
        for key in std::mem::take(&mut self.unsettled) {
            let Some(row) = self.rows.get_mut(&key) else {
                continue;
            };
            // Sorted by namespace first, so one list of members serves a run of keys.
            let members = match namespace {
                Some((ref of, ref members)) if of == key.namespace() => members,
                _ => {
                    &namespace
                        .insert((key.namespace().to_owned(), members_of(&self.members, &key)))
                        .1
                }
            };
            row.settle(now, members);
            for (sidecar, requests) in row.due(now) {
                tells.entry(sidecar).or_default().push(Share {
                    key: key.clone(),
                    requests,
                });
            }
            if row.holders.values().any(|holder| holder.told.is_some()) {
                self.unsettled.insert(key);
            } else if row.limit == 0 && row.holders.is_empty() && row.unheard == 0 {
                self.rows.remove(&key);
            }
        }
        tells.into_iter().collect()
    }

    /// An authority of before did not know what was held, and until then it may be.
    pub(crate) fn unheard_until(&mut self, until: Duration) {
        self.unheard_until = Some(until);
    }

    /// A sidecar may believe in a share, as an authority of before told.
    pub(crate) fn believes(&mut self, sidecar: &str, key: &Name, requests: u32) {
        if !self.members.contains_key(sidecar) {
            return;
        }
        let row = self.rows.entry(key.clone()).or_default();
        let holder = Holder {
            held: requests,
            told: None,
        };
        row.holders.insert(sidecar.to_owned(), holder);
        self.unsettled.insert(key.clone());
    }

    /// All that sidecars may believe in.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Name, u32)> {
        let rows = self.rows.iter();
        let all = rows.flat_map(|(key, row)| row.holders.iter().map(move |of| (key, of)));
        all.map(|(key, (sidecar, holder))| (sidecar.as_str(), key, holder.may_believe()))
            .filter(|(_, _, requests)| *requests > 0)
    }

    /// What a sidecar may believe to be its share of a key.
    pub(crate) fn of(&self, sidecar: &str, key: &Name) -> u32 {
        let row = self.rows.get(key);
        row.and_then(|row| row.holders.get(sidecar))
            .map_or(0, Holder::may_believe)
    }

    /// What lost sidecars may be using of a key, unasked.
    pub(crate) fn cut_off(&self, key: &Name) -> impl Iterator<Item = (&str, u32)> {
        let row = if self.lost == 0 {
            None
        } else {
            self.rows.get(key)
        };
        let lost = |sidecar: &str| {
            self.members
                .get(sidecar)
                .is_some_and(|member| member.lost.is_some())
        };
        let holders = row.into_iter().flat_map(|row| &row.holders);
        holders
            .filter(move |(sidecar, _)| lost(sidecar))
            .map(|(id, holder)| (id.as_str(), holder.may_believe()))
    }

    fn strip(&mut self, sidecar: &str) {
        for (key, row) in &mut self.rows {
            if row.holders.remove(sidecar).is_some() {
                self.unsettled.insert(key.clone());
            }
        }
    }

    fn unsettle(&mut self, member: &Member) {
        self.unsettled
            .extend(self.rows.keys().filter(|key| member.covers(key)).cloned());
    }
}

impl Member {
    fn covers(&self, key: &Name) -> bool {
        self.scope
            .as_deref()
            .is_none_or(|scope| scope == key.namespace())
    }

    /// Whether it is one of those: whoever may speak for every namespace is the gateway, where there is one.
    fn calls(&self, callers: Callers) -> bool {
        match callers {
            Callers::All => true,
            Callers::Namespace => self.scope.is_some(),
            Callers::Gateway => self.scope.is_none(),
        }
    }
}

/// The sidecars that may speak for a key, sorted.
fn members_of<'a>(
    members: &'a BTreeMap<String, Member>,
    key: &Name,
) -> Vec<(&'a String, &'a Member)> {
    let speaking = members.iter().filter(|(_, member)| member.covers(key));
    speaking.collect()
}

impl Row {
    fn charged(&self) -> u32 {
        let holders = self.holders.values().map(Holder::may_believe);
        holders.fold(0, u32::saturating_add)
    }

    /// Opens the tells that bring holders closer to equal shares; the remainder goes to the first, and nothing to whoever makes no calls of it.
    fn settle(&mut self, now: Duration, members: &[(&String, &Member)]) {
        self.holders
            .retain(|_, holder| holder.may_believe() > 0 || holder.told.is_some());
        let charged: u64 = self
            .holders
            .values()
            .map(|holder| u64::from(holder.may_believe()))
            .sum();
        let mut free = u64::from(self.limit).saturating_sub(charged + u64::from(self.unheard));
        let callers = self.callers;
        let sharing = members.iter().filter(|(_, of)| of.calls(callers)).count();
        let count = u32::try_from(sharing).unwrap_or(u32::MAX).max(1);
        let mut rank = 0;
        for (sidecar, member) in members {
            let mut target = 0;
            if member.calls(callers) {
                target = self.limit / count + u32::from(rank < self.limit % count);
                rank += 1;
            }
            let holder = self.holders.get(*sidecar).copied().unwrap_or_default();
            if member.lost.is_some() || holder.told.is_some() {
                continue;
            }
            let reachable = u64::from(holder.held) + free;
            let next = u32::try_from(reachable).map_or(target, |reachable| target.min(reachable));
            if next != holder.held {
                free -= u64::from(next.saturating_sub(holder.held));
                // Already due: an open tell that was never told.
                let told = Some((next, now));
                self.holders
                    .insert((*sidecar).clone(), Holder { told, ..holder });
            }
        }
    }

    /// The open tells whose time has come; they are due again later.
    fn due(&mut self, now: Duration) -> Vec<(String, u32)> {
        let mut due = Vec::new();
        for (sidecar, holder) in &mut self.holders {
            if let Some((told, at)) = holder.told.as_mut().filter(|(_, at)| *at <= now) {
                *at = now + TELL_AGAIN;
                due.push((sidecar.clone(), *told));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests;
