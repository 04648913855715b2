//! What a stream's bytes become between the provider and the caller: nothing else, where both speak the same API; the caller's own API
//! elsewhere. Used by `relay`, made by `upstream`. It must never give an end that the provider did not write.

use bytes::Bytes;
use purser_dialects::kept::Renames;
use purser_dialects::translate::Interpreter;
use purser_dialects::{Array, UsageFilter};
use std::collections::VecDeque;

/// What a stream's bytes become.
pub enum Through {
    /// Themselves.
    Nothing,
    /// Themselves, without the usage that nobody but us asked for.
    Filter(Box<UsageFilter>),
    /// Themselves, with the ids of what the provider keeps sealed.
    Renames(Box<Renames>),
    /// One JSON array of what the events hold.
    Array(Box<Array>),
    /// The events of another API.
    Interpreter(Box<Interpreter>),
}

impl Through {
    /// The provider's next bytes. What of them may go on now is returned, or waits in `out` where it is more than one piece.
    pub(super) fn pass(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) -> Option<Bytes> {
        match self {
            Through::Nothing => Some(chunk),
            Through::Filter(filter) => {
                let mut first = None;
                filter.push(chunk, |piece| match &first {
                    None => first = Some(piece),
                    Some(_) => out.push_back(piece),
                });
                first
            }
            Through::Renames(renames) => {
                Some(renames.push(chunk)).filter(|bytes| !bytes.is_empty())
            }
            Through::Array(array) => some(array.push(&chunk)),
            Through::Interpreter(interpreter) => some(interpreter.push(&chunk)),
        }
    }

    /// Whether the caller was told an error, after which nothing follows.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self, Through::Interpreter(interpreter) if interpreter.has_failed())
    }

    /// The provider's bytes ended as they should.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        match std::mem::replace(self, Through::Nothing) {
            Through::Nothing => None,
            Through::Filter(mut filter) => filter.finish(),
            Through::Renames(mut renames) => renames.finish(),
            Through::Array(mut array) => some(array.finish()),
            Through::Interpreter(mut interpreter) => some(interpreter.finish()),
        }
    }
}

fn some(bytes: Vec<u8>) -> Option<Bytes> {
    (!bytes.is_empty()).then(|| Bytes::from(bytes))
}
