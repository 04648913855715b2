//! What to do after an attempt: the table of reliability.md 3.2 as one pure function. Called by `failover` before the
//! commit point only; after it there is nothing to decide. It must never look at anything but its arguments.

use crate::circuit::Mark;
use crate::reject::{self, Reject};
use purser_config::usage::Fault;
use std::fmt;
use std::time::Duration;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// There is something to relay.
    Answered,
    /// Row 1: no connection: DNS, refused, connect timeout, TLS.
    Unreachable(String),
    /// Rows 2 and 3: a pooled connection was already closing, or the request was provably not processed.
    NotSent,
    /// Rows 4 to 10, and 12 when an error came as the first event of a 200.
    Failed(Failed),
    /// Row 11: nothing came in time; the code says which limit.
    TooSlow(&'static str),
    /// Row 10 without a status: the connection ended before an answer was complete.
    Broken(String),
    /// Row 13: 200, and nothing that a caller could use.
    Unusable(String),
    /// 200, and sound, but the caller's API has no place for it: the caller asked for an image where there is none.
    Unshown(String),
    /// Row 15: larger than any honest answer, or a redirect.
    Suspicious(String),
}

/// A status of 4xx or 5xx, or an error inside a 200.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Failed {
    /// The provider's status, or the nearest one for an error in a stream.
    pub status: u16,
    /// The account is out of money or over its spend limit, by the provider's own code.
    pub money: bool,
    /// The provider says that it does not know the model.
    pub model_unknown: bool,
    /// The provider refuses what was asked for, by its own code for content or places, and not the account.
    pub policy: bool,
    /// The provider says that it does not support something that was asked for: a translation says what its caller could not know of, and a
    /// caller of its own API does not know to whom the call goes.
    pub unsaid: bool,
    /// How long the provider asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failed {
    /// Whether another channel may take what this one does not, and nothing else is wrong.
    pub fn is_unsaid(&self) -> bool {
        let elsewhere = self.money || self.model_unknown;
        self.unsaid && !elsewhere && matches!(self.status, 400 | 422)
    }
}

impl Outcome {
    /// As the records and the numbers name it; none: answered.
    pub fn fault(&self) -> Option<Fault> {
        Some(match self {
            Outcome::Answered => return None,
            Outcome::Unreachable(_) => Fault::Unreachable,
            Outcome::NotSent => Fault::NotSent,
            Outcome::Failed(failed) if failed.status == 429 => Fault::Busy,
            Outcome::Failed(failed) if failed.status < 500 => Fault::Refused,
            Outcome::Failed(_) => Fault::Failed,
            Outcome::TooSlow(_) => Fault::TooSlow,
            Outcome::Broken(_) => Fault::Broken,
            Outcome::Unusable(_) | Outcome::Unshown(_) => Fault::Unusable,
            Outcome::Suspicious(_) => Fault::Suspicious,
        })
    }

    /// The provider's status, where it gave one or the nearest to it.
    pub fn status(&self) -> Option<u16> {
        match self {
            Outcome::Failed(failed) => Some(failed.status),
            _ => None,
        }
    }
}

/// As the log says it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Answered => f.write_str("answered"),
            Outcome::Unreachable(why) => write!(f, "not reached: {why}"),
            Outcome::NotSent => f.write_str("the pooled connection was closing"),
            Outcome::Failed(failed) if failed.money => {
                write!(f, "status {}: the account is out of credit", failed.status)
            }
            Outcome::Failed(failed) => write!(f, "status {}", failed.status),
            Outcome::TooSlow(limit) => write!(f, "too slow: {limit}"),
            Outcome::Broken(why)
            | Outcome::Unusable(why)
            | Outcome::Unshown(why)
            | Outcome::Suspicious(why) => f.write_str(why),
        }
    }
}

/// What is left to try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// No other channel can take this call now.
    pub sole: bool,
    /// Another credential of the same channel can.
    pub spare: bool,
    /// Times that this channel was already repeated for this call.
    pub repeats: u32,
    /// The retry budget has one repeat to give.
    pub budget: bool,
}

/// What to do next.
#[allow(missing_docs, reason = "the variants say what their fields hold")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Relay it.
    Answer,
    /// The next channel.
    Next,
    /// The same channel once more, after a pause; `charged` to the retry budget.
    Same { after: Duration, charged: bool },
    /// The provider's answer is the caller's own fault: pass it on.
    Stop,
}

impl Action {
    /// As the log says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Answer => "answer",
            Action::Next => "next channel",
            Action::Same { .. } => "same channel",
            Action::Stop => "to the caller",
        }
    }
}

/// The ruling: what to do, and what the channel's circuit notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruling {
    /// What to do next.
    pub action: Action,
    /// What the channel, or its credential, is marked with.
    pub mark: Mark,
    /// What the mark is about.
    pub scope: Scope,
}

/// What a mark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The channel.
    Channel,
    /// The credential that was used, when the channel has others.
    Credential,
    /// This model at this channel, for ten minutes.
    Model,
}

/// A pool may hold several connections that a provider is closing; each is met at most once.
const MOST_RESENDS: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);
const SHORT_WAIT: Duration = Duration::from_secs(2);
const SIX_HOURS: Duration = Duration::from_secs(6 * 3600);
const MONEY: Mark = Mark::Disabled {
    first: Duration::from_secs(600),
    longest: SIX_HOURS,
    unpaid: true,
};
const BAD_KEY: Mark = Mark::Disabled {
    first: Duration::from_secs(300),
    longest: SIX_HOURS,
    unpaid: false,
};

/// Rules on one attempt. `draw` is a fraction in [0, 1) that spreads the pauses.
pub fn judge(outcome: &Outcome, position: Position, draw: f64) -> Ruling {
    let next = |mark| Ruling {
        action: Action::Next,
        mark,
        scope: Scope::Channel,
    };
    match outcome {
        Outcome::Answered => Ruling {
            action: Action::Answer,
            mark: Mark::Success,
            scope: Scope::Channel,
        },
        Outcome::Unreachable(_) => next(failure(1, true)),
        Outcome::NotSent if position.repeats < MOST_RESENDS => {
            same(Duration::ZERO, false, Mark::Nothing)
        }
        Outcome::NotSent | Outcome::TooSlow(_) | Outcome::Unusable(_) => next(failure(1, false)),
        Outcome::Unshown(_) => next(Mark::Success),
        Outcome::Broken(_) => repeat_if_sole(position, draw, failure(1, false)),
        Outcome::Suspicious(_) => next(failure(2, false)),
        Outcome::Failed(failed) => judge_status(failed, position, draw),
    }
}

fn judge_status(failed: &Failed, position: Position, draw: f64) -> Ruling {
    let scoped = |mark, scope| Ruling {
        action: Action::Next,
        mark,
        scope,
    };
    match failed.status {
        _ if failed.money => scoped(MONEY, Scope::Credential),
        429 => judge_busy(failed, position),
        400 | 403 | 404 if failed.model_unknown => scoped(Mark::Nothing, Scope::Model),
        403 if failed.policy => passed_on(),
        // It answered, which speaks for it; but another channel may take what this one does not.
        _ if failed.is_unsaid() && !position.sole => scoped(Mark::Success, Scope::Channel),
        401..=403 => scoped(BAD_KEY, Scope::Credential),
        408 | 409 | 425 if can_repeat(position) => same(
            Duration::from_millis(100).mul_f64(1.0 + 4.0 * draw),
            true,
            failure(1, false),
        ),
        408 | 409 | 425 => scoped(failure(1, false), Scope::Channel),
        503 | 529 => {
            let retry_after = failed.retry_after.map(|wait| wait.min(LONGEST_PAUSE));
            repeat_if_sole(
                position,
                draw,
                Mark::Failure {
                    weight: 1,
                    refused_connection: false,
                    retry_after,
                },
            )
        }
        500.. => repeat_if_sole(position, draw, failure(1, false)),
        _ => passed_on(),
    }
}

/// Row 7: the caller's own fault, which speaks for the channel.
fn passed_on() -> Ruling {
    Ruling {
        action: Action::Stop,
        mark: Mark::Success,
        scope: Scope::Channel,
    }
}

fn judge_busy(failed: &Failed, position: Position) -> Ruling {
    let pause = failed
        .retry_after
        .unwrap_or(DEFAULT_PAUSE)
        .min(LONGEST_PAUSE);
    if position.sole
        && !position.spare
        && can_repeat(position)
        && failed.retry_after.is_some_and(|wait| wait <= SHORT_WAIT)
    {
        return Ruling {
            action: Action::Same {
                after: pause,
                charged: true,
            },
            mark: Mark::Busy { pause },
            scope: Scope::Credential,
        };
    }
    Ruling {
        action: Action::Next,
        mark: Mark::Busy { pause },
        scope: Scope::Credential,
    }
}

fn repeat_if_sole(position: Position, draw: f64, mark: Mark) -> Ruling {
    if position.sole && can_repeat(position) {
        return same(
            Duration::from_millis(100).mul_f64(1.0 + 2.0 * draw),
            true,
            mark,
        );
    }
    Ruling {
        action: Action::Next,
        mark,
        scope: Scope::Channel,
    }
}

fn can_repeat(position: Position) -> bool {
    position.repeats == 0 && position.budget
}

fn same(after: Duration, charged: bool, mark: Mark) -> Ruling {
    Ruling {
        action: Action::Same { after, charged },
        mark,
        scope: Scope::Channel,
    }
}

fn failure(weight: u32, refused_connection: bool) -> Mark {
    Mark::Failure {
        weight,
        refused_connection,
        retry_after: None,
    }
}

/// What the caller is told when nothing is left to try, from everything that happened, first to last.
pub fn conclude(outcomes: &[Outcome], model: &str, retry: Duration) -> Reject {
    let busy = |outcome: &&Outcome| {
        matches!(
            outcome,
            Outcome::Failed(Failed {
                status: 429,
                money: false,
                ..
            })
        )
    };
    if !outcomes.is_empty() && outcomes.iter().all(|outcome| busy(&outcome)) {
        return Reject::UpstreamBusy { retry };
    }
    let unavailable = |status, detail: &str| Reject::NoChannel {
        status,
        detail: detail.to_owned(),
        retry,
    };
    match outcomes.last() {
        None => unavailable(503, "every channel is cooling down after failures"),
        Some(Outcome::TooSlow(code)) => Reject::TooSlow {
            code,
            detail: "the last channel that was tried sent nothing within its time limit".into(),
        },
        Some(Outcome::Unusable(detail) | Outcome::Suspicious(detail)) => {
            Reject::BadUpstream(detail.clone())
        }
        // Not 502, which SDKs ask again for, and pay each time.
        Some(Outcome::Unshown(detail)) => Reject::Invalid {
            code: reject::Fault::Unsupported,
            param: Some("model".to_owned()),
            message: format!(
                "The answer of `{model}` cannot be given: {detail}. Ask it by /v1/chat/completions or Gemini's API, or another model."
            ),
        },
        Some(Outcome::Failed(failed)) => match failed.status {
            _ if failed.model_unknown => model_unknown(model),
            404 => model_unknown(model),
            504 | 408 => unavailable(504, "the last channel that was tried timed out"),
            500 | 502 | 520..=527 => unavailable(502, "the last channel that was tried failed"),
            _ => unavailable(503, "the last channel that was tried cannot serve now"),
        },
        Some(Outcome::Unreachable(_)) => {
            unavailable(503, "the last channel that was tried cannot be reached")
        }
        Some(_) => unavailable(503, "the last channel that was tried broke the connection"),
    }
}

/// What the caller is told of a model that no provider knows.
pub(super) fn model_unknown(model: &str) -> Reject {
    Reject::ModelUnknown {
        model: model.to_owned(),
        detail: "the provider that serves it does not know it".into(),
    }
}

#[cfg(test)]
mod tests;
