//! The one place that reads a clock, and the one that draws random numbers. Everything that decides takes `now` as an
//! argument, in time since this clock began; a simulation replaces tokio's clock and with it this one, gives each sidecar's a rate
//! of its own, and seeds what is drawn.

use purser_config::calendar::DAY_MS;
use std::cell::Cell;
use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};

/// What is added to a draw's state with each draw.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Monotonic time since the process began, and the wall clock that a person's dates are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    wall_ms: u64,
    /// How many parts in a million it is fast, where it is simulated.
    simulated: Option<i32>,
}

impl Clock {
    /// Starts at zero, now. Must be called inside a tokio runtime when time is simulated.
    pub fn start() -> Self {
        Clock {
            origin: Instant::now(),
            wall_ms: system_ms().unwrap_or_default(),
            simulated: None,
        }
    }

    /// One of a simulation: it runs so many parts in a million faster than tokio's, and its wall clock says this now.
    pub fn simulated(fast_ppm: i32, wall_ms: u64) -> Self {
        Clock {
            origin: Instant::now(),
            wall_ms,
            simulated: Some(fast_ppm),
        }
    }

    /// Monotonic time since the start.
    pub fn now(&self) -> Duration {
        let passed = self.origin.elapsed();
        match self.simulated {
            None => passed,
            Some(fast_ppm) => scaled(passed, fast_ppm),
        }
    }

    /// The moment `at` on this clock, for tokio's timers.
    pub fn instant(&self, at: Duration) -> Instant {
        match self.simulated {
            None => self.origin + at,
            Some(fast_ppm) => self.origin + scaled(at, -fast_ppm),
        }
    }

    /// Unix time in milliseconds. Follows the system's clock when it is set, because expiry dates do.
    pub fn wall_ms(&self) -> u64 {
        match self.simulated {
            None => system_ms().unwrap_or(self.wall_ms),
            Some(_) => self.wall_ms + self.now().as_millis() as u64,
        }
    }

    /// Which UTC day it is, in days since 1970.
    pub fn today(&self) -> u64 {
        self.wall_ms() / DAY_MS
    }
}

/// A span as records say it.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn system_ms() -> Option<u64> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(wall.as_millis() as u64)
}

fn scaled(span: Duration, fast_ppm: i32) -> Duration {
    let change = span * fast_ppm.unsigned_abs() / 1_000_000;
    if fast_ppm < 0 {
        span.saturating_sub(change)
    } else {
        span + change
    }
}

/// What the future comes to, or `None` if it does not by then. Most are ready at once, and a timer that is never set costs
/// more than what they wait for: it is made, and `until` asked for, only where there is something to wait for.
pub(crate) async fn within<F: Future>(
    until: impl FnOnce() -> Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    if let Poll::Ready(output) = futures::poll!(future.as_mut()) {
        return Some(output);
    }
    timeout_at(until(), future).await.ok()
}

thread_local! {
    /// The state of this thread's draws, in a simulation.
    static SEEDED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on this thread draws what follows from the seed: for a simulation, which is to happen again from it.
pub fn seed(seed: u64) {
    SEEDED.set(Some(seed));
}

fn seeded() -> Option<u64> {
    let state = SEEDED.get()?.wrapping_add(STEP);
    SEEDED.set(Some(state));
    Some(crate::route::mix(state))
}

/// 64 bits for spreading and jitter, never for secrets: SplitMix64 from a seed that the system drew once, because a
/// system call for each would cost more than what it spreads.
pub fn draw() -> u64 {
    static STATE: OnceLock<AtomicU64> = OnceLock::new();
    if let Some(drawn) = seeded() {
        return drawn;
    }
    let state = STATE.get_or_init(|| AtomicU64::new(getrandom::u64().unwrap_or(STEP)));
    crate::route::mix(state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
}

/// 128 bits that no other process draws: the system's, but in a simulation.
///
/// # Errors
/// When the system gives none.
pub(crate) fn unique() -> Result<u128, getrandom::Error> {
    if let (Some(high), Some(low)) = (seeded(), seeded()) {
        return Ok(u128::from(high) << 64 | u128::from(low));
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(u128::from_be_bytes(bytes))
}

/// A draw as a fraction in [0, 1).
pub fn fraction(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_is_fast_or_slow_as_it_was_told() {
        let (fast, slow) = (Clock::simulated(200, 1_000), Clock::simulated(-200, 5));
        tokio::time::advance(Duration::from_secs(1_000)).await;
        assert_eq!(fast.now(), Duration::from_millis(1_000_200));
        assert_eq!(slow.now(), Duration::from_millis(999_800));
        assert_eq!((fast.wall_ms(), slow.wall_ms()), (1_001_200, 999_805));
    }

    #[test]
    fn a_seeded_thread_draws_the_same_again() {
        seed(7);
        let first = (draw(), unique().unwrap());
        seed(7);
        assert_eq!((draw(), unique().unwrap()), first);
        assert_ne!(draw(), first.0);
    }
}
