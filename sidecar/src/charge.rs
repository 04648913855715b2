//! What an ended call costs its key: the abort rule as a pure table. `relay`'s meter asks it when a call ends, `spool` when it finds a
//! call that its process did not end. It must never read a clock, and never charge more than was reserved.
//!
//! | where it stood | who ended it | the key pays per request | the key pays for tokens | to waste |
//! |---|---|---|---|---|
//! | nothing was sent | anyone | nothing | nothing | nothing |
//! | sent, no content yet | the caller | nothing | what was read, if the provider reported it | the rest |
//! | sent, no content yet | the provider: a failed call | nothing | nothing | what was used |
//! | in the middle of its content | the caller | in full | what was read and relayed; all that is known to be used under `client_left_pays_all` | what was drained after it |
//! | in the middle of its content | the provider | in full | what was read and relayed | the rest |
//! | after its content, before its last event | anyone | in full | as reported | nothing |
//! | whole | nobody | in full | as reported | nothing |
//! | sent, and nobody knows more | the death of the process | all that was reserved under `unconfirmed_pays`, else nothing | the same | nothing |
//!
//! Usage that nobody reported is what was counted here, and says so; a reported 0 is 0. What exceeds the reservation is not charged and
//! goes to waste.

use purser_config::OnAbort;
use purser_config::price::{Cost, Micros, Tokens};

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// No byte of it went to a provider.
    BeforeSend,
    /// It was sent, and no content came back to the caller.
    Attempted,
    /// Some content went to the caller.
    Streaming,
    /// All content did, but not the last event.
    ContentDone,
    /// All of it did.
    Whole,
}

/// Who ended a call that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// It left.
    Caller,
    /// It broke off, or no channel gave content.
    Provider,
    /// The sidecar died.
    Process,
}

/// A call that ended, as far as its price goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How far it came.
    pub stage: Stage,
    /// Who ended it there; means nothing once it is whole.
    pub by: By,
    /// All that it is known to have used: the provider's report, else what was counted here.
    pub tokens: Tokens,
    /// Whether `tokens` are the provider's report.
    pub reported: bool,
    /// Those of `tokens.output` that went to the caller.
    pub relayed: u64,
}

/// What becomes of it. The sum of `credits` and `waste` is what it was worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// What the key pays, at most what was reserved.
    pub credits: Micros,
    /// Whether that rests on tokens that were counted or supposed here.
    pub estimated: bool,
    /// What nobody pays, at the same price.
    pub waste: Micros,
}

/// What this end of a call costs.
pub fn charge(ended: &Ended, cost: &Cost, on_abort: OnAbort, reserved: Micros) -> Charge {
    if ended.stage == Stage::BeforeSend {
        return Charge::default();
    }
    if ended.by == By::Process && ended.stage != Stage::Whole {
        let pays = on_abort.unconfirmed_pays;
        return Charge {
            credits: if pays { reserved } else { 0 },
            estimated: true,
            waste: 0,
        };
    }
    let credits = due(ended, cost, on_abort).min(reserved);
    Charge {
        credits,
        estimated: !ended.reported && ended.tokens.total() > 0,
        waste: worth(ended, cost).saturating_sub(credits),
    }
}

/// What the key owes, were its reservation large enough.
fn due(ended: &Ended, cost: &Cost, on_abort: OnAbort) -> Micros {
    let Ended {
        stage, by, tokens, ..
    } = *ended;
    match (stage, by) {
        (Stage::BeforeSend, _) => 0,
        (Stage::Attempted, By::Caller) if ended.reported => {
            let read = Tokens {
                output: 0,
                ..tokens
            };
            for_tokens(cost, &read)
        }
        (Stage::Attempted, _) => 0,
        (Stage::Streaming, By::Caller) if on_abort.client_left_pays_all => cost.of(&tokens),
        (Stage::Streaming, _) => {
            let output = tokens.output.min(ended.relayed);
            cost.of(&Tokens { output, ..tokens })
        }
        (Stage::ContentDone | Stage::Whole, _) => cost.of(&tokens),
    }
}

/// What it would cost, had everything that was used been wanted. A failed call has no price of its own, only tokens.
fn worth(ended: &Ended, cost: &Cost) -> Micros {
    if ended.stage == Stage::Attempted && ended.by == By::Provider {
        return for_tokens(cost, &ended.tokens);
    }
    cost.of(&ended.tokens)
}

fn for_tokens(cost: &Cost, tokens: &Tokens) -> Micros {
    let per_request = 0;
    Cost {
        per_request,
        ..*cost
    }
    .of(tokens)
}

#[cfg(test)]
mod tests;
