//! The one place that reads a clock, and the one that draws random numbers. Everything that decides takes `now` as an
//! argument, in time since this clock began; a simulation replaces tokio's clock and with it this one.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};

/// Monotonic time since the process began, and the wall clock that a person's dates are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    wall_ms: u64,
}

impl Clock {
    /// Starts at zero, now. Must be called inside a tokio runtime when time is simulated.
    pub fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Clock {
            origin: Instant::now(),
            wall_ms: wall.as_millis() as u64,
        }
    }

    /// Monotonic time since the start.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The moment `at` on this clock, for tokio's timers.
    pub fn instant(&self, at: Duration) -> Instant {
        self.origin + at
    }

    /// Unix time in milliseconds. Follows the system's clock when it is set, because expiry dates do.
    pub fn wall_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(self.wall_ms, |wall| wall.as_millis() as u64)
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

/// 64 bits for spreading and jitter, never for secrets: SplitMix64 from a seed that the system drew once, because a
/// system call for each would cost more than what it spreads.
pub fn draw() -> u64 {
    static STATE: OnceLock<AtomicU64> = OnceLock::new();
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let state = STATE.get_or_init(|| AtomicU64::new(getrandom::u64().unwrap_or(STEP)));
    crate::route::mix(state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
}

/// A draw as a fraction in [0, 1).
pub fn fraction(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}
