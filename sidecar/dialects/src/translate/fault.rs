//! Answers that cannot be given on, and how that is told within a stream. Called by the rooms' readers, and by the sidecar before it shows
//! anything of a stream: until then another channel can be tried. Must never judge what was shown.

use super::{Asked, Interpreter, Unreadable, Writer};
use crate::Wire;
use crate::talk::{Block, Kind, Piece, Reply};

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

/// Why an answer cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its provider wrote what cannot be read, or nothing.
    Unreadable(String),
    /// It is sound, and holds what the caller's API has no place for.
    NoPlace(String),
}

impl Interpreter {
    /// Why a stream of a provider's cannot be given, by its first event that says anything: how its bytes were cut makes no difference.
    pub fn fault<'a>(
        from: Wire,
        to: Wire,
        held: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Unfit> {
        let mut stream = Interpreter::new(from, to, Asked::default());
        for chunk in held {
            for event in stream.events.push(chunk).into_iter().flatten() {
                stream.read(&event);
                let fault = |piece: &Piece| fault_of(piece, &stream.writer);
                if let Some(fault) = stream.pieces.iter().find_map(fault) {
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

/// An image that the caller's API has no place for is an error. OpenAI's chats have one in the `images` that OpenRouter, LiteLLM and Vercel
/// write there; in Anthropic's answers, and in OpenAI's others, there is none.
pub(super) fn fit(piece: &mut Piece, writer: &Writer) {
    if has_no_place(piece, writer) {
        *piece = no_place().into();
    }
}

fn has_no_place(piece: &Piece, writer: &Writer) -> bool {
    let Piece::Open { kind, .. } = piece else {
        return false;
    };
    matches!(kind, Kind::Image { .. }) && !matches!(writer, Writer::Chat(_) | Writer::Generate(_))
}

/// The same of a whole answer.
pub(super) fn fits(reply: &Reply, wire: Wire) -> Result<(), Unreadable> {
    let is_image = |block: &Block| matches!(block, Block::Image { .. });
    let mut choices = reply.choices.iter();
    match wire {
        Wire::Chat | Wire::Generate => Ok(()),
        _ if choices.any(|choice| choice.blocks.iter().any(is_image)) => Err(no_place()),
        _ => Ok(()),
    }
}

fn no_place() -> Unreadable {
    Unreadable("it holds an image, for which the caller's API has no place".into())
}

fn fault_of(piece: &Piece, writer: &Writer) -> Option<Unfit> {
    if has_no_place(piece, writer) {
        return Some(Unfit::NoPlace(no_place().0));
    }
    let Piece::Error { message, .. } = piece else {
        return None;
    };
    let why = message.strip_prefix(TOLD).unwrap_or(message);
    Some(Unfit::Unreadable(why.trim_end_matches('.').to_owned()))
}

fn says(piece: &Piece) -> bool {
    !matches!(piece, Piece::Begin { .. } | Piece::Spent(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Here:"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}]}"#;
    const SAID: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Here:"}]}}]}"#;

    fn fault(to: Wire, events: &[&str]) -> Option<Unfit> {
        let bytes = events.join("\n\n") + "\n\n";
        let whole = Interpreter::fault(Wire::Generate, to, [bytes.as_bytes()]);
        let cut = Interpreter::fault(Wire::Generate, to, bytes.as_bytes().chunks(1));
        assert_eq!(whole, cut);
        whole
    }

    #[test]
    fn the_first_event_that_says_anything_decides() {
        let comment = r#"data: {"responseId":"r","usageMetadata":{"promptTokenCount":1}}"#;
        let why = "it holds an image, for which the caller's API has no place";
        assert_eq!(
            fault(Wire::Messages, &[comment, DRAWN]),
            Some(Unfit::NoPlace(why.to_owned()))
        );
        let malformed = r#"data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
        let unreadable = fault(Wire::Messages, &[malformed]);
        assert!(
            matches!(unreadable, Some(Unfit::Unreadable(_))),
            "{unreadable:?}"
        );
        assert_eq!(fault(Wire::Messages, &[SAID, DRAWN]), None);
        assert_eq!(fault(Wire::Chat, &[DRAWN]), None);
        assert_eq!(fault(Wire::Chat, &[comment]), None);
    }
}
