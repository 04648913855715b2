//! Walks over JSON and says where its values stand: one pass that proves the grammar and builds nothing.
//!
//! Called by `scan` and `json`. Each body passes here, so strings are skipped many bytes at a time. Must never
//! recurse nor accept what `serde_json` refuses; whoever is told [`Stuck`] asks `serde_json` why.

mod nest;
mod number;
mod string;
#[cfg(test)]
mod tests;

use nest::Nest;
use number::number;
use std::ops::Range;
use string::{escaped, plain, string};

/// The text is not JSON, as far as the walk can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stuck;

/// A string, as it is spelt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelt {
    /// Between its quotes.
    pub(crate) inner: Range<usize>,
    /// Whether it holds a backslash.
    pub(crate) escaped: bool,
}

/// A walk, and how far it has come.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    length: usize,
    rest: &'a [u8],
    /// The next element or member is the first, which no comma precedes.
    first: bool,
    /// No member was met, within those that were looked into, that is not one of a conversation's texts.
    texts_only: bool,
}

impl<'a> Walk<'a> {
    /// Into what begins with `opening`, a `{` or a `[`.
    pub(crate) fn open(text: &'a [u8], opening: u8) -> Result<Walk<'a>, Stuck> {
        let rest = token(text, opening).ok_or(Stuck)?;
        let (length, first) = (text.len(), true);
        Ok(Walk {
            length,
            rest,
            first,
            texts_only: true,
        })
    }

    /// The next member's name and value, or none if the object ends here.
    #[inline]
    pub(crate) fn member(&mut self) -> Result<Option<(Spelt, Range<usize>)>, Stuck> {
        self.next::<false>()
    }

    /// The same, and its value is looked into, for [`Walk::has_texts_only`].
    #[inline]
    pub(crate) fn member_looked_into(&mut self) -> Result<Option<(Spelt, Range<usize>)>, Stuck> {
        self.next::<true>()
    }

    /// Whether nothing stands within the members that were looked into but what a conversation of texts has.
    pub(crate) fn has_texts_only(&self) -> bool {
        self.texts_only
    }

    #[inline]
    fn next<const LOOKS: bool>(&mut self) -> Result<Option<(Spelt, Range<usize>)>, Stuck> {
        if self.ends(b'}')? {
            return Ok(None);
        }
        let text = token(self.rest, b'"').ok_or(Stuck)?;
        let (after, is_escaped) = match plain(text) {
            Some([b'"', after @ ..]) => (after, false),
            Some(special) => (escaped(special).ok_or(Stuck)?, true),
            None => return Err(Stuck),
        };
        let inner = self.length - text.len()..self.length - after.len() - 1;
        self.rest = token(after, b':').ok_or(Stuck)?;
        Ok(Some((
            Spelt {
                inner,
                escaped: is_escaped,
            },
            self.value::<LOOKS>()?,
        )))
    }

    /// The next element, or none if the array ends here.
    pub(crate) fn element(&mut self) -> Result<Option<Range<usize>>, Stuck> {
        if self.ends(b']')? {
            return Ok(None);
        }
        self.value::<false>().map(Some)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), Stuck> {
        if unblank(self.rest).is_empty() {
            Ok(())
        } else {
            Err(Stuck)
        }
    }

    fn ends(&mut self, close: u8) -> Result<bool, Stuck> {
        let first = std::mem::take(&mut self.first);
        match unblank(self.rest) {
            [byte, rest @ ..] if *byte == close => self.rest = rest,
            [b',', rest @ ..] if !first => {
                self.rest = rest;
                return Ok(false);
            }
            _ if first => return Ok(false),
            _ => return Err(Stuck),
        }
        Ok(true)
    }

    fn value<const LOOKS: bool>(&mut self) -> Result<Range<usize>, Stuck> {
        let text = unblank(self.rest);
        self.rest = value::<LOOKS>(text, &mut self.texts_only).ok_or(Stuck)?;
        Ok(self.length - text.len()..self.length - self.rest.len())
    }
}

/// What follows one value. As all below, it is given a text and answers its rest, or none if it is stuck.
fn value<'a, const LOOKS: bool>(mut text: &'a [u8], texts_only: &mut bool) -> Option<&'a [u8]> {
    let mut nest = Nest::default();
    loop {
        text = match text {
            [b'"', rest @ ..] => string(rest)?,
            [b'{', rest @ ..] => match unblank(rest) {
                [b'}', rest @ ..] => rest,
                rest => {
                    nest.push(true);
                    text = name::<LOOKS>(rest, texts_only)?;
                    continue;
                }
            },
            [b'[', rest @ ..] => match unblank(rest) {
                [b']', rest @ ..] => rest,
                rest => {
                    nest.push(false);
                    text = rest;
                    continue;
                }
            },
            [b't', b'r', b'u', b'e', rest @ ..] | [b'n', b'u', b'l', b'l', rest @ ..] => rest,
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => rest,
            [b'-', rest @ ..] => number(rest)?,
            [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] => {
                text = past_blanks(rest);
                continue;
            }
            rest => number(rest)?,
        };
        // Out of all that ends here, to where the next value begins.
        loop {
            let Some(in_object) = nest.top() else {
                return Some(text);
            };
            match (text, in_object) {
                ([b',', rest @ ..], _) => {
                    text = match in_object {
                        true => name::<LOOKS>(rest, texts_only)?,
                        false => rest,
                    };
                    break;
                }
                ([b'}', rest @ ..], true) | ([b']', rest @ ..], false) => {
                    nest.pop();
                    text = rest;
                }
                ([b' ' | b'\n' | b'\t' | b'\r', rest @ ..], _) => text = past_blanks(rest),
                _ => return None,
            }
        }
    }
}

/// A member's name and the colon.
#[inline]
fn name<'a, const LOOKS: bool>(text: &'a [u8], texts_only: &mut bool) -> Option<&'a [u8]> {
    let text = token(text, b'"')?;
    let after = string(text)?;
    if LOOKS {
        let name = text.get(..text.len() - after.len() - 1);
        *texts_only &= is_of_texts(name.unwrap_or_default());
    }
    token(after, b':')
}

/// As they are spelt in nearly every conversation; one with an escape is none of them.
#[inline]
fn is_of_texts(name: &[u8]) -> bool {
    matches!(
        name,
        b"role" | b"content" | b"type" | b"text" | b"name" | b"include_usage"
    )
}

#[inline]
fn token(text: &[u8], byte: u8) -> Option<&[u8]> {
    match text {
        [found, rest @ ..] if *found == byte => Some(rest),
        [..=b' ', ..] => past_blanks(text).strip_prefix(&[byte]),
        _ => None,
    }
}

/// Without the blanks it begins with. One comparison tells that there are none, as nearly always.
#[inline]
fn unblank(text: &[u8]) -> &[u8] {
    match text {
        [..=b' ', ..] => past_blanks(text),
        _ => text,
    }
}

#[inline(never)]
fn past_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}
