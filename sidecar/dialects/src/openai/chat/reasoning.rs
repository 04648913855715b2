//! How much a chat caller wants the model to think: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, and Anthropic's `thinking`,
//! which LiteLLM's clients send in a chat. Called by `read_ask`.

use crate::json::look::Look;
use crate::talk::{Ask, Effort, Reasoning};
use crate::translate::AskFault;

const EFFORTS: &str = "none, minimal, low, medium, high, xhigh or max";

impl Effort {
    /// As OpenAI spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        }
    }

    /// The same, read.
    pub(crate) fn named(name: &str) -> Option<Effort> {
        let all = [
            Effort::None,
            Effort::Minimal,
            Effort::Low,
            Effort::Medium,
            Effort::High,
            Effort::XHigh,
            Effort::Max,
        ];
        all.into_iter().find(|effort| effort.as_str() == name)
    }

    /// The tokens that an effort is worth, where an API counts them.
    pub(crate) fn budget(self) -> u64 {
        match self {
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1_024,
            Effort::Medium => 4_096,
            Effort::High => 16_384,
            Effort::XHigh | Effort::Max => 32_768,
        }
    }

    /// The effort that so many tokens are, where an API knows words only.
    pub(crate) fn of_budget(tokens: u64) -> Effort {
        match tokens {
            0 => Effort::None,
            1..=2_047 => Effort::Low,
            2_048..=8_192 => Effort::Medium,
            _ => Effort::High,
        }
    }
}

pub(crate) fn read_effort(value: Look<'_, '_>) -> Result<Effort, AskFault> {
    Effort::named(&value.string()?).ok_or_else(|| value.is_none_of(EFFORTS))
}

pub(super) fn effort(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    of(ask).effort = Some(read_effort(value)?);
    Ok(())
}

fn of(ask: &mut Ask) -> &mut Reasoning {
    ask.reasoning.get_or_insert_default()
}

/// `{effort, max_tokens, exclude, enabled}`.
pub(super) fn openrouter(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    value.members(|name, value| {
        match name {
            "effort" => of(ask).effort = Some(read_effort(value)?),
            "max_tokens" => of(ask).budget = Some(value.whole()?),
            "exclude" => of(ask).show = value.boolean()?.then_some(false),
            "enabled" if value.boolean()? => of(ask).adaptive = true,
            "enabled" => of(ask).budget = Some(0),
            _ => return Err(value.is_none_of("effort, max_tokens, exclude or enabled")),
        }
        Ok(())
    })
}

/// `{type, budget_tokens, display}`. Called for messages as well.
pub(crate) fn thinking(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut kind = None;
    let mut reasoning = ask.reasoning.take().unwrap_or_default();
    value.members(|name, value| {
        match name {
            "type" => kind = Some(value.string()?),
            "budget_tokens" => reasoning.budget = Some(value.whole()?),
            "display" => reasoning.show = Some(value.string()? != "omitted"),
            _ => return Err(value.is_none_of("type, budget_tokens or display")),
        }
        Ok(())
    })?;
    match kind.as_deref() {
        Some("enabled") => {}
        Some("adaptive") => reasoning.adaptive = true,
        Some("disabled") => reasoning.budget = Some(0),
        Some("between_tools") => ask.beyond.push(super::beyond(value)),
        Some(_) => return Err(value.is_none_of("the type enabled, adaptive or disabled")),
        None => return Err(value.lacks("type")),
    }
    ask.reasoning = Some(reasoning);
    Ok(())
}
