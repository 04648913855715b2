//! Strings of an answer in place of others, and ids of thoughts with a seal behind them, however the answer is cut into chunks. Part of
//! `kept`; keeps back no more than what may be the beginning of one of them.

use super::MARK;
use bytes::{Bytes, BytesMut};
use memchr::memmem::{self, Finder};
use std::ops::Range;

/// What is replaced, and what was kept back of a stream.
#[derive(Debug)]
pub struct Renames {
    pairs: Vec<Pair>,
    /// What goes behind the id of a thought.
    seal: Option<Vec<u8>>,
    held: BytesMut,
}

#[derive(Debug)]
struct Pair {
    from: Finder<'static>,
    to: Vec<u8>,
}

impl Renames {
    /// Each first string becomes the second; both are spelt without escapes.
    pub fn new(pairs: &[(&str, &str)]) -> Renames {
        let quoted = |text: &str| format!("\"{text}\"").into_bytes();
        let pairs = pairs.iter().map(|(from, to)| Pair {
            from: Finder::new(&quoted(from)).into_owned(),
            to: quoted(to),
        });
        Renames {
            pairs: pairs.collect(),
            seal: None,
            held: BytesMut::new(),
        }
    }

    /// And puts this seal behind the ids of thoughts: no other item's is looked up by its provider when it is given back whole.
    pub fn sealing(mut self, seal: &str) -> Renames {
        self.seal = Some(format!("{MARK}{seal}\"").into_bytes());
        self
    }

    /// The next bytes; what of them may go on.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        let whole = if self.held.is_empty() {
            chunk
        } else {
            self.held.extend_from_slice(&chunk);
            self.held.split().freeze()
        };
        let mut out: Option<BytesMut> = None;
        let mut rest = whole.clone();
        while let Some((Range { start, end }, other)) = self.first(&rest) {
            let out = out.get_or_insert_with(|| BytesMut::with_capacity(whole.len() + 64));
            out.extend_from_slice(&rest.split_to(start));
            out.extend_from_slice(other);
            let _ = rest.split_to(end - start);
        }
        let begun = self.begun(&rest);
        self.held
            .extend_from_slice(&rest.split_off(rest.len() - begun));
        match out {
            None => rest,
            Some(mut out) => {
                out.extend_from_slice(&rest);
                out.freeze()
            }
        }
    }

    /// The stream has ended: what was kept back.
    pub fn finish(&mut self) -> Option<Bytes> {
        let held = self.held.split().freeze();
        (!held.is_empty()).then_some(held)
    }

    /// Of a whole answer.
    pub fn whole(mut self, answer: Bytes) -> Bytes {
        let begun = self.push(answer);
        match self.finish() {
            None => begun,
            Some(held) => [begun, held].concat().into(),
        }
    }

    /// The first place where something else is to stand, and what.
    fn first(&self, bytes: &[u8]) -> Option<(Range<usize>, &[u8])> {
        let found = self.pairs.iter().filter_map(|pair| {
            let at = pair.from.find(bytes)?;
            Some((at..at + pair.from.needle().len(), pair.to.as_slice()))
        });
        let thought = self.seal.as_deref().and_then(|seal| {
            let Thought::Whole(end) = thought(bytes)? else {
                return None;
            };
            Some((end..end + 1, seal))
        });
        found.chain(thought).min_by_key(|(place, _)| place.start)
    }

    /// How many bytes at the end may be the beginning of one.
    fn begun(&self, bytes: &[u8]) -> usize {
        let begins = self.pairs.iter().map(|pair| {
            let needle = pair.from.needle();
            let most = bytes.len().min(needle.len() - 1);
            let from = bytes.len() - most;
            let tail = bytes.get(from..).unwrap_or_default();
            let places = memchr::memchr_iter(b'"', tail);
            let at = places.map(|at| tail.get(at..).unwrap_or_default());
            at.filter(|end| needle.starts_with(end))
                .map(<[u8]>::len)
                .max()
                .unwrap_or(0)
        });
        let begun = begins.max().unwrap_or(0);
        match self.seal.as_ref().and_then(|_| thought(bytes)) {
            Some(Thought::Begun(at)) => begun.max(bytes.len() - at),
            _ => begun,
        }
    }
}

/// What the id of a thought begins with, by OpenAI's and xAI's word.
const THOUGHT: &[u8] = b"\"rs_";
/// No id is longer.
const LONGEST: usize = 200;

/// The first id of a thought that has no seal.
enum Thought {
    /// It ends with the quote that stands there.
    Whole(usize),
    /// It begins there, and what comes next will tell.
    Begun(usize),
}

fn thought(bytes: &[u8]) -> Option<Thought> {
    for at in memmem::find_iter(bytes, THOUGHT) {
        let id = bytes.get(at + 1..).unwrap_or_default();
        let of_id = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = id.iter().take(LONGEST + 1).take_while(of_id).count();
        let sealed = || memmem::find(id.get(..length).unwrap_or_default(), MARK.as_bytes());
        match id.get(length) {
            Some(b'"') if sealed().is_none() => return Some(Thought::Whole(at + 1 + length)),
            None if length <= LONGEST => return Some(Thought::Begun(at)),
            _ => {}
        }
    }
    let begins = |length: &usize| {
        THOUGHT
            .get(..*length)
            .is_some_and(|begun| bytes.ends_with(begun))
    };
    let length = (1..THOUGHT.len()).rev().find(begins)?;
    Some(Thought::Begun(bytes.len() - length))
}
