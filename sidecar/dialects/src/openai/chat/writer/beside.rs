//! What a choice has beside its text: thoughts with their seals, and where its text comes from. Called by the writer of streams.
//!
//! SDKs put a list together from several deltas by its entries' `index`, which these have not: Python's raises, Node's keeps the last. So each
//! list comes once and whole, before the choice ends. What is kept is bounded: thoughts by [`MOST_THOUGHTS`], seals and citations by what
//! `translate` lets a writer keep.

use super::{Is, Writer};
use crate::openai::chat::write_reply::{Cited, redacted_block, thinking_block};
use crate::talk::Sealed;
use serde_json::Value;

/// More than that of thoughts is shown, and not given to keep: by a seal they are given back whole or not at all.
const MOST_THOUGHTS: usize = 1 << 20;

/// What has come of it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Characters of the text so far.
    said: usize,
    sealed: Vec<Value>,
    cited: Cited,
}

/// Keeps a thought, where there is room for it; a block that is not kept whole is not kept. `kept`: the bytes of all.
pub(super) fn think(thoughts: &mut Option<String>, text: &str, kept: &mut usize) {
    let Some(so_far) = thoughts else { return };
    if *kept + text.len() > MOST_THOUGHTS {
        *kept -= so_far.len();
        *thoughts = None;
        return;
    }
    *kept += text.len();
    so_far.push_str(text);
}

impl Beside {
    pub(super) fn said(&self) -> usize {
        self.said
    }

    pub(super) fn say(&mut self, text: &str) {
        self.said += text.chars().count();
    }

    /// Thoughts that are not shown.
    pub(super) fn hide(&mut self, sealed: &Sealed) {
        self.sealed.push(redacted_block(sealed));
    }

    /// The end of a block of text, of which all that it cites is said.
    fn close(&mut self, is: Is) {
        if let Is::Text { start, cited } = is {
            for citation in &cited {
                self.cited.hear(citation, start..self.said);
            }
        }
    }
}

impl Writer {
    pub(super) fn close(&mut self, choice: u32, block: u32) {
        let Some(choice) = self.choices.get_mut(choice as usize) else {
            return;
        };
        if let Some(at) = choice.open.iter().position(|open| open.block == block) {
            let open = choice.open.remove(at);
            // Thoughts that nobody sealed cannot be given back.
            if let Is::Thinking(Some(thoughts)) = &open.is {
                self.thoughts -= thoughts.len();
            }
            choice.beside.close(open.is);
        }
    }

    pub(super) fn seal(&mut self, choice: u32, block: u32, sealed: &Sealed, out: &mut Vec<u8>) {
        let thoughts = match self.of(choice, block) {
            Some(Is::Thinking(thoughts)) => thoughts.take(),
            Some(Is::Call(index)) => {
                let index = *index;
                return self.seal_call(choice, index, sealed, out);
            }
            _ => return,
        };
        if let Some(thoughts) = thoughts
            && let Some(choice) = self.choices.get_mut(choice as usize)
        {
            let block = thinking_block(&thoughts, sealed);
            choice.beside.sealed.push(block);
        }
    }

    pub(super) fn cite(&mut self, choice: u32, block: u32, citation: &Value) {
        if let Some(Is::Text { cited, .. }) = self.of(choice, block) {
            cited.push(citation.clone());
        }
    }

    /// All of it, in one delta; nothing, where there is none.
    pub(super) fn tell_beside(&mut self, choice: u32, out: &mut Vec<u8>) {
        let Some(found) = self.choices.get_mut(choice as usize) else {
            return;
        };
        for open in found.open.drain(..) {
            found.beside.close(open.is);
        }
        let (sealed, cited) = (
            std::mem::take(&mut found.beside.sealed),
            std::mem::take(&mut found.beside.cited),
        );
        if sealed.is_empty() && cited.is_empty() {
            return;
        }
        self.delta(choice, out, |delta| {
            if !sealed.is_empty() {
                delta.member("thinking_blocks", &sealed);
            }
            cited.write(delta);
        });
    }
}
