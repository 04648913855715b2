//! What replicas can read of each other beside the windows: a board on which each has one note, and how much of the day each key has
//! left. Part of `RedisWindows`; nothing that is granted depends on it.

use super::RedisWindows;
use super::error::Unreachable;
use super::link::PATIENCE;
use purser_config::Name;
use std::collections::{BTreeMap, HashMap};

/// A note that is older than this was left by a replica that is gone, in milliseconds of the server's clock.
const STALE_MS: u64 = 10_000;
const DAY_S: u64 = 86_400;

/// Seconds and microseconds of `TIME`; a day's number and what was used of it.
type Pair = (Option<u64>, Option<u64>);

impl RedisWindows {
    /// Puts this replica's note on the board, or leaves it as it is, and reads those of the others.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn post(&self, note: Option<&str>) -> Result<Vec<String>, Unreachable> {
        let office = self.inner.store.office()?;
        let (board, own) = (
            self.inner.store.name("board"),
            self.inner.store.name("board:at"),
        );
        let number = office.number.to_string();
        let time = [redis::cmd("TIME")].to_vec();
        let [(seconds, micros)]: [(u64, u64); 1] =
            self.inner.store.fetch(&office, time, PATIENCE).await?;
        let now_ms = seconds * 1_000 + micros / 1_000;
        let mut calls = Vec::new();
        if let Some(note) = note {
            let mut put = redis::cmd("HSET");
            put.arg(&board).arg(&number).arg(note);
            let mut at = redis::cmd("HSET");
            at.arg(&own).arg(&number).arg(now_ms);
            calls.extend([put, at]);
        }
        if !calls.is_empty() {
            let _told: Vec<u64> = self.inner.store.fetch(&office, calls, PATIENCE).await?;
        }
        let all = |name: &str| {
            let mut all = redis::cmd("HGETALL");
            all.arg(name);
            all
        };
        let (notes, times): (HashMap<String, String>, HashMap<String, u64>) = self
            .inner
            .store
            .fetch(&office, vec![all(&board), all(&own)], PATIENCE)
            .await?;
        let is_fresh = |of: &String| times.get(of).is_some_and(|at| at + STALE_MS >= now_ms);
        let (fresh, stale): (Vec<_>, Vec<_>) = notes.into_iter().partition(|(of, _)| is_fresh(of));
        if !stale.is_empty() {
            // A replica has another number on each connection: what is left of those that are over goes.
            let gone: Vec<String> = stale.into_iter().map(|(of, _)| of).collect();
            let calls = [&board, &own].map(|name| {
                let mut forget = redis::cmd("HDEL");
                forget.arg(name).arg(&gone);
                forget
            });
            let _gone: Vec<u64> = self
                .inner
                .store
                .fetch(&office, calls.to_vec(), PATIENCE)
                .await?;
        }
        let others = fresh.into_iter().filter(|(of, _)| *of != number);
        Ok(others.map(|(_, note)| note).collect())
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
