//! How every contender's check is measured, whoever it is: three hundred at once over three proxies, bursts on both sides of the end of a
//! window, and the time that a check takes at a steady rate. Included by `quota.rs` and by the peers' program; knows no contender.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Requests in any 60 s.
pub(super) const LIMIT: usize = 15;
/// Which decide together.
pub(super) const PROXIES: usize = 3;
const BURST: usize = 300;
const TRIALS: usize = 5;
const MINUTE: Duration = Duration::from_secs(60);
/// Checks a second, and how many are timed after as many seconds to warm up.
pub(super) const RATE: u32 = 500;
const SECONDS: u32 = 10;
const WARM: u32 = 2;

/// May this key make a request, asked at this proxy?
pub(super) type Ask = Arc<dyn Fn(usize, String) -> Answer + Send + Sync>;
/// Whether it may.
pub(super) type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The middle, and what one of a hundred exceeds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// The middle.
    pub(super) p50: Duration,
    /// One of a hundred takes longer.
    pub(super) p99: Duration,
}

impl Times {
    /// Of these.
    pub(super) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |part: usize| {
            let last = all.len().saturating_sub(1);
            all.get(last * part / 100).copied().unwrap_or_default()
        };
        Times {
            p50: at(50),
            p99: at(99),
        }
    }

    /// In milliseconds, for a table.
    pub(super) fn cells(&self) -> String {
        let ms = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1e3);
        format!("{} | {}", ms(self.p50), ms(self.p99))
    }
}

/// A contender's line of the table.
pub(super) fn row(who: &str, (at_once, straddling): (usize, usize), times: &Times) -> String {
    let over = |admitted: usize| format!("{:.2}", admitted as f64 / LIMIT as f64);
    let (at_once, straddling) = (over(at_once), over(straddling));
    format!("| {who} | {at_once} | {straddling} | {} |", times.cells())
}

/// The most that any of several bursts of three hundred was given of a key's limit.
pub(super) async fn at_once(ask: &Ask, key: impl Fn(usize) -> String) -> usize {
    let mut worst = 0;
    for trial in 0..TRIALS {
        worst = worst.max(burst(ask, &key(trial)).await.len());
    }
    worst
}

/// The most that were given in any minute, by bursts just before and just after the first window's end.
pub(super) async fn straddling(ask: &Ask, key: &str) -> usize {
    let begun = Instant::now();
    let mut all: Vec<Instant> = Vec::new();
    if ask(0, key.to_owned()).await {
        all.push(Instant::now());
    }
    for after in [58_000, 60_300] {
        sleep_until(begun + Duration::from_millis(after)).await;
        all.extend(burst(ask, key).await);
    }
    all.sort_unstable();
    let within = |last: &Instant| {
        let near = |one: &&Instant| **one <= *last && *last - **one < MINUTE;
        all.iter().filter(near).count()
    };
    all.iter().map(within).max().unwrap_or(0)
}

async fn burst(ask: &Ask, key: &str) -> Vec<Instant> {
    let mut calls = JoinSet::new();
    for number in 0..BURST {
        let asked = ask(number % PROXIES, key.to_owned());
        calls.spawn(async move { asked.await.then(Instant::now) });
    }
    calls.join_all().await.into_iter().flatten().collect()
}

/// What a check takes at the steady rate, by keys in turn.
pub(super) async fn pace(ask: &Ask, key: impl Fn(usize) -> String) -> Times {
    let (begun, mut calls) = (Instant::now(), JoinSet::new());
    for number in 0..(WARM + SECONDS) * RATE {
        sleep_until(begun + Duration::from_secs(1) * number / RATE).await;
        let asked = ask(0, key(number as usize));
        calls.spawn(async move {
            let from = Instant::now();
            asked.await;
            (number, from.elapsed())
        });
    }
    let all = calls.join_all().await.into_iter();
    let warm = all.filter(|(number, _)| *number >= WARM * RATE);
    Times::of(warm.map(|(_, took)| took).collect())
}
