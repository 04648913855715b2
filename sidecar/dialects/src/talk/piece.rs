//! One stream's pieces, in order: `Begin`, then for each block `Open`, its contents, `Close`; `Finish` for each choice, `Spent`, `End`.
//!
//! Readers of APIs without blocks (OpenAI's chat) open and close them as the content changes; writers of such APIs ignore the two.
//! A block's number counts up over its choice and is never used again; blocks of one choice may overlap only where they are tool calls.

use super::{Finish, Sealed, Source, Spent};
use serde_json::Value;

/// One piece of an answer on its way.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the variants say what their fields hold")]
pub enum Piece {
    /// The provider's id, model and creation, and what it read where it says so at once (Anthropic).
    Begin {
        id: String,
        model: String,
        created: Option<u64>,
        spent: Option<Spent>,
    },
    Open {
        choice: u32,
        block: u32,
        kind: Kind,
    },
    /// Of a text, thinking or refusal block.
    Text {
        choice: u32,
        block: u32,
        text: String,
    },
    /// A fragment of a tool call's arguments.
    Arguments {
        choice: u32,
        block: u32,
        text: String,
    },
    /// A thinking block's or a tool call's seal; one for each block, before its `Close`.
    Seal {
        choice: u32,
        block: u32,
        sealed: Sealed,
    },
    /// Of a text block.
    Citation {
        choice: u32,
        block: u32,
        citation: Value,
    },
    /// OpenAI's `logprobs` for the text just said.
    Logprobs {
        choice: u32,
        logprobs: Value,
    },
    Close {
        choice: u32,
        block: u32,
    },
    Finish {
        choice: u32,
        finish: Finish,
    },
    /// All that was used so far; the last one counts.
    Spent(Spent),
    /// The provider reports an error within the stream; nothing follows.
    Error {
        status: Option<u16>,
        code: Option<String>,
        kind: Option<String>,
        message: String,
    },
    /// It ended as it should.
    End,
}

/// What a block is.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the variants say what their fields hold")]
pub enum Kind {
    Text,
    Thinking,
    /// Comes whole, with its `Open`.
    Redacted {
        sealed: Sealed,
    },
    Refusal,
    /// Comes whole, with its `Open`.
    Image {
        source: Source,
    },
    ToolCall {
        id: String,
        name: String,
    },
}
