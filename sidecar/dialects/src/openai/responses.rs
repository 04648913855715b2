//! OpenAI's responses, read and written. Called by `translate`.
//!
//! ```text
//! caller  --body--> read_ask (items_in, tools_in) --Ask--> another API
//! caller <--body--- write_reply (output) <--Reply-- another API
//! caller <--events- writer (output, event) <--Piece-- another API
//! ```
//!
//! A channel that answers responses itself gets its callers' untouched, and nothing else is translated into them: that direction is refused.
//!
//! Invariant: nothing is stored. What a response would have to be remembered for is `beyond`.

mod echo;
mod event;
mod items_in;
mod output;
mod read_ask;
mod tools_in;
mod write_reply;
mod writer;

pub use echo::Echo;
pub(crate) use output::is_made;
pub(crate) use read_ask::read_ask;
pub(crate) use write_reply::write_reply;
pub(crate) use writer::Writer;

use crate::Event;
use crate::talk::{Ask, Piece, Reply};
use crate::translate::{Target, Unreadable, Unsayable, Written};

/// Refuses: no channel is spoken to in responses by callers of another API.
pub(crate) fn write_ask(_ask: &Ask, _target: &Target<'_>) -> Result<Written, Unsayable> {
    Err(Unsayable {
        param: "model".into(),
        why: "this channel is called by its chat API".into(),
    })
}

/// Refuses.
pub(crate) fn read_reply(_body: &[u8]) -> Result<Reply, Unreadable> {
    Err(Unreadable("responses are passed on, not translated".into()))
}

/// Reads nothing.
#[derive(Debug, Default)]
pub(crate) struct Reader {}

impl Reader {
    /// One event.
    pub(crate) fn read(&mut self, _event: &Event, _pieces: &mut Vec<Piece>) {}

    /// The end.
    pub(crate) fn finish(&mut self, _pieces: &mut Vec<Piece>) {}
}
