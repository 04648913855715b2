//! Answers that cannot be given on, and how that is told within a stream. Called by the rooms' readers, and by the sidecar before it shows
//! anything of a stream: until then another channel can be tried. Must never judge what was shown.

use super::{Interpreter, Unreadable};
use crate::Wire;
use crate::talk::Piece;
use crate::translate::Asked;

const TOLD: &str = "The provider's answer cannot be given: ";

impl From<Unreadable> for Piece {
    fn from(Unreadable(why): Unreadable) -> Piece {
        Piece::Error {
            status: Some(502),
            code: Some("bad_upstream_response".into()),
            kind: Some("server_error".into()),
            message: format!("{TOLD}{why}."),
        }
    }
}

impl Interpreter {
    /// Why a stream of a provider's cannot be given, by its first event that says anything: how its bytes were cut makes no difference.
    pub fn fault<'a>(
        from: Wire,
        to: Wire,
        held: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Unreadable> {
        let mut stream = Interpreter::new(from, to, Asked::default());
        for chunk in held {
            for event in stream.events.push(chunk).into_iter().flatten() {
                stream.read(&event);
                if let Some(fault) = stream.pieces.iter().find_map(fault_of) {
                    return Some(fault);
                }
                if stream.pieces.drain(..).any(|piece| says(&piece)) {
                    return None;
                }
            }
        }
        None
    }
}

fn fault_of(piece: &Piece) -> Option<Unreadable> {
    let Piece::Error { message, .. } = piece else {
        return None;
    };
    let why = message.strip_prefix(TOLD).unwrap_or(message);
    Some(Unreadable(why.trim_end_matches('.').to_owned()))
}

fn says(piece: &Piece) -> bool {
    !matches!(piece, Piece::Begin { .. } | Piece::Spent(_))
}
