//! OpenAI's responses, read and written. Called by `translate`. So far only the shape of the room.

use crate::Event;
use crate::talk::{Ask, Piece, Reply};
use crate::translate::{AskFault, Asked, Target, Unreadable, Unsayable, Written};

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

/// Writes it for a provider.
pub(crate) fn write_ask(_ask: &Ask, _target: &Target<'_>) -> Result<Written, Unsayable> {
    Err(Unsayable {
        param: "model".into(),
        why: "this API is not called yet".into(),
    })
}

/// Reads a provider's whole answer.
pub(crate) fn read_reply(_body: &[u8]) -> Result<Reply, Unreadable> {
    Err(Unreadable("this API is not read yet".into()))
}

/// Writes it for the caller.
pub(crate) fn write_reply(_reply: &Reply, _asked: &Asked) -> Vec<u8> {
    Vec::new()
}

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {}

impl Reader {
    /// One event of it.
    pub(crate) fn read(&mut self, _event: &Event, _pieces: &mut Vec<Piece>) {}

    /// The end of its bytes.
    pub(crate) fn finish(&mut self, _pieces: &mut Vec<Piece>) {}
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
