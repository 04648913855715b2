//! The keys whose calls are killed under, one on each kind of plan, what an answered call of each costs, and how it is answered. Used by the callers, who call
//! with them, and by the oracle, which knows what was granted.

use super::place::Place;
use purser_tests::provider::{Behaviour, Script};
use std::time::Duration;

/// How the provider answers: mostly at once, and now and then so slowly that a kill finds calls at every stage.
pub(super) fn answers() -> Script {
    let slow = Duration::from_millis(60);
    let dripping = Behaviour::Answers {
        chunks: 5,
        interval: slow / 5,
    };
    Script::Chance {
        seed: 9,
        choices: vec![
            (8, Behaviour::healthy()),
            (1, Behaviour::SlowFirstByte(slow)),
            (1, dripping),
        ],
    }
}

/// A key and its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// Without limits: it needs nobody but its sidecar.
    Free,
    /// With a limit that is never reached, so that windows are asked.
    Limited,
    /// A credit for each call.
    PerCall,
    /// Credits for tokens.
    PerToken,
}

/// All of them.
pub(super) const KEYS: [Key; 4] = [Key::Free, Key::Limited, Key::PerCall, Key::PerToken];

/// Micro-credits of a credit.
const CREDIT: u64 = 1_000_000;
/// What metered keys are given, in credits: more than is ever spent.
const GRANT: u64 = 100_000_000;

impl Key {
    /// Its name, and its plan's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Key::Free => "free",
            Key::Limited => "limited",
            Key::PerCall => "per-call",
            Key::PerToken => "per-token",
        }
    }

    /// What stands between the braces of its plan.
    pub(super) fn spec(self) -> String {
        let all = "models: {allow: ['*']}";
        let metered = format!("{all}, credits: {{grant: '{GRANT}'}}, maxOutputTokens: 100");
        match self {
            Key::Free => all.to_owned(),
            Key::Limited => format!("{all}, limits: {{requestsPerMinute: 1000000}}"),
            Key::PerCall => format!("{metered}, prices: [{{models: ['*'], perRequest: '1'}}]"),
            Key::PerToken => format!(
                "{metered}, prices: [{{models: ['*'], perMillionTokens: {{input: '1', output: '2'}}}}]"
            ),
        }
    }

    /// What it was granted, in micro-credits; `None`: it is not metered.
    pub(super) fn granted(self) -> Option<u64> {
        matches!(self, Key::PerCall | Key::PerToken).then_some(GRANT * CREDIT)
    }

    /// What a call of it costs whose answer is whole, in micro-credits.
    pub(super) fn price(self) -> u64 {
        match self {
            Key::Free | Key::Limited => 0,
            Key::PerCall => CREDIT,
            // The provider says 7 tokens in, 5 out.
            Key::PerToken => 7 + 2 * 5,
        }
    }
}

impl Place {
    /// The documents of all plans and keys.
    pub(super) fn keys(&self) -> Vec<String> {
        let each = KEYS.into_iter().flat_map(|key| {
            let plan = self.plan(key.name(), &key.spec());
            let [secret, object] = self.key(key.name(), key.name());
            [plan, secret, object]
        });
        each.collect()
    }
}
