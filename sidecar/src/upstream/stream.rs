//! A stream, looked at until its first content: what it shows, or which error it begins with. Part of `upstream`; judged in the provider's
//! own API, whatever the caller's is.

use super::answer::{HOLD, next};
use super::build::Sent;
use super::{Answer, Attempted, Flow, Kind, Limits};
use crate::call::Call;
use crate::clock::Clock;
use crate::failover::judge::{Failed, Outcome};
use crate::pool::Incoming;
use crate::relay::Through;
use crate::way::Way;
use bytes::Bytes;
use http::{Response, StatusCode};
use purser_dialects::translate::{Interpreter, LONGEST_EVENT, Unfit};
use purser_dialects::upstream_error::{self, Told};
use purser_dialects::{Array, Dialect, End, Gate, Tail, Usage, UsageFilter, Verdict};

/// Reads events until the first content. What a stream reported before it failed was used all the same.
pub(super) async fn read(
    asked: (&Call, Sent),
    response: Response<Incoming>,
    timed: (Limits, &Clock),
) -> Attempted {
    let (mut held, dialect) = (Vec::new(), asked.1.dialect);
    let mut attempted = until_content(asked, response, timed, &mut held).await;
    if !held.is_empty() {
        attempted.used = reported(dialect, &held);
    }
    attempted
}

fn reported(dialect: Dialect, held: &[Bytes]) -> Option<Usage> {
    let mut tail = Tail::of(dialect, false);
    held.iter().for_each(|chunk| tail.push(chunk));
    tail.usage()
}

/// What was read is in `held` where it failed.
async fn until_content(
    (call, sent): (&Call, Sent),
    response: Response<Incoming>,
    (limits, clock): (Limits, &Clock),
    held: &mut Vec<Bytes>,
) -> Attempted {
    let (parts, mut rest) = response.into_parts();
    let mut gate = Gate::of(sent.dialect);
    let mut size = 0;
    loop {
        let verdict = match next(&mut rest, limits).await {
            Ok(Some(chunk)) => {
                let verdict = gate.push(&chunk);
                size += chunk.len();
                held.push(chunk);
                verdict
            }
            Ok(None) => match gate.finish() {
                End::Decided(verdict) => verdict,
                End::Empty | End::NoContent => Verdict::Done,
            },
            Err(outcome) => return Attempted::failed(outcome),
        };
        match bounded(verdict, (&gate, size), sent.way) {
            Verdict::Pending => {}
            Verdict::Content => {
                if let Some(fault) = fault(sent.way, held) {
                    return fault;
                }
                let flow = Flow {
                    status: parts.status,
                    headers: parts.headers,
                    held: std::mem::take(held),
                    rest,
                    kind: Kind::Events,
                    idle: limits.idle,
                    dialect: sent.dialect,
                    through: through((call, sent), clock),
                };
                return Attempted::answered(Answer::Flowing(flow));
            }
            other => return refused(other),
        }
    }
}

/// The verdict over so many bytes, of which no more may be held. An event that is longer than any error is a picture, and content: who relays
/// it need not wait for its end, who translates it must.
fn bounded(verdict: Verdict, (gate, size): (&Gate, usize), way: Way) -> Verdict {
    if size <= HOLD || !matches!(verdict, Verdict::Pending | Verdict::TooLong) {
        return verdict;
    }
    let is_translated = matches!(way, Way::Translated { .. });
    match (gate.is_within_picture(), is_translated) {
        (true, false) => Verdict::Content,
        (true, true) if size <= LONGEST_EVENT => verdict,
        _ => Verdict::TooLong,
    }
}

/// What is content at the provider can be none that the caller's API has words for.
fn fault(way: Way, held: &[Bytes]) -> Option<Attempted> {
    let Way::Translated { from, to } = way else {
        return None;
    };
    let fault = Interpreter::fault(to, from, held.iter().map(|chunk| &chunk[..]))?;
    Some(Attempted::failed(match fault {
        Unfit::Unreadable(why) => Outcome::Unusable(why),
        Unfit::NoPlace(why) => Outcome::Unshown(why),
    }))
}

/// What the stream's bytes become on their way to the caller.
fn through((call, sent): (&Call, Sent), clock: &Clock) -> Through {
    match sent.way {
        Way::Translated { from, to } => {
            let asked = call.letters.asked(call, clock.wall_ms());
            Through::Interpreter(Box::new(Interpreter::new(to, from, asked)))
        }
        Way::Untouched if call.as_array => Through::Array(Box::new(Array::new())),
        Way::Untouched if sent.asked_usage => Through::Filter(Box::new(UsageFilter::new())),
        Way::Untouched | Way::Embedded | Way::Counted => Through::Nothing,
    }
}

/// What a stream without content says, and what the caller is given if the fault is the caller's.
fn refused(verdict: Verdict) -> Attempted {
    let Verdict::Error {
        status,
        code,
        kind,
        message,
    } = verdict
    else {
        return Attempted::failed(match verdict {
            Verdict::TooLong => {
                Outcome::Suspicious("a stream of more than 1 MiB without content".into())
            }
            _ => Outcome::Unusable("a stream that ended without content".into()),
        });
    };
    let (code, kind) = (code.as_deref(), kind.as_deref());
    let failed = Failed {
        status: status.unwrap_or(503),
        money: upstream_error::is_money(code, kind),
        model_unknown: code == Some("model_not_found"),
        policy: upstream_error::is_policy(code, kind),
        unsaid: upstream_error::is_unsupported(code, &message),
        retry_after: None,
    };
    let answer = StatusCode::from_u16(failed.status).ok();
    let answer = answer.map(|status| Answer::Refused {
        status,
        told: Told::said(&message, kind, code),
    });
    Attempted {
        outcome: Outcome::Failed(failed),
        answer: answer.map(Box::new),
        used: None,
    }
}

/// The error that a provider reports inside a whole 200, if it does: read as the one event of a stream.
pub(super) fn fault_within(dialect: Dialect, body: &[u8]) -> Option<Attempted> {
    let mut event = b"data: ".to_vec();
    event.extend(body.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    event.extend_from_slice(b"\n\n");
    match Gate::of(dialect).push(&event) {
        verdict @ Verdict::Error { .. } => Some(refused(verdict)),
        _ => None,
    }
}
