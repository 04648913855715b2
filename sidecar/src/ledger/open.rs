//! What this sidecar's calls hold beyond their window: slots, and tokens of the last minute. For the Hello to an authority that does
//! not know it, and for the part of each limit that the sidecar may use while none can be asked. Pure: time is an argument.

use purser_config::Name;
use purser_config::quota::{Hold, TokenUse, occupancy_ms};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// Admissions of tokens closer together than this are remembered as one, the later.
const GRAIN: Duration = Duration::from_millis(20);

/// One call's hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    key: Name,
    slot: bool,
    channel: Option<Name>,
    admitted: Duration,
    tokens: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Open {
    calls: HashMap<String, Held>,
    slots: HashMap<Name, u32>,
    /// Tokens of calls, by the moment of admission; only of keys that are limited in them.
    tokens: HashMap<Name, VecDeque<(Duration, u64)>>,
}

/// What a call needs of its key's other limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The most tokens; 0: they are not limited.
    pub(super) tokens: u64,
    /// Whether one of the key's concurrent requests.
    pub(super) slot: bool,
}

/// What a sidecar may use of a key's other limits; absent: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Tokens in any 60 s.
    pub(super) tokens: Option<u64>,
    /// Requests under way.
    pub(super) slots: Option<u32>,
}

impl Open {
    /// Notes what a call holds from now on.
    pub(super) fn begin(&mut self, id: &str, key: &Name, need: Need, now: Duration) {
        let held = Held {
            key: key.clone(),
            slot: need.slot,
            channel: None,
            admitted: now,
            tokens: need.tokens,
        };
        if self.calls.insert(id.to_owned(), held).is_some() {
            return;
        }
        if need.slot {
            *self.slots.entry(key.clone()).or_default() += 1;
        }
        if need.tokens > 0 {
            self.add_tokens(key, now, need.tokens);
        }
    }

    /// Notes which channel's slot it holds; the one before is free.
    pub(super) fn at_channel(
        &mut self,
        id: &str,
        key: &Name,
        channel: Option<Name>,
        now: Duration,
    ) {
        if !self.calls.contains_key(id) {
            self.begin(id, key, Need::default(), now);
        }
        if let Some(held) = self.calls.get_mut(id) {
            held.channel = channel;
        }
    }

    /// A call ended having used so many tokens: what it occupies is corrected downwards, and an excess counts from now.
    pub(super) fn end(&mut self, id: &str, used: u64, now: Duration) {
        let Some(held) = self.calls.remove(id) else {
            return;
        };
        if held.slot
            && let Some(count) = self.slots.get_mut(&held.key)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.slots.remove(&held.key);
            }
        }
        if held.tokens == 0 {
            return;
        }
        if used > held.tokens {
            self.add_tokens(&held.key, now, used - held.tokens);
        } else {
            self.take_tokens(&held.key, held.admitted, held.tokens - used);
        }
    }

    /// Begins a call that nobody granted, within this sidecar's part of the limits.
    pub(super) fn begin_within(
        &mut self,
        id: &str,
        key: &Name,
        (need, part): (Need, Part),
        now: Duration,
    ) -> bool {
        let slots = self.slots.get(key).copied().unwrap_or(0);
        let slot = !need.slot || part.slots.is_none_or(|most| slots < most);
        let used = self.tokens_of(key, now);
        let tokens = need.tokens == 0
            || part
                .tokens
                .is_none_or(|most| used.saturating_add(need.tokens) <= most);
        if slot && tokens {
            self.begin(id, key, need, now);
        }
        slot && tokens
    }

    /// Calls that hold a slot, for a Hello.
    pub(super) fn holds(&self) -> Vec<Hold> {
        let holding = self
            .calls
            .iter()
            .filter(|(_, held)| held.slot || held.channel.is_some());
        let mut holds: Vec<Hold> = holding
            .map(|(id, held)| Hold {
                id: id.clone(),
                key: held.key.clone(),
                slot: held.slot,
                channel: held.channel.clone(),
            })
            .collect();
        holds.sort_by(|left, right| left.id.cmp(&right.id));
        holds
    }

    /// Tokens that still count, for a Hello.
    pub(super) fn token_uses(&mut self, now: Duration) -> Vec<TokenUse> {
        let keys: Vec<Name> = self.tokens.keys().cloned().collect();
        let mut told = BTreeMap::new();
        for key in keys {
            self.forget(&key, now);
            let Some(log) = self.tokens.get(&key) else {
                continue;
            };
            let age = |at: Duration| now.saturating_sub(at).as_millis() as u64;
            let amounts = log.iter().map(|(at, amount)| (age(*at), *amount)).collect();
            told.insert(key, amounts);
        }
        told.into_iter()
            .map(|(key, amounts)| TokenUse { key, amounts })
            .collect()
    }

    fn tokens_of(&mut self, key: &Name, now: Duration) -> u64 {
        self.forget(key, now);
        let log = self.tokens.get(key);
        log.map_or(0, |log| {
            log.iter()
                .map(|(_, amount)| *amount)
                .fold(0, u64::saturating_add)
        })
    }

    fn add_tokens(&mut self, key: &Name, now: Duration, amount: u64) {
        self.forget(key, now);
        let log = self.tokens.entry(key.clone()).or_default();
        match log.back_mut() {
            Some((at, held)) if now < *at => {
                // The end of the grain counts for all in it: memory is bounded by time, and what is remembered leaves late, never early.
                *held = held.saturating_add(amount);
            }
            _ => log.push_back((now + GRAIN, amount)),
        }
    }

    /// Lowers what was noted at that admission.
    fn take_tokens(&mut self, key: &Name, admitted: Duration, amount: u64) {
        let Some(log) = self.tokens.get_mut(key) else {
            return;
        };
        let at = log.partition_point(|(at, _)| *at <= admitted);
        if let Some((_, held)) = log.get_mut(at) {
            *held = held.saturating_sub(amount);
        }
    }

    fn forget(&mut self, key: &Name, now: Duration) {
        let Some(log) = self.tokens.get_mut(key) else {
            return;
        };
        let kept = Duration::from_millis(occupancy_ms(0));
        while log.front().is_some_and(|(at, _)| *at + kept <= now) {
            log.pop_front();
        }
        if log.is_empty() {
            self.tokens.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn key() -> Name {
        Name::new("shop", "a")
    }

    fn need(tokens: u64) -> Need {
        Need { tokens, slot: true }
    }

    fn part(tokens: u64, slots: u32) -> Part {
        Part {
            tokens: Some(tokens),
            slots: Some(slots),
        }
    }

    #[test]
    fn without_an_authority_a_sidecar_keeps_to_its_part_of_both_limits() {
        let mut open = Open::default();
        let mut try_one = |id: &str, tokens, now| {
            open.begin_within(id, &key(), (need(tokens), part(100, 2)), now)
        };
        assert!(try_one("1", 60, MS));
        assert!(!try_one("2", 60, MS), "tokens");
        assert!(try_one("3", 40, MS));
        assert!(!try_one("4", 0, MS), "slots");
    }

    #[test]
    fn what_a_call_did_not_use_is_free_at_once_and_the_rest_after_a_minute() {
        let mut open = Open::default();
        assert!(open.begin_within("1", &key(), (need(90), part(100, 9)), MS));
        open.end("1", 30, 500 * MS);
        assert!(!open.begin_within("2", &key(), (need(71), part(100, 9)), 600 * MS));
        assert!(open.begin_within("3", &key(), (need(70), part(100, 9)), 600 * MS));
        open.end("3", 70, 700 * MS);
        assert!(open.begin_within("4", &key(), (need(30), part(100, 9)), 61_000 * MS));
    }

    #[test]
    fn an_excess_counts_from_the_end() {
        let mut open = Open::default();
        assert!(open.begin_within("1", &key(), (need(10), part(100, 9)), MS));
        open.end("1", 95, 30_000 * MS);
        assert!(!open.begin_within("2", &key(), (need(20), part(100, 9)), 70_000 * MS));
        assert!(open.begin_within("3", &key(), (need(20), part(100, 9)), 91_000 * MS));
    }

    #[test]
    fn a_new_authority_is_told_who_holds_what() {
        let mut open = Open::default();
        open.begin("b", &key(), need(7), MS);
        open.begin("a", &key(), Need::default(), MS);
        let channel = Name::new("shop", "openai");
        open.at_channel("a", &key(), Some(channel.clone()), MS);
        let holds = open.holds();
        let told: Vec<_> = holds
            .iter()
            .map(|hold| (hold.id.as_str(), hold.slot, hold.channel.clone()))
            .collect();
        assert_eq!(told, [("a", false, Some(channel)), ("b", true, None)]);
        let tokens = open.token_uses(1_021 * MS);
        assert_eq!(tokens[0].amounts, [(1_000, 7)]);
        open.end("b", 7, 2_000 * MS);
        assert_eq!(open.holds().len(), 1);
        assert!(open.token_uses(70_000 * MS).is_empty());
    }
}
