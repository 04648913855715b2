//! Strings of an answer in place of others, however the answer is cut into chunks. Part of `kept`; keeps back no more than what may be
//! the beginning of one of them.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// What is replaced, and what was kept back of a stream.
#[derive(Debug)]
pub struct Renames {
    pairs: Vec<Pair>,
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
            held: BytesMut::new(),
        }
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
        while let Some((at, pair)) = self.first(&rest) {
            let out = out.get_or_insert_with(|| BytesMut::with_capacity(whole.len() + 64));
            out.extend_from_slice(&rest.split_to(at));
            out.extend_from_slice(&pair.to);
            let _ = rest.split_to(pair.from.needle().len());
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

    fn first(&self, bytes: &[u8]) -> Option<(usize, &Pair)> {
        let found = self.pairs.iter();
        let found = found.filter_map(|pair| Some((pair.from.find(bytes)?, pair)));
        found.min_by_key(|(at, _)| *at)
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
        begins.max().unwrap_or(0)
    }
}
