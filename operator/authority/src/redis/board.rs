//! What replicas can read of each other beside the windows: a board on which each has one note, and how much of the day each key has
//! left. Part of `RedisWindows`; nothing that is granted depends on it.

use super::RedisWindows;
use super::error::Unreachable;
use super::link::PATIENCE;
use purser_config::Name;
use std::collections::BTreeMap;

/// A note that is older than this was left by a replica that is gone, in milliseconds of the server's clock.
const STALE_MS: u64 = 10_000;
const DAY_S: u64 = 86_400;
/// All of it in one round trip: every replica does this every second.
const BOARD: &str = include_str!("board.lua");

/// Seconds and microseconds of `TIME`; a day's number and what was used of it.
type Pair = (Option<u64>, Option<u64>);

impl RedisWindows {
    /// Puts this replica's note on the board, or leaves it as it is, and reads those of the others.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn post(&self, note: Option<&str>) -> Result<Vec<String>, Unreachable> {
        let office = self.inner.store.office()?;
        let name = |name| self.inner.store.name(name);
        let mut post = redis::cmd("EVAL");
        post.arg(BOARD).arg(2);
        post.arg(name("board")).arg(name("board:at"));
        post.arg(office.number).arg(note.unwrap_or_default());
        post.arg(STALE_MS);
        let posted = self.inner.store.fetch(&office, vec![post], PATIENCE).await;
        let [notes]: [Vec<String>; 1] = posted?;
        Ok(notes)
    }

    /// How many requests each key with a limit for the day has left of it; what cannot be read is left out.
    pub async fn left_today(&self) -> BTreeMap<Name, u32> {
        let (Ok(office), terms) = (self.inner.store.office(), self.inner.terms()) else {
            return BTreeMap::new();
        };
        let limited = terms.keys.iter();
        let limited: Vec<(&Name, u32)> = limited
            .filter_map(|(key, of)| Some((key, of.requests_per_day?)))
            .collect();
        if limited.is_empty() {
            return BTreeMap::new();
        }
        let mut calls = vec![redis::cmd("TIME")];
        calls.extend(limited.iter().map(|(key, _)| {
            let mut day = redis::cmd("HMGET");
            day.arg(self.inner.store.name(&format!("k{{{key}}}:k")));
            day.arg("day").arg("used");
            day
        }));
        let read: Result<Vec<Pair>, Unreachable> =
            self.inner.store.fetch(&office, calls, PATIENCE).await;
        let Ok([(seconds, _), days @ ..]) = read.as_deref() else {
            return BTreeMap::new();
        };
        let today = seconds.unwrap_or_default() / DAY_S;
        let left = limited.iter().zip(days).map(|((key, limit), (day, used))| {
            let used = used.filter(|_| *day == Some(today)).unwrap_or(0);
            let used = u32::try_from(used).unwrap_or(u32::MAX);
            ((*key).clone(), limit.saturating_sub(used))
        });
        left.collect()
    }
}
