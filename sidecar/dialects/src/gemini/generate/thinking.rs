//! How much Gemini's models think: in tokens (2.5), in levels (3 and later), or not at all (before). Called by readers and writers of
//! requests. Google's own table for OpenAI's `reasoning_effort` is followed where it has a word.

use crate::talk::{Effort, Reasoning};
use serde::Serialize;

/// What a model understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// 1.x, 2.0 and open models: no thoughts.
    Thoughtless,
    /// 2.5: tokens, from the least to the most; whether it can do without.
    Budget { least: u64, most: u64, none: bool },
    /// 3 and later: levels. Pro has no minimal one.
    Level { pro: bool },
}

impl Family {
    /// By the model's name. An alias such as `gemini-flash-latest` is one of the newest.
    pub(super) fn of(model: &str) -> Family {
        let name = model.strip_prefix("models/").unwrap_or(model);
        let is = |prefix: &str| name.starts_with(prefix);
        if is("gemini-2.5") {
            return match (name.contains("pro"), name.contains("flash-lite")) {
                (true, _) => Family::Budget {
                    least: 128,
                    most: 32_768,
                    none: false,
                },
                (_, true) => Family::Budget {
                    least: 512,
                    most: 24_576,
                    none: true,
                },
                _ => Family::Budget {
                    least: 1,
                    most: 24_576,
                    none: true,
                },
            };
        }
        if is("gemini-1") || is("gemini-2") || is("gemma") || is("learnlm") {
            return Family::Thoughtless;
        }
        Family::Level {
            pro: name.contains("pro"),
        }
    }

    /// How many tokens it thinks in at least, of those that `thinkingBudget` names: those from 3 on still read it.
    fn least(self) -> u64 {
        match self {
            Family::Budget { least, .. } => least,
            Family::Thoughtless => 0,
            Family::Level { .. } => 128,
        }
    }

    /// Whether calls of tools must carry signatures, results may hold images, and JSON goes together with tools.
    pub(super) fn is_third(self) -> bool {
        matches!(self, Family::Level { .. })
    }
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) include_thoughts: bool,
}

/// As much of an answer's limit as a model may think in. Thoughts count within it, so one that may think for longer ends by it before it said a
/// word (`MAX_TOKENS`).
pub(in crate::gemini) fn within(limit: u64, model: &str) -> u64 {
    (limit / 5 * 4).max(Family::of(model).least())
}

impl ThinkingConfig {
    /// The same where one is written.
    pub(super) fn lower(&mut self, limit: u64, model: &str) {
        let most = i64::try_from(within(limit, model)).unwrap_or(i64::MAX);
        self.thinking_budget = self.thinking_budget.map(|budget| budget.min(most));
    }
}

/// What a model is to be told, or why it cannot be. `shown`: whether thoughts are where the caller says nothing of it.
pub(super) fn write(
    reasoning: &Reasoning,
    family: Family,
    shown: bool,
) -> Result<Option<ThinkingConfig>, &'static str> {
    let wants_none = reasoning.effort == Some(Effort::None) || reasoning.budget == Some(0);
    let mut config = ThinkingConfig {
        include_thoughts: reasoning.show.unwrap_or(shown) && !wants_none,
        ..ThinkingConfig::default()
    };
    match family {
        Family::Thoughtless if wants_none => return Ok(None),
        Family::Thoughtless => return Err("its models before 2.5 do not think"),
        Family::Budget { none: false, .. } if wants_none => {
            return Err("this model cannot answer without thinking");
        }
        Family::Level { .. } if wants_none => {
            return Err("its models from 3 on cannot answer without thinking");
        }
        Family::Budget { least, most, .. } => {
            config.thinking_budget = budget(reasoning, least, most);
        }
        Family::Level { pro } => config.thinking_level = level(reasoning, pro),
    }
    Ok((config != ThinkingConfig::default()).then_some(config))
}

fn budget(reasoning: &Reasoning, least: u64, most: u64) -> Option<i64> {
    let of_effort = reasoning.effort.map(|effort| match effort {
        Effort::None => 0,
        Effort::Minimal | Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High => 24_576,
        Effort::XHigh | Effort::Max => most,
    });
    match reasoning.budget.or(of_effort) {
        Some(0) => Some(0),
        Some(tokens) => i64::try_from(tokens.clamp(least, most)).ok(),
        None => reasoning.adaptive.then_some(-1),
    }
}

/// Adaptive is what these models are by themselves.
fn level(reasoning: &Reasoning, pro: bool) -> Option<&'static str> {
    let of_budget = reasoning.budget.map(|tokens| match tokens {
        ..=1_024 => Effort::Low,
        1_025..=8_192 => Effort::Medium,
        _ => Effort::High,
    });
    Some(match reasoning.effort.or(of_budget)? {
        Effort::None | Effort::Minimal if !pro => "MINIMAL",
        Effort::None | Effort::Minimal | Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    })
}

/// Of a level in capitals.
pub(super) fn effort(level: &str) -> Option<Effort> {
    Some(match level {
        "MINIMAL" => Effort::Minimal,
        "LOW" => Effort::Low,
        "MEDIUM" => Effort::Medium,
        "HIGH" => Effort::High,
        "XHIGH" => Effort::XHigh,
        _ => return None,
    })
}
