//! How many of an answer's tokens Anthropic's model may think in. They count within `max_tokens`, and a request is answered 400 whose budget is
//! not below it: whoever lowers the one must lower the other. Called by the writer of requests, and for those that pass untouched.

use crate::json::{members, number, span};
use crate::scan::Scan;
use crate::splice::Edit;
use crate::translate::Unsayable;

/// Fewer are refused: anthropic-sdk-python 2.14, types/thinking_config_enabled_param.py.
pub(crate) const LEAST: u64 = 1_024;

/// As much of a limit as it may think in, so that something is left to say.
pub(crate) fn within(limit: u64) -> u64 {
    (limit / 5 * 4).max(LEAST)
}

/// Why it cannot think within a limit that is not the caller's.
pub(crate) fn no_room(limit: u64, whose: &str) -> String {
    format!(
        "this model thinks in {LEAST} tokens at least, and {whose} leaves {limit} for an answer"
    )
}

/// The edit after which a budget is below the limit that an answer was given.
pub(crate) fn lowered(body: &[u8], most: u64) -> Option<Edit> {
    let (text, budget) = budget(body)?;
    let is_lower = number(Some(budget)).is_some_and(|tokens| tokens <= within(most));
    (!is_lower).then(|| Edit {
        span: span(text, budget),
        bytes: within(most).to_string().into_bytes().into(),
    })
}

/// Why a request cannot pass untouched under a plan's limit: not to think would be another answer than the caller asked and pays for, and it is
/// refused where the call is translated as well. A limit of the caller's own is Anthropic's to judge.
pub fn thinks_beyond(body: &[u8], scan: &Scan, most: u64) -> Option<Unsayable> {
    let asked = scan.limits.max_tokens.as_ref();
    let is_own = asked
        .and_then(|limit| limit.tokens)
        .is_some_and(|own| own <= most);
    if most > LEAST || is_own {
        return None;
    }
    budget(body).map(|_| Unsayable {
        param: "thinking".to_owned(),
        why: no_room(most, "your plan"),
    })
}

/// The body, and what is written there as the budget. Nearly no request has one: a search tells.
fn budget(body: &[u8]) -> Option<(&str, &str)> {
    memchr::memmem::find(body, b"budget_tokens")?;
    let text = std::str::from_utf8(body).ok()?;
    let thinking = members(text, ["thinking"])?[0]?;
    let [kind, budget] = members(thinking, ["type", "budget_tokens"])?;
    let budget = budget.filter(|_| kind == Some("\"enabled\""))?;
    Some((text, budget))
}
