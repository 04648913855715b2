//! How much Anthropic's model thinks, and within how many tokens it answers: thoughts count there. Called by `write_ask`.
//!
//! | asked | models up to 4.5 | later ones |
//! |---|---|---|
//! | an effort | a budget of 1,024 (minimal, low), 4,096 (medium), 16,384 (high) or 32,768 | `adaptive` with that effort |
//! | a budget | the same, at most four fifths of `max_tokens` | `adaptive` with the effort that it is worth |
//! | none | nothing | `disabled`, where the model can |

use crate::Dialect;
use crate::anthropic::budget::{self, LEAST};
use crate::anthropic::claude::Claude;
use crate::fields::Field;
use crate::json::pen::Object;
use crate::talk::{Ask, Block, Effort, Reasoning, Role, Turn};
use crate::translate::{Target, Unsayable};

/// Where neither caller nor plan nor model says one.
const DEFAULT_OUTPUT: u64 = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Default,
    Off,
    Budget(u64),
    Adaptive { show: Option<bool> },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Thinks {
    pub(super) max_tokens: u64,
    mode: Mode,
    effort: Option<&'static str>,
    /// It was asked to think and cannot, since the thoughts of the turn that it goes on with are gone.
    pub(super) removed_state: bool,
}

impl Thinks {
    pub(super) fn of(
        ask: &Ask,
        target: &Target<'_>,
        claude: &Claude<'_>,
    ) -> Result<Thinks, Unsayable> {
        let most = target.most_output;
        let limit = match (ask.sampling.max_output, most) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        let mut thinks = Thinks {
            max_tokens: limit.unwrap_or(DEFAULT_OUTPUT),
            mode: Mode::Default,
            effort: None,
            removed_state: false,
        };
        let Some(reasoning) = &ask.reasoning else {
            return Ok(thinks);
        };
        let still = reasoning.effort == Some(Effort::None) || reasoning.budget == Some(0);
        if still {
            if !claude.can_be_still() {
                return Err(Field::Reasoning.unsayable(ask, "this model always thinks"));
            }
            thinks.mode = if claude.is_adaptive() {
                Mode::Off
            } else {
                Mode::Default
            };
        } else if claude.is_adaptive() {
            let show = reasoning.show;
            thinks.mode = Mode::Adaptive { show };
            let effort = reasoning.effort.or(reasoning.budget.map(Effort::of_budget));
            thinks.effort = effort.map(|effort| word(effort, claude));
        } else {
            let is_own = limit.is_some() && limit == ask.sampling.max_output;
            thinks.by_budget(ask, reasoning, (limit, is_own))?;
        }
        Ok(thinks)
    }

    fn by_budget(
        &mut self,
        ask: &Ask,
        reasoning: &Reasoning,
        (limit, is_own): (Option<u64>, bool),
    ) -> Result<(), Unsayable> {
        let effort = reasoning.effort.unwrap_or(Effort::Medium);
        let budget = reasoning.budget.unwrap_or(effort.budget()).max(LEAST);
        if let Some(limit) = limit.filter(|limit| *limit <= LEAST) {
            let why = match is_own {
                true => format!(
                    "this model thinks in {LEAST} tokens at least, and the limit leaves no more"
                ),
                // A caller who set none, or a higher one, would seek it in vain.
                false => budget::no_room(limit, "your plan, or what the model writes at most,"),
            };
            return Err(Field::Reasoning.unsayable(ask, why));
        }
        if lacks_thoughts(&ask.turns) {
            self.removed_state = true;
            return Ok(());
        }
        let within = limit.map_or(budget, |limit| budget.min(budget::within(limit)));
        self.max_tokens = limit.unwrap_or(budget.saturating_add(DEFAULT_OUTPUT));
        self.mode = Mode::Budget(within);
        Ok(())
    }

    pub(super) fn is_on(&self) -> bool {
        matches!(self.mode, Mode::Budget(_) | Mode::Adaptive { .. })
    }

    /// `output_config.effort`.
    pub(super) fn effort(&self) -> Option<&'static str> {
        self.effort
    }

    /// `thinking`.
    pub(super) fn write(&self, object: &mut Object<'_>, claude: &Claude<'_>) {
        match self.mode {
            Mode::Default => {}
            Mode::Off => object.raw("thinking", r#"{"type":"disabled"}"#),
            Mode::Budget(tokens) => {
                let mut thinking = object.object("thinking");
                thinking.member("type", "enabled");
                thinking.member("budget_tokens", &tokens);
            }
            Mode::Adaptive { show } => {
                let mut thinking = object.object("thinking");
                thinking.member("type", "adaptive");
                match show {
                    Some(false) => thinking.member("display", "omitted"),
                    // Who speaks another API and has it think is shown the thoughts: only Anthropic's callers need ask.
                    _ if claude.hides_thoughts() => thinking.member("display", "summarized"),
                    _ => {}
                }
            }
        }
    }
}

fn word(effort: Effort, claude: &Claude<'_>) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::XHigh if claude.has_xhigh() => "xhigh",
        Effort::High | Effort::XHigh => "high",
        Effort::Max => "max",
    }
}

/// With a budget, a turn that is gone on with after its tools answered must begin with its thoughts, sealed by Anthropic.
fn lacks_thoughts(turns: &[Turn]) -> bool {
    let last = turns.iter().rfind(|turn| turn.role == Role::Assistant);
    let Some(last) = last else { return false };
    let calls = last
        .blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    let own = last.blocks.iter().any(|block| match block {
        Block::Thinking { sealed, .. } => sealed
            .as_ref()
            .is_some_and(|sealed| sealed.origin == Dialect::Anthropic),
        Block::Redacted { sealed } => sealed.origin == Dialect::Anthropic,
        _ => false,
    });
    calls && !own
}
