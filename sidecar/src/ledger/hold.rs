//! What a call needs beyond its window: tokens, one of the key's concurrent requests, credits, a channel with a limit. Asked in one
//! message once the call is understood; kept within this sidecar's part while nobody can be asked. Part of `Ledger`, called by `failover`.

use super::open::Need;
use super::want::{Wanted, at_most, before, part};
use super::{ASK_AGAIN, Ledger, PATIENCE};
use crate::bill::{Bill, Facts};
use crate::call::Call;
use crate::metrics::Decision;
use crate::reject::Reject;
use crate::snapshot::{Caller, Serving};
use purser_config::quota::{GoesOn, Reserve, ReserveVerdict, Settle, TokensLeft};
use purser_config::{Name, Plan, WhenQuotaUnreachable};
use std::sync::Arc;
use std::time::Duration;

/// When to ask again for what nobody can say now.
const AGAIN: Duration = Duration::from_secs(1);

impl Ledger {
    /// Opens the bill of a call, with everything held that it needs. `order`: who may carry it now, the first first; made only where it
    /// matters.
    ///
    /// # Errors
    /// 402 without credits, 429 over a limit, 503 when nobody can say and the plan does not go on without; 404 and 400 for a call that has
    /// no price.
    pub async fn open<'a>(
        self: &Arc<Self>,
        call: &Call,
        order: impl FnOnce() -> Vec<&'a Serving>,
    ) -> Result<Bill, Reject> {
        let mut bill = Bill::new(self, self.facts(call));
        let Some(plan) = call.caller.plan.as_deref() else {
            return Ok(bill);
        };
        if let Some(open) = bill.open() {
            open.most_output = at_most(call, plan);
        }
        if !plan.reserves() && !call.caller.table.has_limits() {
            return Ok(bill);
        }
        let order = order();
        let limited = |one: &&&Serving| !one.reach.channel.limits.is_empty();
        let channels = order.iter().take_while(limited);
        let channels: Vec<Name> = channels.map(|one| one.reach.lane.name.clone()).collect();
        if !plan.reserves() && channels.is_empty() {
            return Ok(bill);
        }
        let wanted = Wanted::of(call, plan, order.first().copied())?;
        if let Some(open) = bill.open() {
            open.most_output = wanted.most_output;
        }
        let others = channels.len() < order.len();
        let reserve = self.reserve_for(call, &wanted, (channels, others));
        let held = self.hold(&mut bill, reserve, (&wanted, plan)).await;
        self.metrics.decided(match &held {
            Ok(decision) => *decision,
            Err(reject) => Decision::denied(reject),
        });
        held.map(|_| bill)
    }

    fn reserve_for(
        &self,
        call: &Call,
        wanted: &Wanted,
        (channels, others): (Vec<Name>, bool),
    ) -> Reserve {
        Reserve {
            id: call.id_text().to_owned(),
            key: call.caller.name.clone(),
            tokens: wanted.need.tokens,
            slot: wanted.need.slot,
            credits: wanted.credits,
            allowance: None,
            channels,
            others,
            spool: self.spool.life(),
        }
    }

    /// Asks until all is held, or this sidecar's part of it, or nobody can say for too long.
    pub(super) async fn hold(
        self: &Arc<Self>,
        bill: &mut Bill,
        mut reserve: Reserve,
        (wanted, plan): (&Wanted, &Plan),
    ) -> Result<Decision, Reject> {
        let began = self.clock.now();
        if self.pays_ahead(bill, wanted, plan) {
            reserve.credits = 0;
            if asks_nothing(&reserve) {
                return Ok(Decision::Held);
            }
        }
        loop {
            let wait = match self.try_hold(bill, &reserve, wanted).await? {
                None => return Ok(Decision::Held),
                Some(wait) => wait,
            };
            if wait == Duration::ZERO {
                // An allowance pays: the rest is asked for without credits.
                reserve.credits = 0;
                continue;
            }
            if self.goes_on(bill, wanted, plan) {
                return Ok(Decision::WithoutAuthority);
            }
            if self.clock.now() + ASK_AGAIN > began + PATIENCE {
                return Err(Reject::QuotaUnavailable { retry: wait });
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Asks once. `None`: all is held. Otherwise nobody can say now; perhaps after the wait.
    async fn try_hold(
        self: &Arc<Self>,
        bill: &mut Bill,
        reserve: &Reserve,
        wanted: &Wanted,
    ) -> Result<Option<Duration>, Reject> {
        let Some(open) = bill.open() else {
            return Ok(Some(AGAIN));
        };
        // Where no answer comes, or the caller leaves before it, something may be held: the end of the bill gives it back.
        let was_held = std::mem::replace(&mut open.held, true);
        let Ok(answer) = self.authority.reserve(reserve.clone()).await else {
            return Ok(Some(AGAIN));
        };
        if is_denial(&answer.verdict) {
            open.held = was_held;
        }
        match answer.verdict {
            ReserveVerdict::Held { channel, credits } => {
                let at = channel.and_then(|at| reserve.channels.get(at as usize));
                open.full = before(&reserve.channels, channel);
                open.channel = at.cloned();
                open.tokens_left = answer.tokens;
                if reserve.credits > 0 {
                    open.paid = wanted.paid(&open.facts.caller, (credits, None));
                    self.keep_allowance(&reserve.key, wanted.credits);
                }
                let now = self.clock.now();
                let mut held = self.held();
                held.begin(&reserve.id, &reserve.key, wanted.need, now);
                held.at_channel(&reserve.id, &reserve.key, at.cloned(), now);
                Ok(None)
            }
            ReserveVerdict::NoCredits { left } => {
                // What it was given ahead is the key's own.
                let now = self.clock.now();
                let drawn = self.purses().draw(&reserve.key, wanted.credits, now);
                let Some(drawn) = drawn else {
                    return Err(Reject::NoCredits {
                        left,
                        needed: wanted.credits,
                        plan: open.facts.caller.plan_name.to_string(),
                    });
                };
                let credits = drawn.credits;
                open.paid = wanted.paid(&open.facts.caller, (credits, Some(drawn)));
                Ok(Some(Duration::ZERO))
            }
            ReserveVerdict::Learning { ready_ms } => {
                Ok(Some(AGAIN.max(Duration::from_millis(ready_ms))))
            }
            ReserveVerdict::Unavailable => Ok(Some(AGAIN)),
            no => Err(refusal((no, answer.tokens), reserve, &open.facts.caller)),
        }
    }

    /// Nobody can say, and the plan goes on within what this sidecar was given beforehand: its part of each limit, and its allowance. A
    /// channel's account is not watched meanwhile: its provider does that.
    fn goes_on(&self, bill: &mut Bill, wanted: &Wanted, plan: &Plan) -> bool {
        let Some(open) = bill.open() else {
            return false;
        };
        let caller = Arc::clone(&open.facts.caller);
        if plan.when_quota_unreachable == WhenQuotaUnreachable::Deny
            || !self.is_valid(&caller, plan)
        {
            return false;
        }
        let id = open.facts.id.to_str().unwrap_or_default();
        let part = part(plan, self.memory.share(&caller.name));
        let now = self.clock.now();
        if !self
            .held()
            .begin_within(id, &caller.name, (wanted.need, part), now)
        {
            return false;
        }
        open.held = true;
        let pays = wanted.credits > 0 && open.paid.is_none();
        if pays {
            let Some(drawn) = self.purses().draw(&caller.name, wanted.credits, now) else {
                self.held().end(id, 0, now);
                return false;
            };
            let credits = drawn.credits;
            open.paid = wanted.paid(&caller, (credits, Some(drawn)));
        }
        if pays || wanted.need != Need::default() {
            // What may have been held of the call's own credits is not what pays; and others are granted what is left beside it.
            self.authority.settle(Settle {
                id: id.to_owned(),
                key: caller.name.clone(),
                tokens: None,
                goes_on: Some(GoesOn {
                    tokens: wanted.need.tokens,
                    slot: wanted.need.slot,
                    credits: pays,
                }),
            });
        }
        true
    }

    /// Whether the call may go to this channel: at once where it has no limit or admitted the call already, else when its account does.
    /// While nobody can say, it may.
    pub async fn admits(self: &Arc<Self>, bill: &mut Bill, serving: &Serving) -> bool {
        let name = &serving.reach.lane.name;
        let Some(open) = bill.open() else {
            return true;
        };
        if serving.reach.channel.limits.is_empty() || open.channel.as_ref() == Some(name) {
            return true;
        }
        if open.full.contains(name) {
            return false;
        }
        let reserve = Reserve {
            id: open.facts.id.to_str().unwrap_or_default().to_owned(),
            key: open.facts.caller.name.clone(),
            tokens: 0,
            slot: false,
            credits: 0,
            allowance: None,
            channels: vec![name.clone()],
            others: false,
            spool: String::new(),
        };
        let was_held = std::mem::replace(&mut open.held, true);
        let answer = self.authority.reserve(reserve.clone()).await;
        let full = answer
            .as_ref()
            .is_ok_and(|answer| matches!(answer.verdict, ReserveVerdict::ChannelsFull { .. }));
        if full {
            open.held = was_held;
            open.full.push(name.clone());
            return false;
        }
        let held = answer.is_ok_and(|answer| matches!(answer.verdict, ReserveVerdict::Held { .. }));
        if held {
            open.channel = Some(name.clone());
            let now = self.clock.now();
            self.held()
                .at_channel(&reserve.id, &reserve.key, Some(name.clone()), now);
        }
        true
    }

    /// What a call held is over: `used` tokens, or none because it was not sent.
    pub(crate) fn settle(&self, settle: Settle) {
        let now = self.clock.now();
        self.held().end(&settle.id, settle.tokens.unwrap_or(0), now);
        self.authority.settle(settle);
    }

    pub(super) fn facts(&self, call: &Call) -> Facts {
        let input = call.caller.plan.as_ref().map_or(0, |_| call.reads());
        let began = (call.began, self.clock.wall_ms());
        Facts {
            id: call.id.clone(),
            caller: Arc::clone(&call.caller),
            endpoint: call.endpoint,
            asked: call.model().to_owned(),
            stream: call.scan.stream,
            user: call.scan.user.clone(),
            began,
            input,
            stored: call.stored.is_some(),
            trace: self.trace(&call.headers),
        }
    }
}

/// Whether a call needs nothing that the authority keeps.
fn asks_nothing(reserve: &Reserve) -> bool {
    reserve.credits == 0 && reserve.tokens == 0 && !reserve.slot && reserve.channels.is_empty()
}

/// Whether the authority surely holds nothing for the question.
fn is_denial(verdict: &ReserveVerdict) -> bool {
    use ReserveVerdict::{ChannelsFull, NoCredits, NoSlot, NoTokens, Refused};
    matches!(
        verdict,
        NoCredits { .. } | NoTokens { .. } | NoSlot { .. } | ChannelsFull { .. } | Refused { .. }
    )
}

fn refusal(
    (verdict, left): (ReserveVerdict, Option<TokensLeft>),
    reserve: &Reserve,
    caller: &Caller,
) -> Reject {
    let plan = || caller.plan_name.to_string();
    match verdict {
        ReserveVerdict::NoTokens { next_free_ms } => Reject::OverTokens {
            limit: caller
                .plan
                .as_ref()
                .and_then(|plan| plan.tokens_per_minute)
                .unwrap_or(0),
            needed: reserve.tokens,
            retry: next_free_ms.map(Duration::from_millis),
            left,
            plan: plan(),
        },
        ReserveVerdict::NoSlot { limit } => Reject::TooMany {
            limit,
            plan: plan(),
        },
        ReserveVerdict::ChannelsFull { next_free_ms } => Reject::UpstreamBusy {
            retry: Duration::from_millis(next_free_ms),
        },
        ReserveVerdict::Refused { code, message } => Reject::Refused(code, message),
        _ => Reject::QuotaUnavailable { retry: AGAIN },
    }
}
