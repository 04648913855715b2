//! What the tests of this suite share: terms, Hellos, dice and a scripted clock.

use purser_authority::redis::RedisWindows;
use purser_authority::{KeyTerms, Moment, Terms};
use purser_config::quota::{Ask, Grant, Verdict};
use purser_config::stream::Hello;
use purser_config::{Name, WhenQuotaUnreachable};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// SplitMix64: one seed, one run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(super) struct Hands(pub(super) Arc<AtomicI64>);

impl Hands {
    /// Late in the evening of no particular day.
    pub(super) fn new() -> Hands {
        Hands(Arc::new(AtomicI64::new(
            (20_000 * 86_400 + 86_000) * 1_000_000,
        )))
    }

    pub(super) fn forward_ms(&self, ms: u64) {
        self.0
            .fetch_add(i64::try_from(ms * 1_000).unwrap(), Ordering::Relaxed);
    }

    pub(super) fn moment(&self) -> Moment {
        let us = u64::try_from(self.0.load(Ordering::Relaxed)).unwrap();
        Moment {
            now: Duration::from_micros(us),
            unix_ms: us / 1_000,
        }
    }
}

pub(super) fn name(name: &str) -> Name {
    name.parse().unwrap()
}

pub(super) fn key() -> Name {
    name("shop/checkout")
}

/// One key with a limit of requests a minute.
pub(super) fn per_minute(limit: u32, when_unreachable: WhenQuotaUnreachable) -> Terms {
    let terms = KeyTerms {
        requests_per_minute: Some(limit),
        when_unreachable,
        ..KeyTerms::default()
    };
    Terms {
        keys: [(key(), terms)].into(),
        ..Terms::default()
    }
}

pub(super) fn hello(instance: &str) -> Hello {
    Hello {
        instance: instance.to_owned(),
        version: None,
        uses: vec![],
        shares: vec![],
        holds: vec![],
        tokens: vec![],
        spool: String::new(),
    }
}

pub(super) fn ask(want: u32) -> Ask {
    Ask {
        key: key(),
        want,
        ttl_ms: 0,
    }
}

/// How many were granted; `None`: it cannot be asked.
pub(super) async fn granted(windows: &RedisWindows, sidecar: &str, want: u32) -> Option<u32> {
    let answered = windows.ask(sidecar, &[ask(want)]).await.ok()?;
    Some(count(&answered.answers[0]))
}

pub(super) fn count(grant: &Grant) -> u32 {
    match grant.verdict {
        Verdict::Granted { count, .. } => count,
        _ => 0,
    }
}
