//! What a provider itself says that its answers took, for tests that hold a bill against it. Kept from the very bytes that it wrote, whether
//! the caller stayed for the rest or left. It must never count what was not written, nor what others made of it.

use std::ops::{Deref, DerefMut};

use serde_json::Value;

use crate::wire::Wire;

/// The sums of all answers that told what they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Answers.
    pub calls: u64,
    /// Of these, those whose caller left before their end.
    pub left: u64,
    /// Tokens that were read, those from a prompt cache included.
    pub input: u64,
    /// Of these, those from a prompt cache.
    pub cached: u64,
    /// Tokens that were written.
    pub output: u64,
}

impl Book {
    /// An answer is over.
    pub(super) fn enter(&mut self, said: Usage, left: bool) {
        self.calls += 1;
        self.left += u64::from(left);
        self.input += said.input;
        self.cached += said.cached;
        self.output += said.output;
    }
}

/// What one answer took, as far as was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    input: u64,
    cached: u64,
    output: u64,
}

impl Usage {
    /// As OpenAI's answers and events say it; the last word counts.
    fn said(text: &[u8]) -> Option<Self> {
        // Most of what is written says nothing of it.
        memchr::memmem::find(text, br#""usage""#)?;
        let text = std::str::from_utf8(text).ok()?;
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let mut said = events.chain([text]).filter_map(|json| {
            let json: Value = serde_json::from_str(json).ok()?;
            let usage = &json["usage"];
            Some(Usage {
                input: usage["prompt_tokens"].as_u64()?,
                cached: usage["prompt_tokens_details"]["cached_tokens"]
                    .as_u64()
                    .unwrap_or(0),
                output: usage["completion_tokens"].as_u64().unwrap_or(0),
            })
        });
        said.next_back()
    }
}

/// A connection, and what the answer on it said so far.
pub(super) struct Voice<'a> {
    wire: &'a mut Wire,
    pub(super) said: Option<Usage>,
}

impl<'a> Voice<'a> {
    pub(super) fn new(wire: &'a mut Wire) -> Self {
        Voice { wire, said: None }
    }

    /// These bytes of the answer's content are written.
    pub(super) fn told(&mut self, text: &[u8]) {
        self.said = Usage::said(text).or(self.said);
    }
}

impl Deref for Voice<'_> {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        self.wire
    }
}

impl DerefMut for Voice<'_> {
    fn deref_mut(&mut self) -> &mut Wire {
        self.wire
    }
}
