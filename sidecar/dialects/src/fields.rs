//! How each API spells what a request can say, so that a refusal names the member that the caller wrote.
//!
//! Called by writers of requests, which know what they cannot say and not who asked. Must never decide what can be said.

pub mod table;

use crate::Wire;
use crate::talk::{Ask, Role};
use crate::translate::Unsayable;

/// Something that a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of `talk`")]
pub enum Field {
    MaxOutput,
    Stop,
    Temperature,
    TopP,
    TopK,
    MinP,
    FrequencyPenalty,
    PresencePenalty,
    Seed,
    N,
    Logprobs,
    LogitBias,
    Tools,
    ToolChoice,
    Format,
    Reasoning,
    Turns,
}

type Name = &'static str;

/// In chat, responses, messages and `generateContent`; empty where there is none.
#[rustfmt::skip]
const NAMES: [(Field, Name, Name, Name, Name); 17] = [
    (Field::MaxOutput, "max_completion_tokens", "max_output_tokens", "max_tokens", "generationConfig.maxOutputTokens"),
    (Field::Stop, "stop", "", "stop_sequences", "generationConfig.stopSequences"),
    (Field::Temperature, "temperature", "temperature", "temperature", "generationConfig.temperature"),
    (Field::TopP, "top_p", "top_p", "top_p", "generationConfig.topP"),
    (Field::TopK, "top_k", "", "top_k", "generationConfig.topK"),
    (Field::MinP, "min_p", "", "", ""),
    (Field::FrequencyPenalty, "frequency_penalty", "", "", "generationConfig.frequencyPenalty"),
    (Field::PresencePenalty, "presence_penalty", "", "", "generationConfig.presencePenalty"),
    (Field::Seed, "seed", "", "", "generationConfig.seed"),
    (Field::N, "n", "", "", "generationConfig.candidateCount"),
    (Field::Logprobs, "logprobs", "top_logprobs", "", "generationConfig.responseLogprobs"),
    (Field::LogitBias, "logit_bias", "", "", ""),
    (Field::Tools, "tools", "tools", "tools", "tools"),
    (Field::ToolChoice, "tool_choice", "tool_choice", "tool_choice", "toolConfig"),
    (Field::Format, "response_format", "text.format", "output_config.format", "generationConfig.responseMimeType"),
    (Field::Reasoning, "reasoning_effort", "reasoning", "thinking", "generationConfig.thinkingConfig"),
    (Field::Turns, "messages", "input", "messages", "contents"),
];

impl Field {
    /// Its name in that API; that of the chat where it has none.
    pub fn name(self, wire: Wire) -> &'static str {
        let row = NAMES.iter().find(|(field, ..)| *field == self);
        let Some((_, chat, responses, messages, generate)) = row else {
            return "";
        };
        let name = match wire {
            Wire::Chat | Wire::Completions => chat,
            Wire::Responses => responses,
            Wire::Messages => messages,
            Wire::Generate => generate,
        };
        if name.is_empty() { chat } else { name }
    }

    /// A refusal of it.
    pub fn unsayable(self, ask: &Ask, why: impl Into<String>) -> Unsayable {
        Unsayable {
            param: self.name(ask.wire).to_owned(),
            why: why.into(),
        }
    }
}

/// Where the caller wrote a turn. What stands apart from the conversation in its API is the first of `turns`.
pub fn turn(ask: &Ask, index: usize) -> String {
    let apart = match ask.wire {
        Wire::Chat | Wire::Completions => false,
        Wire::Responses | Wire::Messages | Wire::Generate => {
            matches!(ask.turns.first(), Some(first) if first.role == Role::System)
        }
    };
    let name = Field::Turns.name(ask.wire);
    match index.checked_sub(usize::from(apart)) {
        Some(index) => format!("{name}[{index}]"),
        None => "system".to_owned(),
    }
}
