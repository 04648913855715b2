//! Try, judge, move on: for each channel in route order, one attempt, until one answers, the caller is at fault, or
//! nothing is left. Called by `gateway`; ends at the commit point. It must never send anything to the caller.

pub mod judge;

use crate::budget::Budget;
use crate::call::Call;
use crate::circuit::Admission;
use crate::clock::{self, Clock};
use crate::lane::{Claim, Noted};
use crate::ledger::{Ledger, Reservation};
use crate::metrics::Metrics;
use crate::reject::Reject;
use crate::route::{self, Candidate};
use crate::snapshot::{Reach, Serving};
use crate::upstream::{Answer, Attempted, attempt};
use judge::{Action, Outcome, Position, Ruling, Scope, conclude, judge};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most attempts of one call.
const MOST_ATTEMPTS: u32 = 3;
/// All channels out for longer than this: the model counts as gone.
const GONE: Duration = Duration::from_secs(60);

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
    pub answer: Answer,
    /// Whose it is.
    pub serving: Serving,
    /// Attempts made, this one included.
    pub attempts: u32,
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
    reservation: Option<Reservation>,
    attempts: u32,
}

/// Whether all of these have been out for more than a minute; then, how long until one may be back.
pub fn gone<'a>(serving: impl IntoIterator<Item = &'a Serving>, now: Duration) -> Option<Duration> {
    let mut soonest: Option<Duration> = None;
    for one in serving {
        let model = one.upstream_name();
        let since = one.reach.lane.out_since(model, now)?;
        if now.saturating_sub(since) <= GONE {
            return None;
        }
        let wait = wait_of(&one.reach, model, now);
        soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
    }
    soonest
}

fn wait_of(reach: &Reach, model: &str, now: Duration) -> Duration {
    match reach.lane.peek(model, now).0 {
        Admission::Wait(until) => until.saturating_sub(now),
        _ => Duration::ZERO,
    }
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
            reservation: Some(reservation),
            attempts: 0,
        };
        let result = trial.run().await;
        let attempts = trial.attempts;
        result.map_err(|reject| Lost { reject, attempts })
    }

    fn in_order<'a>(&self, call: &Call, serving: &'a [Serving], now: Duration) -> Vec<&'a Serving> {
        if let [only] = serving {
            return vec![only];
        }
        let candidates: Vec<Candidate> = serving.iter().map(|one| candidate(one, now)).collect();
        let together = call
            .scan
            .prompt_cache_key
            .as_deref()
            .or(call.scan.user.as_deref());
        let sticky = together.map_or_else(clock::draw, |together| {
            route::mix(call.caller.hash ^ route::hash(together))
        });
        route::order(&candidates, sticky)
            .into_iter()
            .filter_map(|at| serving.get(at))
            .collect()
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn candidate(serving: &Serving, now: Duration) -> Candidate {
    let channel = &serving.reach.channel;
    let (admission, factor) = serving.reach.lane.peek(serving.upstream_name(), now);
    let flows = !matches!(admission, Admission::Wait(_));
    Candidate {
        priority: channel.priority,
        weight: f64::from(channel.weight) * factor,
        hash: serving.reach.lane.hash,
        flows,
    }
}

impl Trial<'_> {
    async fn run(&mut self) -> Result<Won, Reject> {
        let now = self.failover.clock.now();
        for pass in [Pass::Admitted, Pass::Forced] {
            if pass == Pass::Forced {
                self.serving
                    .sort_by_key(|one| wait_of(&one.reach, one.upstream_name(), now));
            }
            let mut at = 0;
            while self.attempts < self.most_attempts() {
                let Some(serving) = self.serving.get(at).copied() else {
                    break;
                };
                match self.at_channel(serving, at, pass).await? {
                    Some(answer) => {
                        return Ok(Won {
                            answer,
                            serving: serving.clone(),
                            attempts: self.attempts,
                        });
                    }
                    None => at += 1,
                }
            }
            // The panic rule: only when every circuit was shut is one probed ahead of its time.
            if self.attempts > 0 {
                break;
            }
        }
        let retry = self.soonest();
        if gone(self.serving.iter().copied(), now).is_some() {
            return Err(Reject::ModelOut {
                model: self.call.model().to_owned(),
                retry,
            });
        }
        if self.outcomes.is_empty() && self.serving.iter().all(|one| one.reach.lane.is_busy()) {
            return Err(Reject::UpstreamBusy { retry });
        }
        let lacks = |one: &&Serving| one.reach.lane.lacks(one.upstream_name(), now);
        if self.outcomes.is_empty() && self.serving.iter().all(lacks) {
            return Err(judge::model_unknown(self.call.model()));
        }
        Err(conclude(&self.outcomes, self.call.model(), retry))
    }

    /// A body that is not kept can be sent once.
    fn most_attempts(&self) -> u32 {
        if self.call.replay { MOST_ATTEMPTS } else { 1 }
    }

    /// Attempts at one channel: one, and what the judge grants on top. `None`: on to the next.
    async fn at_channel(
        &mut self,
        serving: &Serving,
        at: usize,
        pass: Pass,
    ) -> Result<Option<Answer>, Reject> {
        let mut repeats = 0;
        while self.attempts < self.most_attempts() {
            let now = self.failover.clock.now();
            let reach = &serving.reach;
            let force = pass == Pass::Forced || repeats > 0;
            if pass == Pass::Admitted
                && repeats == 0
                && matches!(
                    reach.lane.peek(serving.upstream_name(), now).0,
                    Admission::Wait(_)
                )
            {
                return Ok(None);
            }
            let Ok(claim) = reach.lane.claim(serving.upstream_name(), now, force) else {
                return Ok(None);
            };
            self.spend().await?;
            self.attempts += 1;
            let attempt = attempt(self.call, serving, claim.credential, &self.failover.clock);
            let Attempted { outcome, answer } = Box::pin(attempt).await;
            let sole = at + 1 == self.serving.len() && !reach.lane.has_other_credential(now);
            let ruling = self.rule(
                &outcome,
                Position {
                    sole,
                    repeats,
                    budget: true,
                },
            );
            self.note(serving, claim, ruling, &outcome);
            match ruling.action {
                Action::Answer | Action::Stop => return self.answered(answer).map(Some),
                Action::Next
                    if ruling.scope == Scope::Credential
                        && reach.lane.has_other_credential(self.failover.clock.now()) => {}
                Action::Next => return Ok(None),
                Action::Same { after, charged } => {
                    // What no provider looked at was no attempt.
                    self.attempts -= u32::from(!charged);
                    repeats += 1;
                    tokio::time::sleep(after).await;
                }
            }
        }
        Ok(None)
    }

    /// The grant becomes a use at the first send; later attempts of the same call are the same request.
    async fn spend(&mut self) -> Result<(), Reject> {
        match self.reservation.take() {
            Some(reservation) => {
                self.failover
                    .ledger
                    .spend(reservation, &self.call.caller)
                    .await
            }
            None => Ok(()),
        }
    }

    /// The judge's ruling; where it costs a repeat, one is taken from the budget, or it rules again without.
    fn rule(&self, outcome: &Outcome, position: Position) -> Ruling {
        let draw = clock::fraction(clock::draw());
        let ruling = judge(outcome, position, draw);
        let refused = matches!(ruling.action, Action::Same { charged: true, .. })
            && !self.failover.budget().repeat(self.failover.clock.now());
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
        let now = self.failover.clock.now();
        let reach = &serving.reach;
        if ruling.scope == Scope::Model {
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
        self.failover
            .metrics
            .attempt(&reach.lane.name, label(outcome));
        if *outcome != Outcome::Answered {
            let request = self.call.id.to_str().unwrap_or_default();
            let (channel, next) = (&reach.lane.name, ruling.action.as_str());
            tracing::info!(%channel, request, %outcome, next, "attempt failed");
            self.outcomes.push(outcome.clone());
        }
    }

    fn answered(&self, answer: Option<Answer>) -> Result<Answer, Reject> {
        answer.ok_or_else(|| Reject::BadUpstream("it had no body".into()))
    }

    /// The shortest wait until a channel may be asked again, at least one second.
    fn soonest(&self) -> Duration {
        let now = self.failover.clock.now();
        let waits = self
            .serving
            .iter()
            .map(|one| wait_of(&one.reach, one.upstream_name(), now));
        waits.min().unwrap_or_default().max(Duration::from_secs(1))
    }
}

/// Which channels a pass through the list may use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Those whose circuits let it.
    Admitted,
    /// All, when none did.
    Forced,
}

/// The `outcome` label of `purser_attempts_total`.
fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Unreachable(_) => "unreachable",
        Outcome::NotSent => "not_sent",
        Outcome::Failed(failed) if failed.status == 429 => "busy",
        Outcome::Failed(failed) if failed.status < 500 => "refused",
        Outcome::Failed(_) => "failed",
        Outcome::TooSlow(_) => "too_slow",
        Outcome::Broken(_) => "broken",
        Outcome::Unusable(_) => "unusable",
        Outcome::Suspicious(_) => "suspicious",
    }
}
