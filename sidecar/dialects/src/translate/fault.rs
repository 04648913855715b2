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
                let writer = &stream.writer;
                stream
                    .pieces
                    .iter_mut()
                    .for_each(|piece| fit(piece, writer));
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

/// An image that the caller's API has no place for is an error. OpenAI's chats have one in the `images` that OpenRouter, LiteLLM and Vercel
/// write there; in Anthropic's answers, and in OpenAI's others, there is none.
pub(super) fn fit(piece: &mut Piece, writer: &Writer) {
    let kind = match piece {
        Piece::Open { kind, .. } => kind,
        _ => return,
    };
    if matches!(kind, Kind::Image { .. })
        && !matches!(writer, Writer::Chat(_) | Writer::Generate(_))
    {
        *piece = no_place().into();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Here:"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}]}"#;
    const SAID: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Here:"}]}}]}"#;

    fn fault(to: Wire, events: &[&str]) -> Option<String> {
        let bytes = events.join("\n\n") + "\n\n";
        let whole = Interpreter::fault(Wire::Generate, to, [bytes.as_bytes()]);
        let cut = Interpreter::fault(Wire::Generate, to, bytes.as_bytes().chunks(1));
        assert_eq!(whole, cut);
        whole.map(|Unreadable(why)| why)
    }

    #[test]
    fn the_first_event_that_says_anything_decides() {
        let comment = r#"data: {"responseId":"r","usageMetadata":{"promptTokenCount":1}}"#;
        let why = "it holds an image, for which the caller's API has no place";
        assert_eq!(
            fault(Wire::Messages, &[comment, DRAWN]).as_deref(),
            Some(why)
        );
        assert_eq!(fault(Wire::Messages, &[SAID, DRAWN]), None);
        assert_eq!(fault(Wire::Chat, &[DRAWN]), None);
        assert_eq!(fault(Wire::Chat, &[comment]), None);
    }
}
