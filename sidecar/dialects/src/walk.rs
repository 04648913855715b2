//! Walks over JSON and says where its values stand: one pass that proves the grammar and builds nothing.
//!
//! Called by `scan` and `json`. Each body passes here, so strings are skipped many bytes at a time. Must never
//! recurse nor accept what `serde_json` refuses; whoever is told [`Stuck`] asks `serde_json` why.

use std::ops::Range;

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
    text: &'a [u8],
    at: usize,
    /// The next element or member is the first, which no comma precedes.
    first: bool,
}

impl<'a> Walk<'a> {
    /// Into what begins with `opening`, a `{` or a `[`; whether it does.
    pub(crate) fn open(text: &'a [u8], opening: u8) -> Result<Walk<'a>, Stuck> {
        let (at, first) = (0, true);
        let mut walk = Walk { text, at, first };
        walk.expect(opening).map(|()| walk)
    }

    /// The next member's name and value, or none if the object ends here.
    pub(crate) fn member(&mut self) -> Result<Option<(Spelt, Range<usize>)>, Stuck> {
        if self.ends(b'}')? {
            return Ok(None);
        }
        Ok(Some((self.name()?, self.value()?)))
    }

    /// The next element, or none if the array ends here.
    pub(crate) fn element(&mut self) -> Result<Option<Range<usize>>, Stuck> {
        if self.ends(b']')? {
            return Ok(None);
        }
        self.value().map(Some)
    }

    /// Nothing may follow.
    pub(crate) fn end(mut self) -> Result<(), Stuck> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Stuck),
        }
    }

    fn ends(&mut self, close: u8) -> Result<bool, Stuck> {
        let first = std::mem::take(&mut self.first);
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(true);
        }
        if !first {
            self.expect(b',')?;
        }
        Ok(false)
    }

    fn value(&mut self) -> Result<Range<usize>, Stuck> {
        let mut nest = Nest::default();
        let _ = self.peek();
        let start = self.at;
        loop {
            match self.token()? {
                b'"' => drop(self.string()?),
                b'{' if self.peek() != Some(b'}') => {
                    nest.push(true);
                    self.name()?;
                    continue;
                }
                b'[' if self.peek() != Some(b']') => {
                    nest.push(false);
                    continue;
                }
                b'{' | b'[' => self.at += 1,
                b't' => self.literal(b"rue")?,
                b'f' => self.literal(b"alse")?,
                b'n' => self.literal(b"ull")?,
                b'-' => {
                    let digit = self.digit()?;
                    self.number(digit)?;
                }
                digit @ b'0'..=b'9' => self.number(digit)?,
                _ => return Err(Stuck),
            }
            if self.leave(&mut nest)? {
                return Ok(start..self.at);
            }
        }
    }

    /// After a value: out of all that ends here, to where the next value begins. Whether there is none.
    fn leave(&mut self, nest: &mut Nest) -> Result<bool, Stuck> {
        while let Some(in_object) = nest.top() {
            match (self.token()?, in_object) {
                (b',', true) => return self.name().map(|_| false),
                (b',', false) => return Ok(false),
                (b'}', true) | (b']', false) => nest.pop(),
                _ => return Err(Stuck),
            }
        }
        Ok(true)
    }

    /// A member's name and the colon.
    fn name(&mut self) -> Result<Spelt, Stuck> {
        self.expect(b'"')?;
        let name = self.string()?;
        self.expect(b':').map(|()| name)
    }

    /// What follows an opening quote.
    fn string(&mut self) -> Result<Spelt, Stuck> {
        let (start, mut escaped) = (self.at, false);
        loop {
            self.at += plain(self.text.get(self.at..).unwrap_or_default()).ok_or(Stuck)?;
            match self.raw() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(Stuck),
            }
            escaped = true;
        }
        let inner = start..self.at - 1;
        Ok(Spelt { inner, escaped })
    }

    fn escape(&mut self) -> Result<(), Stuck> {
        match self.raw() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                let digits = self.text.get(self.at..self.at + 4).ok_or(Stuck)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) {
                    Ok(())
                } else {
                    Err(Stuck)
                }
            }
            _ => Err(Stuck),
        }
    }

    /// What follows a number's first digit.
    fn number(&mut self, first: u8) -> Result<(), Stuck> {
        if first != b'0' {
            self.digits();
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.here() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.here() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), Stuck> {
        self.digit().map(|_| self.digits())
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.here() {
            self.at += 1;
        }
    }

    fn digit(&mut self) -> Result<u8, Stuck> {
        self.raw().filter(u8::is_ascii_digit).ok_or(Stuck)
    }

    fn literal(&mut self, rest: &[u8]) -> Result<(), Stuck> {
        let found = self.text.get(self.at..self.at + rest.len());
        self.at += rest.len();
        if found == Some(rest) {
            Ok(())
        } else {
            Err(Stuck)
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stuck> {
        if self.token()? == byte {
            Ok(())
        } else {
            Err(Stuck)
        }
    }

    /// The next byte that is not blank, taken.
    fn token(&mut self) -> Result<u8, Stuck> {
        let byte = self.peek().ok_or(Stuck)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.here() {
            self.at += 1;
        }
        self.here()
    }

    /// The next byte, taken.
    fn raw(&mut self) -> Option<u8> {
        let byte = self.here()?;
        self.at += 1;
        Some(byte)
    }

    fn here(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

/// Strings up to here are cheaper to read by words than by setting out a wider search.
const SHORT: usize = 32;

/// How many bytes stand before a quote, a backslash or a raw control character; none if no quote or backslash comes.
fn plain(text: &[u8]) -> Option<usize> {
    let (mut rest, mut passed) = (text, 0);
    while passed < SHORT
        && let Some((word, after)) = rest.split_first_chunk()
    {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(passed + found.trailing_zeros() as usize / 8);
        }
        (rest, passed) = (after, passed + 8);
    }
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    // Without a branch per byte: so the compiler makes it many bytes at a time.
    let controls = |text: &[u8]| text.iter().fold(false, |any, byte| any | (*byte < b' '));
    rest.get(..end)
        .is_some_and(|text| !controls(text))
        .then_some(passed + end)
}

/// The lowest bit set is the highest of the first byte that is a quote, a backslash or a control character.
fn special(word: u64) -> u64 {
    let each = |byte: u8| u64::from_le_bytes([byte; 8]);
    let zeros = |word: u64| word.wrapping_sub(each(1)) & !word;
    let controls = word.wrapping_sub(each(b' ')) & !word;
    (zeros(word ^ each(b'"')) | zeros(word ^ each(b'\\')) | controls) & each(0x80)
}

/// The objects (set) and arrays (not set) around a value: one bit each, 64 without allocation.
#[derive(Default)]
struct Nest {
    depth: usize,
    inmost: u64,
    rest: Vec<u64>,
}

impl Nest {
    fn push(&mut self, is_object: bool) {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.rest.push(self.inmost);
        }
        self.inmost = self.inmost << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.inmost >>= 1;
        self.depth -= 1;
        if self.depth.is_multiple_of(64) {
            self.inmost = self.rest.pop().unwrap_or_default();
        }
    }

    fn top(&self) -> Option<bool> {
        (self.depth != 0).then_some(self.inmost & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
