//! Try, judge, move on: for each channel in route order, one attempt, until one answers, the caller is at fault, or
//! nothing is left. Called by `gateway`; ends at the commit point. It must never send anything to the caller.

pub mod judge;
mod lost;
mod order;
mod pay;

pub use order::gone;

use crate::bill::Bill;
use crate::budget::Budget;
use crate::call::Call;
use crate::circuit::Admission;
use crate::clock::{self, Clock, millis};
use crate::lane::{Claim, Noted};
use crate::ledger::{Ledger, Reservation};
use crate::metrics::Metrics;
use crate::reject::Reject;
use crate::snapshot::Serving;
use crate::upstream::{Answer, attempt};
use judge::{Action, Outcome, Position, Ruling, Scope, judge};
use order::{claim, wait_of};
use purser_config::usage::{End, Failure, Fault};
use purser_config::{Endpoint, Name};
use purser_dialects::Usage;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most attempts of one call.
const MOST_ATTEMPTS: u32 = 3;
/// As many more at models that the plan names in its place, however many channels the model itself has.
const MORE_ATTEMPTS: u32 = 2;

/// What failover works with; lives as long as the process.
pub struct Failover {
    /// Repeats that may still be made.
    pub budget: Mutex<Budget>,
    /// The seam to time.
    pub clock: Clock,
    /// Where attempts are counted.
    pub metrics: Arc<Metrics>,
    /// Where grants become uses.
    pub ledger: Arc<Ledger>,
}

/// An answer, and who gave it after how many attempts.
pub struct Won {
    /// What to relay.
    pub answer: Box<Answer>,
    /// Whose it is.
    pub serving: Serving,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// What it will pay.
    pub bill: Bill,
}

/// A call without an answer, and how many attempts were made.
pub struct Lost {
    /// What the caller is told.
    pub reject: Reject,
    /// Attempts made.
    pub attempts: u32,
}

/// One call's way through the channels.
struct Trial<'a> {
    failover: &'a Failover,
    call: &'a Call,
    serving: Vec<&'a Serving>,
    outcomes: Vec<Outcome>,
    /// Where the last attempt failed, and why.
    failed: Option<(Name, Fault)>,
    /// Who first said that it does not support what is asked for, and its words: the caller's, if nobody answers.
    refused: Option<(Box<Answer>, Serving)>,
    reservation: Option<Reservation>,
    bill: Option<Bill>,
    attempts: u32,
    /// When a clock was read last: before the first attempt, before what is sent, and after each.
    now: Duration,
}

impl Failover {
    /// Carries the call to a channel that works.
    ///
    /// # Errors
    /// What to tell the caller when none does.
    pub async fn run(
        &self,
        call: &Call,
        serving: &[Serving],
        reservation: Reservation,
    ) -> Result<Won, Lost> {
        let now = self.clock.now();
        self.budget().request(now);
        let serving = self.in_order(call, serving, now);
        let mut trial = Trial {
            failover: self,
            call,
            serving,
            outcomes: Vec::new(),
            failed: None,
            refused: None,
            reservation: Some(reservation),
            bill: None,
            attempts: 0,
            now,
        };
        let result = trial.run(now).await;
        let (attempts, bill) = (trial.attempts, trial.bill.take());
        result.map_err(|reject| {
            if let Some(mut bill) = bill {
                bill.answered(reject.status());
                bill.end(End::Failed);
            }
            Lost { reject, attempts }
        })
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial<'_> {
    async fn run(&mut self, now: Duration) -> Result<Won, Reject> {
        for pass in [Pass::Admitted, Pass::Forced] {
            if pass == Pass::Forced {
                self.serving
                    .sort_by_key(|one| wait_of(&one.reach, one.upstream_name(), now));
            }
            let mut at = 0;
            while let Some(serving) = self.serving.get(at).copied() {
                match self.at_channel(serving, at, pass).await? {
                    Some((answer, bill)) => return Ok(self.won(answer, serving.clone(), bill)),
                    None => at += 1,
                }
            }
            // The panic rule: only when every circuit was shut is one probed ahead of its time.
            if self.attempts > 0 {
                break;
            }
        }
        if let Some((answer, serving)) = self.refused.take()
            && let Some(bill) = self.bill.take()
        {
            return Ok(self.won(answer, serving, bill));
        }
        Err(self.lost(now))
    }

    fn won(&self, answer: Box<Answer>, serving: Serving, bill: Bill) -> Won {
        Won {
            answer,
            serving,
            attempts: self.attempts,
            bill,
        }
    }

    fn look_at_clock(&mut self) -> Duration {
        self.now = self.failover.clock.now();
        self.now
    }

    /// A body that is not kept can be sent once.
    fn may_try(&self, serving: &Serving) -> bool {
        let most = match (self.call.replay, serving.substitute) {
            (false, _) => 1,
            (true, 0) => MOST_ATTEMPTS,
            (true, _) => MOST_ATTEMPTS + MORE_ATTEMPTS,
        };
        self.attempts < most
    }

    /// Attempts at one channel: one, and what the judge grants on top. `None`: on to the next.
    async fn at_channel(
        &mut self,
        serving: &Serving,
        at: usize,
        pass: Pass,
    ) -> Result<Option<(Box<Answer>, Bill)>, Reject> {
        let (mut repeats, mut first) = (0, true);
        while self.may_try(serving) {
            let force = pass == Pass::Forced || repeats > 0;
            let may = (force || is_open(serving, self.now)) && self.call.fits(serving).is_ok();
            if !may || !self.admit(serving, self.now).await? {
                return Ok(None);
            }
            let now = self.look_at_clock();
            let Some(claim) = claim(self.call, serving, (now, force, std::mem::take(&mut first)))
            else {
                return Ok(None);
            };
            self.spend().await?;
            self.attempts += 1;
            let sending = self.sending(serving, claim.credential);
            let attempt = attempt(self.call, serving, sending, (&self.failover.clock, now));
            let attempted = Box::pin(attempt).await;
            let (outcome, answer) = (&attempted.outcome, attempted.answer);
            self.look_at_clock();
            let used = claim.credential;
            let place = Place {
                at,
                used,
                pass,
                repeats,
            };
            let ruling = self.rule(outcome, place);
            self.note(serving, claim, ruling, outcome);
            self.remember(serving, outcome, (now, attempted.used));
            match ruling.action {
                Action::Answer | Action::Stop => return self.answered(answer),
                Action::Next
                    if ruling.scope == Scope::Credential
                        && self.call.pinned().is_none()
                        && serving.reach.lane.has_spare(used, self.now) => {}
                Action::Next => {
                    self.keep(outcome, answer, serving);
                    return Ok(None);
                }
                Action::Same { after, charged } => {
                    // What no provider looked at was no attempt.
                    self.attempts -= u32::from(!charged);
                    repeats += 1;
                    tokio::time::sleep(after).await;
                    self.look_at_clock();
                }
            }
        }
        Ok(None)
    }

    /// Keeps a refusal that is the caller's if nobody answers.
    fn keep(&mut self, outcome: &Outcome, answer: Option<Box<Answer>>, serving: &Serving) {
        let unsaid = matches!(outcome, Outcome::Failed(failed) if failed.is_unsaid());
        if let Some(answer) = answer.filter(|_| unsaid && self.refused.is_none()) {
            self.refused = Some((answer, serving.clone()));
        }
    }

    /// What is left to try after an attempt that was made there.
    fn position(&self, place: Place) -> Position {
        let now = self.now;
        let force = place.pass == Pass::Forced;
        let mut others = self.serving.iter().skip(place.at + 1);
        let this = self.serving.get(place.at);
        let takes = |one: &Serving| {
            let lane = &one.reach.lane;
            self.call.fits(one).is_ok() && lane.would_take(one.upstream_name(), now, force)
        };
        Position {
            sole: !others.any(|one| takes(one)),
            spare: this.is_some_and(|one| one.reach.lane.has_spare(place.used, now)),
            repeats: place.repeats,
            budget: true,
        }
    }

    /// The judge's ruling; where it costs a repeat, one is taken from the budget, or it rules again without.
    fn rule(&self, outcome: &Outcome, place: Place) -> Ruling {
        let position = match outcome {
            Outcome::Answered => Position::default(),
            _ => self.position(place),
        };
        let draw = clock::fraction(clock::draw());
        let ruling = judge(outcome, position, draw);
        let refused = matches!(ruling.action, Action::Same { charged: true, .. })
            && !self.failover.budget().repeat(self.now);
        if refused {
            judge(
                outcome,
                Position {
                    budget: false,
                    ..position
                },
                draw,
            )
        } else {
            ruling
        }
    }

    fn note(&mut self, serving: &Serving, claim: Claim, ruling: Ruling, outcome: &Outcome) {
        let now = self.now;
        let reach = &serving.reach;
        // A provider that cannot count tokens may yet have the model.
        let is_call = self.call.endpoint != Endpoint::CountTokens && self.call.stored.is_none();
        if ruling.scope == Scope::Model && is_call {
            reach.lane.forget_model(serving.upstream_name(), now);
        }
        let draw = clock::fraction(clock::draw());
        claim.settle(Noted {
            now,
            mark: ruling.mark,
            credential: ruling.scope == Scope::Credential,
            health: &reach.channel.health,
            draw,
        });
        let fault = outcome.fault();
        self.failover.metrics.attempt(&serving.series, fault);
        if let Some(fault) = fault {
            let request = self.call.id.to_str().unwrap_or_default();
            let (channel, next) = (&reach.lane.name, ruling.action.as_str());
            tracing::info!(%channel, request, %outcome, next, "attempt failed");
            self.failed = Some((channel.clone(), fault));
            self.outcomes.push(outcome.clone());
        }
    }

    /// An attempt that began at `sent` and gave nothing, though its provider may have reported what it used, for the call's record.
    fn remember(
        &mut self,
        serving: &Serving,
        outcome: &Outcome,
        (sent, spent): (Duration, Option<Usage>),
    ) {
        let (Some(fault), Some(bill)) = (outcome.fault(), &mut self.bill) else {
            return;
        };
        if let Some(spent) = spent {
            bill.wasted(spent.tokens());
        }
        bill.failed(Failure {
            channel: serving.reach.lane.name.clone(),
            fault,
            status: outcome.status(),
            at_ms: millis(sent.saturating_sub(self.call.began)),
            took_ms: millis(self.now.saturating_sub(sent)),
        });
    }

    fn answered(
        &mut self,
        answer: Option<Box<Answer>>,
    ) -> Result<Option<(Box<Answer>, Bill)>, Reject> {
        let answer = answer.ok_or_else(|| Reject::BadUpstream("it had no body".into()))?;
        Ok(self.bill.take().map(|bill| (answer, bill)))
    }
}

/// Whether the channel's circuit lets a call through now.
fn is_open(serving: &Serving, now: Duration) -> bool {
    let admission = serving.reach.lane.peek(serving.upstream_name(), now).0;
    !matches!(admission, Admission::Wait(_))
}

/// Where an attempt was made: at which channel, with which credential, in which pass, after how many at the same.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    used: usize,
    pass: Pass,
    repeats: u32,
}

/// Which channels a pass through the list may use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Those whose circuits let it.
    Admitted,
    /// All, when none did.
    Forced,
}
