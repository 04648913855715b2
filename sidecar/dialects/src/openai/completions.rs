//! OpenAI's completions, read and written. Called by `translate`. So far only the shape of the room.

use crate::talk::{Ask, Piece, Reply};
use crate::translate::{AskFault, Asked};

fn unspoken() -> AskFault {
    AskFault {
        param: None,
        message: "this API is not answered yet".into(),
    }
}

/// Reads a caller's request.
pub(crate) fn read_ask(_body: &[u8]) -> Result<Ask, AskFault> {
    Err(unspoken())
}

/// Writes it for the caller.
pub(crate) fn write_reply(_reply: &Reply, _asked: &Asked) -> Vec<u8> {
    Vec::new()
}

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {}

impl Writer {
    /// Before the first piece.
    pub(crate) fn new(_asked: Asked) -> Writer {
        Writer {}
    }

    /// One piece of it.
    pub(crate) fn write(&mut self, _piece: &Piece, _out: &mut Vec<u8>) {}
}
