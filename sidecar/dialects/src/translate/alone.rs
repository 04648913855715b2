//! One call at a time: an answer loses every call of a tool but its first, where the caller asked for no more and the provider's API cannot be
//! told so. The model asks again for what it still needs once the first has its result. Called by `translate` for a whole answer and for each
//! piece of a stream. Must never touch an answer whose caller did not ask for it.

use crate::talk::{Block, Choice, Kind, Piece};
use std::collections::{BTreeMap, BTreeSet};

/// Leaves a whole answer's first call.
pub(super) fn leave_first_call(choice: &mut Choice) {
    let mut called = false;
    choice.blocks.retain(|block| {
        let is_call = matches!(block, Block::ToolCall { .. });
        !(is_call && std::mem::replace(&mut called, true))
    });
}

/// The same of a stream.
#[derive(Debug, Default)]
pub(super) struct Alone {
    /// The first call of each choice, by its block.
    first: BTreeMap<u32, u32>,
    /// Other calls that are not over.
    others: BTreeSet<(u32, u32)>,
}

impl Alone {
    /// Whether a piece is for the caller.
    pub(super) fn passes(&mut self, piece: &Piece) -> bool {
        let (choice, block) = match piece {
            Piece::Open {
                choice,
                block,
                kind: Kind::ToolCall { .. },
            } => {
                let first = *self.first.entry(*choice).or_insert(*block);
                if first != *block {
                    self.others.insert((*choice, *block));
                }
                return first == *block;
            }
            Piece::Close { choice, block } => return !self.others.remove(&(*choice, *block)),
            Piece::Arguments { choice, block, .. } | Piece::Seal { choice, block, .. } => {
                (*choice, *block)
            }
            _ => return true,
        };
        !self.others.contains(&(choice, block))
    }
}
