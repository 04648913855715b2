//! The wire forms of a conversation, and which room reads and writes each. Called by `translate`; must never hold a rule of one form.

use crate::Dialect;
use purser_config::Endpoint;

/// How a conversation is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wire {
    /// OpenAI's chat completions.
    #[default]
    Chat,
    /// OpenAI's completions, for callers only.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
    /// Gemini's `generateContent`.
    Generate,
}

impl Wire {
    /// All of them.
    pub const ALL: [Wire; 5] = [
        Wire::Chat,
        Wire::Completions,
        Wire::Responses,
        Wire::Messages,
        Wire::Generate,
    ];

    /// Whose it is.
    pub fn dialect(self) -> Dialect {
        match self {
            Wire::Chat | Wire::Completions | Wire::Responses => Dialect::OpenAI,
            Wire::Messages => Dialect::Anthropic,
            Wire::Generate => Dialect::Gemini,
        }
    }

    /// That of a caller's endpoint, where it is a conversation.
    pub fn of(dialect: Dialect, endpoint: Endpoint) -> Option<Wire> {
        match (dialect, endpoint) {
            (Dialect::OpenAI, Endpoint::Chat) => Some(Wire::Chat),
            (Dialect::OpenAI, Endpoint::Completions) => Some(Wire::Completions),
            (Dialect::OpenAI, Endpoint::Responses) => Some(Wire::Responses),
            (Dialect::Anthropic, Endpoint::Chat) => Some(Wire::Messages),
            (Dialect::Gemini, Endpoint::Chat) => Some(Wire::Generate),
            _ => None,
        }
    }
}
