//! Prepaid credits of active metered keys: reserved beforehand, so that an operator's restart is no outage for them (DESIGN 5). Pure:
//! time is an argument. A key that spends has at least what fifteen seconds of it cost: an operator that is away for ten, and the longest pause
//! before a sidecar finds it again. One that falls silent gives it back.

use purser_config::Name;
use purser_config::price::Micros;
use std::collections::HashMap;
use std::time::Duration;

/// How long an allowance should last.
const LASTS: Duration = Duration::from_secs(18);
/// Of how many parts of it how many are left before more is asked for: a key whose spending grew slowly would else be left with half.
const ENOUGH: (u64, u64) = (5, 6);
/// After so long without a call an allowance is given back.
const IDLE: Duration = Duration::from_secs(60);
/// After so long without a call a rate of spending counts half.
const HALF_LIFE: Duration = Duration::from_secs(5);
/// Between two questions for one key, whatever they bring.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who pays for a call while nobody can be asked.
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

#[derive(Debug, Default)]
struct Purse {
    /// Reservations and what is left of each; the first is drawn from first.
    held: Vec<Drawn>,
    /// Credits a second, fading.
    weight: f64,
    spent: Duration,
    /// When anything of it was last drawn, put back or granted.
    touched: Duration,
    /// Calls under way that it pays for: whoever gives it back before their records arrive lets them go unpaid.
    paying: u32,
    /// The largest estimate of late: an allowance that cannot pay one call is none.
    largest: Micros,
    asked: Option<Duration>,
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

    fn left(&self) -> Micros {
        let left = self.held.iter().map(|drawn| drawn.credits);
        left.fold(0, Micros::saturating_add)
    }

    fn target(&self, now: Duration) -> Micros {
        let per_second = self.faded(now) * std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64();
        // Saturates: a float that is too large becomes the largest integer.
        let lasting = (per_second * LASTS.as_secs_f64()).ceil() as Micros;
        lasting.max(self.largest)
    }
}

impl Allowances {
    /// A call of this key was reserved for so many credits. Says whether to ask for an allowance now.
    pub(super) fn spending(&mut self, key: &Name, credits: Micros, now: Duration) -> Option<Step> {
        let purse = self.purses.entry(key.clone()).or_default();
        purse.weight = purse.faded(now) + credits as f64;
        purse.spent = purse.spent.max(now);
        purse.touched = purse.touched.max(now);
        purse.largest = purse.largest.max(credits);
        let (target, left) = (purse.target(now), purse.left());
        let due = purse.asked.is_none_or(|asked| now >= asked + PATIENCE);
        if !due || left.saturating_mul(ENOUGH.1) >= target.saturating_mul(ENOUGH.0) {
            return None;
        }
        purse.asked = Some(now);
        self.asking += 1;
        Some(Step::Ask {
            credits: target - left,
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
            purse.held.push(Drawn { id, credits });
        }
    }

    /// Pays for one call, if one allowance can.
    pub(super) fn draw(&mut self, key: &Name, credits: Micros, now: Duration) -> Option<Drawn> {
        let purse = self.purses.get_mut(key)?;
        let held = purse.held.iter_mut().find(|held| held.credits >= credits)?;
        held.credits -= credits;
        (purse.touched, purse.paying) = (now, purse.paying + 1);
        let id = held.id.clone();
        Some(Drawn { id, credits })
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
        (purse.touched, purse.paying) = (now, purse.paying.saturating_sub(1));
        let held = purse.held.iter_mut().find(|held| held.id == drawn.id);
        if let Some(held) = held {
            held.credits = held.credits.saturating_add(unused.min(drawn.credits));
        }
    }

    /// What silent keys hold, to be given back. To be called now and then.
    pub(super) fn idle(&mut self, now: Duration) -> Vec<(Name, Step)> {
        let mut steps = Vec::new();
        self.purses.retain(|key, purse| {
            let idle = purse.paying == 0 && now.saturating_sub(purse.touched) >= IDLE;
            if idle {
                let released = purse.held.drain(..);
                steps.extend(released.map(|held| (key.clone(), Step::Release(held.id))));
            }
            !idle
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
mod tests {
    use super::*;

    fn key() -> Name {
        Name::new("shop", "a")
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_that_spends_is_given_what_eighteen_seconds_of_it_cost() {
        let mut allowances = Allowances::default();
        let mut asked = Vec::new();
        for tenth in 0..600_u32 {
            let step = allowances.spending(&key(), 100, Duration::from_millis(100) * tenth);
            if let Some(Step::Ask { credits, .. }) = step {
                asked.push(credits);
            }
        }
        // A thousand a second; whoever gets nothing asks again, and no more often than every two seconds.
        assert!(asked.len() <= 30, "{}", asked.len());
        assert!(
            asked
                .last()
                .is_some_and(|last| (16_500..20_000).contains(last)),
            "{asked:?}"
        );
    }

    #[test]
    fn whatever_way_a_keys_spending_grew_it_lasts_fifteen_seconds_and_is_asked_for_seldom() {
        for growth in [1.0, 1.01, 1.03, 1.1] {
            let mut allowances = Allowances::default();
            let (mut asked, mut held) = (0, 0);
            for tenth in 0..1_200_u32 {
                let now = Duration::from_millis(100) * tenth;
                let grown = f64::powi(growth, i32::try_from(tenth.min(600) / 10).unwrap());
                let credits = (100.0 * grown) as u64;
                let step = allowances.spending(&key(), credits, now);
                if let Some(Step::Ask { credits, .. }) = step {
                    (asked, held) = (asked + 1, held + credits);
                    allowances.granted(&key(), (format!("a-{tenth}"), credits), now);
                }
                // Ten of these a second; it grows for a minute, and half a minute later the rate is known.
                let lasts = held as f64 / (credits * 10) as f64;
                assert!(tenth < 900 || lasts > 14.5, "{growth} {tenth}: {lasts}");
            }
            assert!(asked <= 40, "{growth}: {asked}");
        }
    }

    #[test]
    fn a_single_call_is_given_enough_for_another() {
        let mut allowances = Allowances::default();
        assert_eq!(
            allowances.spending(&key(), 5, at(1)),
            Some(Step::Ask {
                credits: 13,
                call: 5
            })
        );
        allowances.granted(&key(), ("a-1".into(), 13), at(1));
        assert_eq!(allowances.spending(&key(), 5, at(20)), None);
    }

    #[test]
    fn an_allowance_pays_until_it_is_empty_and_takes_back_what_was_not_used() {
        let mut allowances = Allowances::default();
        allowances.granted(&key(), ("a-1".into(), 10), at(1));
        let drawn = allowances.draw(&key(), 8, at(1)).unwrap();
        assert_eq!(allowances.draw(&key(), 8, at(1)), None);
        allowances.put_back(&key(), (&drawn, 7), at(1));
        assert_eq!(
            allowances
                .draw(&key(), 9, at(1))
                .map(|drawn| drawn.id)
                .as_deref(),
            Some("a-1")
        );
        assert_eq!(allowances.draw(&key(), 1, at(1)), None);
    }

    #[test]
    fn a_silent_key_gives_its_allowance_back_once() {
        let mut allowances = Allowances::default();
        allowances.spending(&key(), 5, at(1));
        allowances.granted(&key(), ("a-1".into(), 9), at(1));
        assert!(allowances.idle(at(60)).is_empty());
        assert_eq!(
            allowances.idle(at(61)),
            [(key(), Step::Release("a-1".into()))]
        );
        assert!(allowances.idle(at(62)).is_empty());
        assert_eq!(allowances.draw(&key(), 1, at(1)), None);
    }

    #[test]
    fn an_allowance_that_pays_for_a_call_under_way_is_not_given_back_however_long_the_call_is() {
        let mut allowances = Allowances::default();
        allowances.granted(&key(), ("a-1".into(), 9), at(1));
        let drawn = allowances.draw(&key(), 5, at(2)).unwrap();
        assert!(allowances.idle(at(600)).is_empty());
        allowances.put_back(&key(), (&drawn, 1), at(600));
        assert!(
            allowances.idle(at(659)).is_empty(),
            "its record is on its way"
        );
        assert_eq!(allowances.idle(at(660)).len(), 1);
    }
}
