//! The seam through which time and randomness enter. Rooms that decide take `now` as an argument; only the loops read this.

use purser_authority::journal::since_boot;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clocks: `now` never goes back and counts a suspension too, so that a Lease that ran out meanwhile is not believed;
/// `unix_ms` is for moments that people and other processes read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Clock {
    /// The system's.
    #[default]
    System,
    /// A simulation's.
    Simulated(Simulated),
}

/// Both readings of a simulated machine's clocks.
pub type Simulated = fn() -> (Duration, u64);

impl Clock {
    /// Time since boot.
    pub(crate) fn now(&self) -> Duration {
        match self {
            Clock::System => since_boot(),
            Clock::Simulated(read) => read().0,
        }
    }

    /// The wall clock, in milliseconds since 1970.
    pub(crate) fn unix_ms(&self) -> u64 {
        match self {
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |age| age.as_millis() as u64),
            Clock::Simulated(read) => read().1,
        }
    }
}

/// The system's random source gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("reading the system's random source: {0}")]
pub(crate) struct NoRandomness(getrandom::Error);

/// `N` random bytes, fit for keys.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}
