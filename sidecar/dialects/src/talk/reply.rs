//! One whole answer. Written by the reader of the provider's API, read by the writer of the caller's.

use super::Block;
use crate::Usage;
use serde_json::Value;

/// One whole answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The provider's id of it.
    pub id: String,
    /// The model, as the provider names it.
    pub model: String,
    /// When, in unix seconds, where the provider says so.
    pub created: Option<u64>,
    /// One for each answer that was asked for.
    pub choices: Vec<Choice>,
    /// What it used, where the provider says so.
    pub spent: Option<Spent>,
}

/// One of the answers.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// What it says.
    pub blocks: Vec<Block>,
    /// Why it ended; absent: the provider did not say.
    pub finish: Option<Finish>,
    /// OpenAI's `logprobs`.
    pub logprobs: Option<Value>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// At one of the caller's stop sequences; which, where the provider says so.
    Sequence(Option<String>),
    /// At the most tokens that were allowed.
    Length,
    /// At the end of the model's context.
    Context,
    /// To have tools called.
    Tools,
    /// A filter of the provider's cut it off, or the prompt was blocked.
    Filtered,
    /// The model would not.
    Refused,
    /// The provider paused it, to be continued (Anthropic's `pause_turn`).
    Paused,
    /// The model wrote a tool call that cannot be read.
    Malformed,
}

/// What an answer used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// As OpenAI counts: what was read includes the cached, what was written the thoughts.
    pub usage: Usage,
    /// Those written that were thoughts.
    pub reasoning_tokens: u64,
}
