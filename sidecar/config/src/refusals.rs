//! Calls that were refused before they were sent to anybody: counted by key and code where it happens, told to the operator, shown to
//! people. They have no usage record, because they used nothing. Plain data and its bounds; it must never hold a key's value.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The most of them in one message.
pub const MOST_TOLD: usize = 64;
/// The longest sentence that is kept of one, in bytes: a caller's words may stand in it.
pub const LONGEST_MESSAGE: usize = 512;
/// The longest code, and the longest request id, in bytes.
pub const LONGEST_WORD: usize = 128;

/// Calls of one key that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Whose calls.
    pub key: Name,
    /// The answer's code.
    pub code: Cow<'static, str>,
    /// The answer's status.
    pub status: u16,
    /// What the last one was told.
    pub message: String,
    /// The last one's request id.
    pub request: String,
    /// How many, since the process began that counts them.
    pub times: u64,
    /// When the first one came, in unix milliseconds.
    pub first_ms: u64,
    /// When the last one came, in unix milliseconds.
    pub last_ms: u64,
}

impl Refusal {
    /// Counts in what another process refused of the same key for the same reason. The later one's words stay.
    pub fn add(&mut self, other: Refusal) {
        let times = self.times.saturating_add(other.times);
        let first_ms = self.first_ms.min(other.first_ms);
        if other.last_ms > self.last_ms {
            *self = other;
        }
        (self.times, self.first_ms) = (times, first_ms);
    }

    /// The same, so that it takes bounded memory and one line, whoever told it.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.message = shortened(&self.message, LONGEST_MESSAGE);
        self.request = shortened(&self.request, LONGEST_WORD);
        self.code = Cow::Owned(shortened(&self.code, LONGEST_WORD));
        self
    }
}

fn shortened(text: &str, longest: usize) -> String {
    let end = (0..=longest.min(text.len())).rev();
    let end = end.into_iter().find(|at| text.is_char_boundary(*at));
    let (kept, rest) = text.split_at(end.unwrap_or(0));
    let letters = kept.chars().filter(|letter| !letter.is_control());
    letters.chain((!rest.is_empty()).then_some('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(times: u64, (first_ms, last_ms): (u64, u64)) -> Refusal {
        Refusal {
            key: Name::new("shop", "a"),
            code: "model_not_found".into(),
            status: 404,
            message: format!("of {last_ms}"),
            request: "req".to_owned(),
            times,
            first_ms,
            last_ms,
        }
    }

    #[test]
    fn two_processes_refusals_are_one_line_with_the_last_ones_words() {
        let mut sum = refusal(2, (10, 20));
        sum.add(refusal(3, (5, 15)));
        assert_eq!((sum.times, sum.first_ms, sum.last_ms), (5, 5, 20));
        assert_eq!(sum.message, "of 20");
        sum.add(refusal(u64::MAX, (30, 40)));
        assert_eq!((sum.times, sum.first_ms), (u64::MAX, 5));
        assert_eq!(sum.message, "of 40");
    }

    #[test]
    fn whoever_tells_it_it_is_one_short_line() {
        let mut told = refusal(1, (0, 0));
        told.message = format!("a\n{}", "ü".repeat(9_000));
        told.code = "x".repeat(9_000).into();
        let told = told.plain();
        assert!(told.message.len() <= LONGEST_MESSAGE + 3 && !told.message.contains('\n'));
        assert!(told.message.ends_with('…') && told.code.len() <= LONGEST_WORD + 3);
        assert_eq!(refusal(1, (0, 7)).plain(), refusal(1, (0, 7)));
    }
}
