//! What waits while another block is open. Called by the writer of streams. Must never hold more than its bound.

use crate::talk::Piece;
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
        let bytes = match piece {
            Piece::Text { text, .. } | Piece::Arguments { text, .. } => text.len(),
            _ => size_of::<Piece>(),
        };
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
