//! Prepaid credits of active metered keys: reserved beforehand, so that an operator's restart is no outage for them (DESIGN 5). Pure:
//! time is an argument. A key that spends has at least what fifteen seconds of it cost: an operator that is away for ten, and the longest pause
//! before a sidecar finds it again. What is there beyond that pays for its calls, so that they need not wait for the ledger's disk; the next
//! is asked for before it is gone. A key that falls silent gives all of it back.

use purser_config::Name;
use purser_config::price::Micros;
use std::collections::HashMap;
use std::time::Duration;

/// How long an allowance should last.
const LASTS: Duration = Duration::from_secs(21);
/// Of how many parts of it how many an outage needs. More is asked for before that, so that there is always some beyond to pay with.
const PARTS: u64 = 7;
const NEEDED: u64 = 5;
const ASKED_FROM: u64 = 6;
/// After so long without a call an allowance is given back.
const IDLE: Duration = Duration::from_secs(60);
/// After so long without a call a rate of spending counts half.
const HALF_LIFE: Duration = Duration::from_secs(5);
/// Between two questions for one key, whatever they bring.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same after one that brought all that was asked for: of a key that has just become busy.
const PROMPT: Duration = Duration::from_millis(200);
/// An allowance that was left behind is given back so long after the last call that it paid for: by then that one's record is kept, or
/// the spool says that it is behind.
const RETIRES: Duration = Duration::from_secs(10);

/// Who pays for a call that does not ask for its own credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// The allowance's reservation.
    pub(crate) id: String,
    /// What was taken of it.
    pub(crate) credits: Micros,
}

/// What to ask the authority for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A new allowance of this many credits, for calls of at most that many.
    Ask { credits: Micros, call: Micros },
    /// This one is not needed any more.
    Release(String),
}

/// One allowance.
#[derive(Debug)]
struct Held {
    /// Its reservation.
    id: String,
    /// What may be drawn of it.
    left: Micros,
    /// Calls under way that it pays for: whoever gives it back before their records arrive lets them go unpaid.
    paying: u32,
    /// When anything of it was last drawn or put back.
    touched: Duration,
    /// A call found too little in it.
    passed: bool,
    /// It was granted to an earlier connection, and may have been resolved since as that of a lost sidecar.
    former: bool,
}

#[derive(Debug, Default)]
struct Purse {
    /// The first is drawn from first.
    held: Vec<Held>,
    /// Credits a second, fading.
    weight: f64,
    spent: Duration,
    /// When anything of it was last drawn, put back or granted.
    touched: Duration,
    /// The largest estimate of late: an allowance that cannot pay one call is none.
    largest: Micros,
    /// When was asked for more, and for how much.
    asked: Option<(Duration, Micros)>,
    /// Whether all of that was granted.
    granted: bool,
}

/// Allowances by key.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    purses: HashMap<Name, Purse>,
    /// Questions that are not answered yet.
    asking: u32,
}

impl Purse {
    fn faded(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.spent).as_secs_f64();
        self.weight * (-passed / HALF_LIFE.as_secs_f64()).exp2()
    }

    /// What may be drawn of allowances that are surely held, and have enough for one call.
    fn left(&self, call: Micros) -> Micros {
        let can_pay = |held: &&Held| !held.former && held.left >= call;
        let held = self.held.iter().filter(can_pay);
        held.map(|held| held.left).fold(0, Micros::saturating_add)
    }

    fn may_ask(&self, now: Duration) -> bool {
        let patience = if self.granted { PROMPT } else { PATIENCE };
        self.asked.is_none_or(|(asked, _)| now >= asked + patience)
    }

    /// Takes so much of the first allowance that has it, of those that may pay.
    fn draw(
        &mut self,
        credits: Micros,
        now: Duration,
        may_pay: impl Fn(&Held) -> bool,
    ) -> Option<Drawn> {
        for held in self.held.iter_mut().filter(|held| may_pay(held)) {
            held.passed = held.left < credits;
            if held.passed {
                continue;
            }
            held.left -= credits;
            (held.touched, held.paying) = (now, held.paying + 1);
            self.touched = now;
            let id = held.id.clone();
            return Some(Drawn { id, credits });
        }
        None
    }

    /// Takes out what is to be given back: all of it where the key fell silent, else what was left behind.
    fn retire(&mut self, now: Duration) -> impl Iterator<Item = String> {
        let paying = self.held.iter().any(|held| held.paying > 0);
        let idle = !paying && now.saturating_sub(self.touched) >= IDLE;
        let over = move |held: &mut Held| {
            let behind = (held.passed || held.former) && held.paying == 0;
            idle || behind && now.saturating_sub(held.touched) >= RETIRES
        };
        let over: Vec<Held> = self.held.extract_if(.., over).collect();
        over.into_iter().map(|held| held.id)
    }

    fn target(&self, now: Duration) -> Micros {
        let per_second = self.faded(now) * std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64();
        // Saturates: a float that is too large becomes the largest integer.
        let lasting = (per_second * LASTS.as_secs_f64()).ceil() as Micros;
        lasting.max(self.largest)
    }
}

/// Whether so much is less than so many parts of what should be there.
fn is_short(left: Micros, parts: u64, target: Micros) -> bool {
    left.saturating_mul(PARTS) < target.saturating_mul(parts)
}

impl Allowances {
    /// A call of this key was reserved for so many credits. Says whether to ask for an allowance now.
    pub(super) fn spending(&mut self, key: &Name, credits: Micros, now: Duration) -> Option<Step> {
        let purse = self.purses.entry(key.clone()).or_default();
        purse.weight = purse.faded(now) + credits as f64;
        purse.spent = purse.spent.max(now);
        purse.touched = purse.touched.max(now);
        purse.largest = purse.largest.max(credits);
        let (target, left) = (purse.target(now), purse.left(credits));
        if !purse.may_ask(now) || !is_short(left, ASKED_FROM, target) {
            return None;
        }
        // A piece that cannot pay for such a call is none.
        let more = (target - left).max(credits);
        (purse.asked, purse.granted) = (Some((now, more)), false);
        self.asking += 1;
        Some(Step::Ask {
            credits: more,
            call: purse.largest,
        })
    }

    /// A question was answered, or never will be.
    pub(super) fn answered(&mut self) {
        self.asking = self.asking.saturating_sub(1);
    }

    /// Whether an answer may yet bring something that is to be given back.
    pub(super) fn is_asking(&self) -> bool {
        self.asking > 0
    }

    /// The authority reserved an allowance.
    pub(super) fn granted(&mut self, key: &Name, (id, credits): (String, Micros), now: Duration) {
        if credits > 0 {
            let purse = self.purses.entry(key.clone()).or_default();
            purse.touched = purse.touched.max(now);
            purse.granted = purse.asked.is_some_and(|(_, more)| credits >= more);
            purse.held.push(Held {
                id,
                left: credits,
                paying: 0,
                touched: now,
                passed: false,
                former: false,
            });
        }
    }

    /// Pays for one call, if one allowance can.
    pub(super) fn draw(&mut self, key: &Name, credits: Micros, now: Duration) -> Option<Drawn> {
        self.purses.get_mut(key)?.draw(credits, now, |_| true)
    }

    /// The same where nobody needs to: only of what is there beyond an outage's need.
    pub(super) fn ahead(&mut self, key: &Name, credits: Micros, now: Duration) -> Option<Drawn> {
        let purse = self.purses.get_mut(key)?;
        let spared = purse.left(credits).saturating_sub(credits);
        if is_short(spared, NEEDED, purse.target(now)) {
            return None;
        }
        purse.draw(credits, now, |held| !held.former)
    }

    /// Another connection begins: the authority behind it may hold nothing of what an earlier one granted.
    pub(super) fn begin_anew(&mut self) {
        let all = self.purses.values_mut();
        all.flat_map(|purse| &mut purse.held)
            .for_each(|held| held.former = true);
    }

    /// A call is over, and did not use so much of what it drew.
    pub(super) fn put_back(
        &mut self,
        key: &Name,
        (drawn, unused): (&Drawn, Micros),
        now: Duration,
    ) {
        let Some(purse) = self.purses.get_mut(key) else {
            return;
        };
        purse.touched = now;
        let held = purse.held.iter_mut().find(|held| held.id == drawn.id);
        if let Some(held) = held {
            held.left = held.left.saturating_add(unused.min(drawn.credits));
            (held.touched, held.paying) = (now, held.paying.saturating_sub(1));
        }
    }

    /// What silent keys hold, and what busy ones left behind, to be given back. To be called now and then.
    pub(super) fn idle(&mut self, now: Duration) -> Vec<(Name, Step)> {
        let mut steps = Vec::new();
        self.purses.retain(|key, purse| {
            let over = purse.retire(now);
            steps.extend(over.map(|id| (key.clone(), Step::Release(id))));
            !purse.held.is_empty() || now.saturating_sub(purse.touched) < IDLE
        });
        steps
    }

    /// Every allowance, to be given back at the end of the process.
    pub(super) fn all(&mut self) -> Vec<(Name, Step)> {
        let purses = std::mem::take(&mut self.purses);
        let held = purses.into_iter().flat_map(|(key, purse)| {
            purse
                .held
                .into_iter()
                .map(move |held| (key.clone(), Step::Release(held.id)))
        });
        held.collect()
    }
}

#[cfg(test)]
mod tests;
