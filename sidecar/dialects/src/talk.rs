//! What the APIs say to a model and a model says back, without anybody's spelling: one request ([`Ask`]), one answer
//! ([`Reply`]), one stream of pieces ([`Piece`]).
//!
//! Each API's room reads its own wire form into these and writes them back; `translate` joins a reader to a writer. What an
//! API says that has no place here is kept by name ([`Ask::beyond`]) so that it is refused, never lost.
//!
//! Invariant: nothing here knows a provider or a wire. Only a pair of equal APIs passes by this room: its bytes are untouched.

mod ask;
mod piece;
mod reply;
mod seal;

pub use ask::{
    Ask, Beyond, Block, Choose, Effort, Format, Reasoning, Role, Sampling, Sealed, Source, Tool,
    Turn,
};
pub use piece::{Kind, Piece};
pub use reply::{Choice, Finish, Reply, Spent};
