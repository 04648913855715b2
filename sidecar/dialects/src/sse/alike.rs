//! Knows an event that is the one before it but for the words of one text, as nearly all of a stream are: what was found of that holds.
//!
//! Called by the tail with chunks that begin between two events. Must never know one that differs in anything but such a text, nor one
//! whose text has a quote, a backslash or a control character, behind which something else could stand.

use memchr::memmem;

/// The longest event that is remembered.
const LONGEST: usize = 2 << 10;
/// What stands before the words, in OpenAI's chats, in completions and in Anthropic's messages.
const NAMES: [&[u8]; 2] = [b"\"content\":\"", b"\"text\":\""];
/// So many are remembered for nothing before none is any more.
const TRIES: u8 = 8;

/// The event before, without its words.
#[derive(Debug)]
pub(super) struct Alike {
    event: Vec<u8>,
    /// So many of its bytes stand before them.
    before: usize,
    tries: u8,
}

impl Default for Alike {
    fn default() -> Self {
        Alike {
            event: Vec::new(),
            before: 0,
            tries: TRIES,
        }
    }
}

impl Alike {
    /// Whether the chunk is that event with words that can be no more than words; none: it is another event.
    pub(super) fn knows(&mut self, chunk: &[u8]) -> Option<bool> {
        let (before, after) = self.event.split_at_checked(self.before)?;
        if after.is_empty() {
            return None;
        }
        let words = chunk.strip_prefix(before)?.strip_suffix(after)?;
        self.tries = TRIES;
        Some(are_words(words))
    }

    /// Remembers a chunk that is one event of which nothing mattered.
    pub(super) fn learn(&mut self, chunk: &[u8]) {
        self.event.clear();
        if self.tries == 0 || chunk.len() > LONGEST {
            return;
        }
        self.tries -= 1;
        let Some((before, after)) = around(chunk) else {
            return;
        };
        self.event.extend_from_slice(before);
        self.event.extend_from_slice(after);
        self.before = before.len();
    }
}

/// What stands before and after the first words.
fn around(chunk: &[u8]) -> Option<(&[u8], &[u8])> {
    let found = |name: &&[u8]| memmem::find(chunk, name).map(|at| at + name.len());
    let (before, rest) = chunk.split_at_checked(NAMES.iter().find_map(found)?)?;
    let (words, after) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
    let behind = after.strip_prefix(b"\"")?.trim_ascii_start();
    // With a colon behind them the words would be a name.
    (are_words(words) && !behind.starts_with(b":")).then_some((before, after))
}

/// Whether nothing can end within them.
fn are_words(words: &[u8]) -> bool {
    let is_word = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    words.iter().fold(true, |all, byte| all & is_word(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Vec<u8> {
        format!("data: {{\"id\":\"a\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
            .into_bytes()
    }

    #[test]
    fn an_event_with_other_words_is_known_and_any_other_is_not() {
        let mut alike = Alike::default();
        assert_eq!(alike.knows(&event("a")), None, "nothing was learnt");
        alike.learn(&event("some"));
        for words in ["", "words", " é, of any length: [DONE] usage error data"] {
            assert_eq!(alike.knows(&event(words)), Some(true), "{words}");
        }
        for words in [r#"a\"b"#, r#"x","usage":{"a":1},"b":""#, "a\nb", "\\"] {
            assert_eq!(alike.knows(&event(words)), Some(false), "{words}");
        }
        let two = [event("a"), event("b")].concat();
        assert_eq!(alike.knows(&two), Some(false));
        assert_eq!(alike.knows(b"data: [DONE]\n\n"), None);
        assert_eq!(alike.knows(b""), None);
    }

    #[test]
    fn what_can_end_within_its_words_or_names_something_is_not_learnt() {
        let mut alike = Alike::default();
        for odd in [
            event(r"a\n"),
            br#"data: {"content":"usage":{}}"#.to_vec(),
            br#"data: {"content":"never ends"#.to_vec(),
            b"data: {}\n\n".to_vec(),
            vec![b'x'; LONGEST + 1],
        ] {
            alike.learn(&odd);
            assert_eq!(alike.knows(&odd), None, "{}", String::from_utf8_lossy(&odd));
        }
    }

    #[test]
    fn a_stream_of_ever_other_events_is_soon_left_alone() {
        let mut alike = Alike::default();
        for n in 0..TRIES {
            alike.learn(format!("data: {{\"n\":{n},\"content\":\"a\"}}\n\n").as_bytes());
        }
        alike.learn(&event("a"));
        assert_eq!(alike.knows(&event("a")), None);
    }
}
