//! What waits while another block is open. Called by the writer of streams. Must never hold more than its bound.

use super::{Is, Writer};
use crate::talk::{Kind, Piece};
use std::collections::BTreeMap;

/// Pieces of blocks that are not begun yet, by block.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    blocks: BTreeMap<u32, Vec<Piece>>,
    bytes: usize,
}

/// The most that waits; beyond it blocks overlap, as they come.
const MOST_WAITING: usize = 1 << 20;

impl Waiting {
    /// Whether there is room for it.
    pub(super) fn keep(&mut self, block: u32, piece: &Piece) -> bool {
        let bytes = size_of::<Piece>() + long(piece);
        if self.bytes + bytes > MOST_WAITING {
            return false;
        }
        self.bytes += bytes;
        self.blocks.entry(block).or_default().push(piece.clone());
        true
    }

    /// Those of the block that came first.
    pub(super) fn next(&mut self) -> Option<Vec<Piece>> {
        let (_, pieces) = self.blocks.pop_first()?;
        if self.blocks.is_empty() {
            self.bytes = 0;
        }
        Some(pieces)
    }
}

impl Writer {
    /// What a piece leaves with the writer until its call is over; what is said of a call, and what waits, have bounds of their own.
    pub(crate) fn kept(&self, piece: &Piece) -> usize {
        match piece {
            Piece::Open {
                kind: Kind::ToolCall { id, .. },
                ..
            } => id.len(),
            Piece::Seal { block, sealed, .. } => {
                let mut open = self.open.iter().filter(|open| open.block == *block);
                let is_of_call = open.any(|open| matches!(open.is, Is::Call { .. }));
                usize::from(is_of_call) * sealed.data.len()
            }
            _ => 0,
        }
    }
}

/// What is not of a bounded size.
fn long(piece: &Piece) -> usize {
    match piece {
        Piece::Text { text, .. } | Piece::Arguments { text, .. } => text.len(),
        Piece::Open {
            kind: Kind::ToolCall { id, name },
            ..
        } => id.len() + name.len(),
        Piece::Open {
            kind: Kind::Redacted { sealed },
            ..
        }
        | Piece::Seal { sealed, .. } => sealed.data.len(),
        Piece::Citation { citation, .. } => citation.to_string().len(),
        _ => 0,
    }
}
