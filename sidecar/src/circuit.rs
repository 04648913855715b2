//! One channel's health: whether traffic flows to it, and when it may again. A value with two methods, `admit` and
//! `record`; time and randomness are arguments. Called by `lane`; it must never wait, log or know what a request is.
//!
//! ```text
//!            failures in a row, or too low a success rate
//! Flowing ------------------------------------------------> Shut { until }
//!    ^  ^                                                      | until passes, one real request goes through
//!    |  +---------------- success ------------------------- Probing
//!    |                                                         | failure: twice as long
//! ```

use purser_config::Health;
use std::time::Duration;

/// Failed connections in a row that shut a channel whatever its limit says: nobody is there.
const REFUSED_CONNECTIONS: u32 = 2;
/// The span over which a success rate is judged.
const RATE_WINDOW: Duration = Duration::from_secs(30);
/// How long a channel that came back is given less than its weight.
const SLOW_START: Duration = Duration::from_secs(30);
/// How long a channel that said 429 is given less than its weight.
const BUSY_RECOVERY: Duration = Duration::from_secs(60);

/// Where traffic stands.
#[allow(missing_docs, reason = "the variants say what their fields hold")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    /// It flows.
    Flowing,
    /// It does not, until then.
    Shut { until: Duration },
    /// One request is finding out.
    Probing,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Flow,
    /// It may, and it decides for the others.
    Probe,
    /// Not before then.
    Wait(Duration),
}

/// How a request ended, as far as health is concerned.
#[allow(missing_docs, reason = "the variants say what their fields hold")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was answered.
    Success,
    /// It was not; weighs as this many failures.
    Failure {
        weight: u32,
        refused_connection: bool,
        retry_after: Option<Duration>,
    },
    /// The provider asks for a pause; not a fault.
    Busy { pause: Duration },
    /// The provider refuses the account: out for long, doubling.
    Disabled {
        first: Duration,
        longest: Duration,
        unpaid: bool,
    },
    /// Says nothing about the channel.
    Nothing,
}

/// The circuit of one channel, or of one credential of it.
#[derive(Clone, Debug)]
pub struct Circuit {
    state: State,
    /// Failures since the last success.
    failures: u32,
    refused: u32,
    /// Times in a row that it was shut.
    shuts: u32,
    /// Successes and failures since `window_began`, halved as the window passes.
    good: f32,
    bad: f32,
    window_began: Duration,
    /// Until when it would have stayed shut, while it is probed ahead of its time.
    ahead_of: Option<Duration>,
    /// Since when no request has succeeded, while it is not flowing.
    out_since: Option<Duration>,
    opened_at: Option<Duration>,
    busy_at: Option<Duration>,
    why: Why,
}

/// Why a circuit is shut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// It failed; when nothing else is left it may be probed early.
    #[default]
    Failing,
    /// The provider asked for a pause, which is kept.
    Busy,
    /// The provider refuses the credential.
    Disabled,
    /// The provider refuses the account: it has no credit left.
    Unpaid,
}

impl Default for Circuit {
    fn default() -> Self {
        Circuit {
            state: State::Flowing,
            failures: 0,
            refused: 0,
            shuts: 0,
            good: 0.0,
            bad: 0.0,
            window_began: Duration::ZERO,
            ahead_of: None,
            out_since: None,
            opened_at: None,
            busy_at: None,
            why: Why::Failing,
        }
    }
}

impl Circuit {
    /// Whether a request may be sent now. A `Probe` must be followed by a `record`, or by `abandon`.
    pub fn admit(&mut self, now: Duration) -> Admission {
        match self.state {
            State::Flowing => Admission::Flow,
            State::Shut { until } if now >= until => {
                self.state = State::Probing;
                Admission::Probe
            }
            State::Shut { until } => Admission::Wait(until),
            State::Probing => Admission::Wait(now + Duration::from_millis(100)),
        }
    }

    /// What `admit` would say, without claiming the probe.
    pub fn peek(&self, now: Duration) -> Admission {
        match self.state {
            State::Flowing => Admission::Flow,
            State::Shut { until } if now >= until => Admission::Probe,
            State::Shut { until } => Admission::Wait(until),
            State::Probing => Admission::Wait(now + Duration::from_millis(100)),
        }
    }

    /// Claims a probe ahead of its time: every channel is shut, and this one is closest to coming back.
    pub fn force_probe(&mut self) -> bool {
        let free = self.may_be_forced();
        if let (true, State::Shut { until }) = (free, self.state) {
            self.ahead_of = Some(until);
            self.state = State::Probing;
        }
        free
    }

    /// Whether `force_probe` would claim one.
    pub fn may_be_forced(&self) -> bool {
        self.state != State::Probing && self.why == Why::Failing
    }

    /// A probe whose request was never judged (its caller left): the next request probes again.
    pub fn abandon(&mut self, now: Duration) {
        if self.state == State::Probing {
            self.state = State::Shut { until: now };
        }
    }

    /// Takes note of how a request ended. `draw` is a fraction in [0, 1) for jitter.
    pub fn record(&mut self, now: Duration, mark: Mark, health: &Health, draw: f64) {
        let ahead_of = self.ahead_of.take_if(|_| mark != Mark::Nothing);
        match mark {
            Mark::Nothing => self.abandon(now),
            Mark::Success => self.succeed(now),
            Mark::Failure { retry_after, .. } if self.is_cooling(ahead_of) => {
                self.stay_shut(ahead_of, now + retry_after.unwrap_or_default());
            }
            Mark::Failure {
                weight,
                refused_connection,
                retry_after,
            } => {
                self.fail(now, weight, refused_connection);
                if self.must_shut(health, retry_after) {
                    self.why = Why::Failing;
                    let spell = retry_after
                        .unwrap_or_default()
                        .max(self.cooldown(health, draw));
                    self.shut(
                        now,
                        spell.min(Duration::from_millis(health.max_cooldown_ms)),
                    );
                }
            }
            Mark::Busy { pause } => {
                self.busy_at = Some(now);
                self.pause(now + pause);
            }
            Mark::Disabled {
                first,
                longest,
                unpaid,
            } => {
                self.why = if unpaid { Why::Unpaid } else { Why::Disabled };
                let spell = first.saturating_mul(1 << self.shuts.min(16)).min(longest);
                self.shut(now, spell);
            }
        }
    }

    /// Since when it has been out, if it is.
    pub fn out_since(&self) -> Option<Duration> {
        self.out_since
    }

    /// Why it is shut, if it is.
    pub fn why(&self) -> Option<Why> {
        (self.state != State::Flowing).then_some(self.why)
    }

    /// Whether any request was ever judged here.
    pub fn is_used(&self) -> bool {
        self.good + self.bad > 0.0 || self.busy_at.is_some() || self.state != State::Flowing
    }

    /// Where traffic stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The part of its weight that it should get now: 10 % rising to all over 30 s after it came back, half rising to all
    /// over 60 s after a 429.
    pub fn weight_factor(&self, now: Duration) -> f64 {
        let ramp = |since: Option<Duration>, span: Duration, floor: f64| match since {
            Some(at) => (floor
                + (1.0 - floor) * now.saturating_sub(at).as_secs_f64() / span.as_secs_f64())
            .min(1.0),
            None => 1.0,
        };
        ramp(self.opened_at, SLOW_START, 0.1) * ramp(self.busy_at, BUSY_RECOVERY, 0.5)
    }

    /// Whether a failure adds nothing to what is known: the cooldown runs already, and only a probe that was due may
    /// lengthen it, or many calls that fail together would shut a channel for as long as many failures in a row.
    fn is_cooling(&self, ahead_of: Option<Duration>) -> bool {
        matches!(self.state, State::Shut { .. }) || ahead_of.is_some()
    }

    fn stay_shut(&mut self, ahead_of: Option<Duration>, earliest: Duration) {
        let until = match self.state {
            State::Shut { until } => until,
            _ => ahead_of.unwrap_or_default(),
        };
        self.state = State::Shut {
            until: until.max(earliest),
        };
    }

    fn succeed(&mut self, now: Duration) {
        // Sent before the provider asked for its pause, or refused the account: says nothing about now.
        if matches!(self.state, State::Shut { .. }) && self.why != Why::Failing {
            return;
        }
        if self.state != State::Flowing {
            self.opened_at = (self.shuts > 0).then_some(now);
            self.state = State::Flowing;
            (self.good, self.bad) = (0.0, 0.0);
            self.window_began = now;
        }
        self.age(now);
        self.good += 1.0;
        (self.failures, self.refused, self.shuts) = (0, 0, 0);
        self.out_since = None;
    }

    fn fail(&mut self, now: Duration, weight: u32, refused: bool) {
        self.age(now);
        self.bad += weight as f32;
        self.failures = self.failures.saturating_add(weight);
        self.refused = if refused {
            self.refused.saturating_add(1)
        } else {
            0
        };
    }

    fn must_shut(&self, health: &Health, retry_after: Option<Duration>) -> bool {
        let results = self.good + self.bad;
        let rate_too_low = results >= health.min_requests as f32
            && self.good * 100.0 < health.success_rate_percent as f32 * results;
        self.state != State::Flowing
            || self.failures >= health.consecutive_failures
            || self.refused >= REFUSED_CONNECTIONS
            || rate_too_low
            || retry_after.is_some()
    }

    fn cooldown(&self, health: &Health, draw: f64) -> Duration {
        let doubled = health
            .cooldown_ms
            .saturating_mul(1 << self.shuts.min(16))
            .min(health.max_cooldown_ms);
        Duration::from_millis(doubled).mul_f64(0.8 + 0.4 * draw)
    }

    fn shut(&mut self, now: Duration, spell: Duration) {
        self.state = State::Shut { until: now + spell };
        self.shuts = self.shuts.saturating_add(1);
        self.out_since.get_or_insert(now);
    }

    /// Halves what is old, so that the rate is that of about the last 30 s.
    fn age(&mut self, now: Duration) {
        let windows = now.saturating_sub(self.window_began).as_secs() / RATE_WINDOW.as_secs();
        if windows > 0 {
            let kept = 0.5_f32.powi(windows.min(64) as i32);
            (self.good, self.bad) = (self.good * kept, self.bad * kept);
            self.window_began = now;
        }
    }

    /// A pause that was asked for. It shortens none that runs, and an account that is refused stays refused.
    fn pause(&mut self, until: Duration) {
        match (self.state, self.why) {
            (State::Shut { .. }, Why::Disabled | Why::Unpaid) => {}
            (State::Shut { until: known }, _) if known > until => self.why = Why::Busy,
            _ => {
                self.why = Why::Busy;
                self.state = State::Shut { until };
            }
        }
    }
}

#[cfg(test)]
mod tests;
