//! What a channel has that outlives a reload: its pool of connections, its circuit and those of its credentials, and the
//! models it was found not to know. Kept by name in `Lanes`; `snapshot` takes what it needs from there, `failover` asks
//! and marks. It must never decide which channel comes next.

use crate::circuit::{Admission, Circuit, Mark, State, Why};
use crate::dial::{Dial, InvalidCa};
use crate::pool::Pool;
use crate::route;
use purser_config::{Channel, Health, Name};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a model stays off at a channel that does not know it.
const MODEL_OFF: Duration = Duration::from_secs(600);

/// One channel's living part.
pub struct Lane {
    /// Its name.
    pub name: Name,
    /// A stable hash of the name, for routing.
    pub hash: u64,
    /// Its connections.
    pub pool: Arc<Pool>,
    health: Mutex<Vitals>,
}

/// What was found of a channel so far, for whoever reports it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Whether any call was ever judged.
    pub used: bool,
    /// Why and since when the whole channel is out, if it is.
    pub out: Option<(Why, Duration)>,
    /// The same for each credential, in the channel's order.
    pub credentials: Vec<Option<(Why, Duration)>>,
    /// Models that are off, by the provider's names, and since when.
    pub models_off: Vec<(String, Duration)>,
}

#[derive(Default)]
struct Vitals {
    circuit: Circuit,
    credentials: Vec<Circuit>,
    models_off: HashMap<String, Duration>,
    turn: usize,
}

impl Lane {
    fn open(name: &Name, channel: &Channel) -> Result<Self, InvalidCa> {
        let limit = Duration::from_millis(channel.timeouts.connect_ms);
        let dial = Dial::new(limit, channel.ca_pem.as_deref())?;
        let credentials = vec![Circuit::default(); channel.credentials.len()];
        let vitals = Vitals {
            credentials,
            ..Vitals::default()
        };
        Ok(Lane {
            name: name.clone(),
            hash: route::hash(name.as_str()),
            pool: Pool::new(dial),
            health: Mutex::new(vitals),
        })
    }

    fn vitals(&self) -> MutexGuard<'_, Vitals> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the channel would take a request for this model now, and with what part of its weight.
    pub fn peek(&self, model: &str, now: Duration) -> (Admission, f64) {
        let vitals = self.vitals();
        let factor = vitals.circuit.weight_factor(now);
        if let Some(until) = vitals.off_until(model, now) {
            return (Admission::Wait(until), factor);
        }
        match (vitals.circuit.peek(now), vitals.first_credential(now)) {
            (Admission::Wait(until), _) | (_, Err(until)) => (Admission::Wait(until), factor),
            (admission, _) => (admission, factor),
        }
    }

    /// Claims a request, with the credential to use, or says until when to wait. With `force` a circuit that failures shut
    /// is probed ahead of its time, one request at a time; a pause that a provider asked for is kept. `only`: no other credential will do.
    pub fn claim(
        self: &Arc<Self>,
        (model, only): (&str, Option<usize>),
        now: Duration,
        force: bool,
    ) -> Result<Claim, Duration> {
        let mut vitals = self.vitals();
        if let Some(until) = vitals.off_until(model, now) {
            return Err(until);
        }
        let credential = match only {
            Some(at) => vitals.this_credential(at, now)?,
            None => vitals.first_credential(now)?,
        };
        match vitals.circuit.admit(now) {
            Admission::Flow | Admission::Probe => {}
            Admission::Wait(until) if !(force && vitals.circuit.force_probe()) => {
                return Err(until);
            }
            Admission::Wait(_) => {}
        }
        if let Some(circuit) = vitals.credentials.get_mut(credential) {
            circuit.admit(now);
        }
        // Who has no choice takes nobody's turn.
        vitals.turn = vitals.turn.wrapping_add(usize::from(only.is_none()));
        drop(vitals);
        Ok(Claim {
            lane: Arc::clone(self),
            credential,
            settled: false,
        })
    }

    /// Whether a credential other than this one could be used now.
    pub fn has_spare(&self, used: usize, now: Duration) -> bool {
        let vitals = self.vitals();
        let mut others = vitals.credentials.iter().enumerate();
        others.any(|(at, circuit)| at != used && !matches!(circuit.peek(now), Admission::Wait(_)))
    }

    /// What `claim` would say, without claiming.
    pub fn would_take(&self, model: &str, now: Duration, force: bool) -> bool {
        let vitals = self.vitals();
        let reachable = match vitals.circuit.peek(now) {
            Admission::Flow | Admission::Probe => true,
            Admission::Wait(_) => force && vitals.circuit.may_be_forced(),
        };
        reachable && vitals.off_until(model, now).is_none() && vitals.first_credential(now).is_ok()
    }

    /// Notes how an answer ended that was already being relayed.
    pub fn note(&self, noted: &Noted<'_>) {
        self.vitals()
            .circuit
            .record(noted.now, noted.mark, noted.health, noted.draw);
    }

    /// Takes a model, by the provider's name for it, off for ten minutes.
    pub fn forget_model(&self, model: &str, now: Duration) {
        self.vitals()
            .models_off
            .insert(model.to_owned(), now + MODEL_OFF);
    }

    /// Whether it was found not to know this model.
    pub fn lacks(&self, model: &str, now: Duration) -> bool {
        self.vitals().off_until(model, now).is_some()
    }

    /// Since when it has been out, for this model.
    pub fn out_since(&self, model: &str, now: Duration) -> Option<Duration> {
        let vitals = self.vitals();
        if let Some(until) = vitals.off_until(model, now) {
            return Some(until.saturating_sub(MODEL_OFF));
        }
        let credentials = vitals.credentials.iter().map(Circuit::out_since);
        let all_out = if vitals.credentials.is_empty() {
            None
        } else {
            credentials.min().flatten()
        };
        vitals.circuit.out_since().or(all_out)
    }

    /// Whether it is out because its provider asked for a pause.
    pub fn is_busy(&self) -> bool {
        let vitals = self.vitals();
        let busy = |circuit: &Circuit| circuit.why() == Some(Why::Busy);
        busy(&vitals.circuit)
            || (!vitals.credentials.is_empty() && vitals.credentials.iter().all(busy))
    }

    /// What was found so far.
    pub fn findings(&self, now: Duration) -> Findings {
        let out = |circuit: &Circuit| circuit.why().zip(circuit.out_since());
        let vitals = self.vitals();
        let off = vitals.models_off.iter().filter(|(_, until)| **until > now);
        let mut models_off: Vec<_> = off
            .map(|(model, until)| (model.clone(), until.saturating_sub(MODEL_OFF)))
            .collect();
        models_off.sort();
        Findings {
            used: vitals.circuit.is_used()
                || vitals.credentials.iter().any(Circuit::is_used)
                || !vitals.models_off.is_empty(),
            out: out(&vitals.circuit),
            credentials: vitals.credentials.iter().map(out).collect(),
            models_off,
        }
    }

    /// Where its circuit stands, for metrics.
    pub fn state(&self) -> State {
        self.vitals().circuit.state()
    }
}

impl Vitals {
    /// Until when the model is off, if it is.
    fn off_until(&self, model: &str, now: Duration) -> Option<Duration> {
        let until = self.models_off.get(model).copied();
        until.filter(|until| *until > now)
    }

    /// This credential, or until when to wait for it.
    fn this_credential(&self, at: usize, now: Duration) -> Result<usize, Duration> {
        match self.credentials.get(at).map(|circuit| circuit.peek(now)) {
            Some(Admission::Wait(until)) => Err(until),
            _ => Ok(at),
        }
    }

    /// The next credential in turn that may be used; until when to wait if none may.
    fn first_credential(&self, now: Duration) -> Result<usize, Duration> {
        let count = self.credentials.len();
        if count == 0 {
            return Ok(0);
        }
        let mut soonest: Option<Duration> = None;
        for step in 0..count {
            let at = (self.turn + step) % count;
            match self.credentials.get(at).map(|circuit| circuit.peek(now)) {
                Some(Admission::Wait(until)) => {
                    soonest = Some(soonest.map_or(until, |first| first.min(until)))
                }
                _ => return Ok(at),
            }
        }
        Err(soonest.unwrap_or(now))
    }
}

/// A request that was let through, and must be judged: if it is dropped unjudged, its probe is given back.
pub struct Claim {
    lane: Arc<Lane>,
    /// Which credential to send.
    pub credential: usize,
    settled: bool,
}

impl Claim {
    /// Notes how it ended. `credential` says that the mark is about the credential and not about the channel.
    pub fn settle(mut self, noted: Noted<'_>) {
        self.settled = true;
        let Noted {
            now,
            mark,
            credential,
            health,
            draw,
        } = noted;
        let mut vitals = self.lane.vitals();
        let about_credential = credential && !vitals.credentials.is_empty();
        let (on_channel, on_credential) = if about_credential {
            (Mark::Nothing, mark)
        } else {
            (mark, Mark::Nothing)
        };
        vitals.circuit.record(now, on_channel, health, draw);
        let on_credential = if on_channel == Mark::Success {
            Mark::Success
        } else {
            on_credential
        };
        if let Some(circuit) = vitals.credentials.get_mut(self.credential) {
            circuit.record(now, on_credential, health, draw);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            let mut vitals = self.lane.vitals();
            vitals.circuit.abandon(Duration::ZERO);
            if let Some(circuit) = vitals.credentials.get_mut(self.credential) {
                circuit.abandon(Duration::ZERO);
            }
        }
    }
}

/// How a claimed request ended.
pub struct Noted<'a> {
    /// When.
    pub now: Duration,
    /// What the circuit notes.
    pub mark: Mark,
    /// Whether it is about the credential.
    pub credential: bool,
    /// The channel's limits.
    pub health: &'a Health,
    /// A fraction in [0, 1), for jitter.
    pub draw: f64,
}

/// All lanes, by channel name; a changed address, credential or CA starts a lane afresh.
#[derive(Default)]
pub struct Lanes {
    open: Mutex<HashMap<Name, (u64, Arc<Lane>)>>,
}

impl Lanes {
    /// The lane of this channel, kept from before where it connects to the same with the same.
    ///
    /// # Errors
    /// When the channel's CA cannot be read.
    pub fn of(&self, name: &Name, channel: &Channel) -> Result<Arc<Lane>, InvalidCa> {
        let fingerprint = fingerprint(channel);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lane)) = open.get(name).filter(|(known, _)| *known == fingerprint) {
            return Ok(Arc::clone(lane));
        }
        let lane = Arc::new(Lane::open(name, channel)?);
        open.insert(name.clone(), (fingerprint, Arc::clone(&lane)));
        Ok(lane)
    }

    /// Lets go of the lanes of channels that are gone.
    pub fn retain(&self, keep: impl Fn(&Name) -> bool) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|name, _| keep(name));
    }

    /// Every lane, for metrics.
    pub fn all(&self) -> Vec<Arc<Lane>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(|(_, lane)| Arc::clone(lane))
            .collect()
    }
}

fn fingerprint(channel: &Channel) -> u64 {
    let mut mixed = route::hash(&channel.base_url) ^ channel.timeouts.connect_ms;
    mixed = route::mix(mixed ^ channel.ca_pem.as_deref().map_or(1, route::hash));
    for credential in &channel.credentials {
        mixed = route::mix(mixed ^ route::hash(credential.value.reveal()));
    }
    mixed
}

#[cfg(test)]
mod tests;
