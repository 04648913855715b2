//! A call's input in a stream, which must be one object. Called by the writer of streams.
//!
//! What begins as none is put into one as it comes, as in a whole answer: `invalid_arguments`, so that the tool can say what is wrong. What
//! begins as one and is none at its end cannot be taken back: Anthropic's SDKs would call the tool with what they could read of it, often
//! nothing. The writer ends such a stream with an error. Must never hold back what can be shown.

use crate::json::members;
use crate::json::pen::value;
use std::borrow::Cow;

/// More than that of one call is not looked at again.
const MOST: usize = 1 << 20;

/// How much of all calls that are open may be looked at again.
#[derive(Debug)]
pub(super) struct Room(usize);

/// As much as other writers keep of a stream, with what waits.
const MOST_OF_ALL: usize = 3 << 20;

impl Default for Room {
    fn default() -> Room {
        Room(MOST_OF_ALL)
    }
}

impl Room {
    /// A call that is over leaves its room.
    pub(super) fn leave(&mut self, input: &Input) {
        if let Input::Object(Some(read)) = input {
            self.0 += read.len();
        }
    }
}

/// What has come of it.
#[derive(Debug, Default)]
pub(super) enum Input {
    /// Nothing but blanks.
    #[default]
    Blank,
    /// What begins as an object, to be read when it is whole; none, if it is too long for that.
    Object(Option<String>),
    /// What is put into one.
    Other,
}

impl Input {
    /// What is said of a fragment.
    pub(super) fn say<'t>(&mut self, text: &'t str, room: &mut Room) -> Cow<'t, str> {
        match self {
            Input::Blank if text.trim_start().is_empty() => "".into(),
            Input::Blank if text.trim_start().starts_with('{') => {
                *self = Input::Object(Some(String::new()));
                self.say(text, room)
            }
            Input::Blank => {
                *self = Input::Other;
                format!(r#"{{"invalid_arguments":"{}"#, escaped(text)).into()
            }
            Input::Object(whole) => {
                let fits = |read: &String| read.len() + text.len() <= MOST && text.len() <= room.0;
                match whole.take() {
                    Some(read) if fits(&read) => {
                        room.0 -= text.len();
                        *whole = Some(read + text);
                    }
                    Some(read) => room.0 += read.len(),
                    None => {}
                }
                text.into()
            }
            Input::Other => escaped(text).into(),
        }
    }

    /// What is said at its end.
    pub(super) fn end(&self) -> &'static str {
        match self {
            Input::Other => "\"}",
            Input::Blank | Input::Object(_) => "",
        }
    }

    /// Whether what was said is no object.
    pub(super) fn is_broken(&self) -> bool {
        match self {
            Input::Object(Some(read)) => members(read, []).is_none(),
            _ => false,
        }
    }
}

/// Within the quotes of a string.
fn escaped(text: &str) -> String {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    value(&mut quoted, text);
    let inner = quoted.get(1..quoted.len().saturating_sub(1));
    String::from_utf8_lossy(inner.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fragments: &[&str]) -> (String, bool) {
        let (mut input, mut room) = (Input::default(), Room::default());
        let mut said = String::new();
        for text in fragments {
            said.push_str(&input.say(text, &mut room));
        }
        said.push_str(input.end());
        room.leave(&input);
        assert_eq!(room.0, MOST_OF_ALL, "all is left at the end");
        (said, input.is_broken())
    }

    #[test]
    fn an_object_is_said_as_it_comes() {
        assert_eq!(said(&[" ", "{\"a\"", ":1}"]), ("{\"a\":1}".into(), false));
        assert_eq!(said(&[]), (String::new(), false));
        let long = "x".repeat(MOST);
        let (said, broken) = said(&["{\"a\":\"", &long, "\"}"]);
        assert_eq!((said.len(), broken), (MOST + 8, false));
    }

    #[test]
    fn what_begins_as_none_is_put_into_one_however_it_is_cut() {
        for fragments in [&["[\"Par\\nis\"]"][..], &["[", "\"Par\\n", "is\"]"][..]] {
            let (said, broken) = said(fragments);
            let read: serde_json::Value = serde_json::from_str(&said).unwrap();
            assert_eq!(read["invalid_arguments"], "[\"Par\\nis\"]");
            assert!(!broken);
        }
    }

    #[test]
    fn what_begins_as_one_and_is_none_is_broken() {
        for text in ["{\"city\":\"Par", "{city: 1}", "{\"a\":1}{\"a\":1}"] {
            assert!(said(&[text]).1, "{text}");
        }
    }
}
