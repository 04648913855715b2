//! Where each HTTP/1 request of a connection begins and ends, from its bytes as they come. hyper forgives what another
//! reader could understand differently and does not tell (reliability.md 6.1), so the bytes are looked at before it sees
//! them. Called by `guarded`. It must never keep more than one line's beginning, and where it doubts, it refuses.

mod chunks;

use chunks::Chunks;

/// The longest line that may say how a body is framed; an honest one has 40 bytes.
const LONGEST_FIELD: usize = 64;
/// The most digits of a length.
const MOST_DIGITS: usize = 18;

/// Follows a connection over all its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Framing {
    place: Place,
    line: Line,
    body: Body,
}

/// Bytes that two readers could understand differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// How many of the bytes before it are good.
    pub(super) good: usize,
    /// Whether it is in a body, whose head was already passed on.
    pub(super) in_body: bool,
    /// What is wrong.
    pub(super) why: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a request line.
    #[default]
    Between,
    /// After a request line, before the empty one.
    Head,
    /// In a body of which so much is left.
    Sized(u64),
    /// In a body of chunks.
    Chunked(Chunks),
}

/// What a head has said of its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Body {
    #[default]
    None,
    Sized(u64),
    Chunked,
}

/// The beginning of a line whose end has not come yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    first: [u8; LONGEST_FIELD],
    length: usize,
    last: u8,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            first: [0; LONGEST_FIELD],
            length: 0,
            last: 0,
        }
    }
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else {
            return;
        };
        if let Some(room) = self.first.get_mut(self.length..) {
            let kept = room.iter_mut().zip(bytes);
            kept.for_each(|(room, byte)| *room = *byte);
        }
        self.length = self.length.saturating_add(bytes.len());
        self.last = *last;
    }
}

impl Framing {
    #[cfg(test)]
    pub(super) fn is_between(&self) -> bool {
        matches!(self.place, Place::Between)
    }

    #[cfg(test)]
    pub(super) fn is_in_data(&self) -> bool {
        matches!(
            self.place,
            Place::Sized(_) | Place::Chunked(Chunks::Data(_))
        )
    }

    /// Takes the next bytes of the connection.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let fault = |(good, why)| Fault {
                good: at + good,
                in_body: false,
                why,
            };
            at += match &mut self.place {
                Place::Between | Place::Head => self.head(rest).map_err(fault)?,
                Place::Sized(left) => {
                    let taken = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    if *left == 0 {
                        self.place = Place::Between;
                    }
                    taken
                }
                Place::Chunked(chunks) => {
                    let taken = chunks.push(rest).map_err(|why| Fault {
                        in_body: true,
                        ..fault(why)
                    })?;
                    if chunks.are_over() {
                        self.place = Place::Between;
                    }
                    taken
                }
            };
        }
        Ok(())
    }

    /// Reads lines until the empty one; how many bytes that was.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, (usize, &'static str)> {
        let mut begin = 0;
        let mut within = matches!(self.place, Place::Head) && self.line.length == 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = bytes.get(begin..end).unwrap_or_default();
            if within && says_nothing(line) {
                begin = end + 1;
                continue;
            }
            let over = if self.line.length == 0 {
                self.end_of_line(line)
            } else {
                self.line.push(line);
                self.end_of_split_line()
            };
            begin = end + 1;
            match over {
                Ok(false) => within = matches!(self.place, Place::Head),
                Ok(true) => return Ok(begin),
                Err(why) => return Err((end, why)),
            }
        }
        self.line.push(bytes.get(begin..).unwrap_or_default());
        Ok(bytes.len())
    }

    fn end_of_split_line(&mut self) -> Result<bool, &'static str> {
        let line = std::mem::take(&mut self.line);
        if line.last != b'\r' {
            return Err(BARE);
        }
        match line.first.get(..line.length) {
            Some(whole) => self.end_of_line(whole),
            None if self.place == Place::Head && Field::read(&line.first).is_some() => Err(LONG),
            None => {
                self.place = Place::Head;
                Ok(false)
            }
        }
    }

    /// Reads one line, which ended in a line feed; whether it was the head's last.
    fn end_of_line(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let Some((b'\r', line)) = line.split_last() else {
            return Err(BARE);
        };
        if matches!(self.place, Place::Between) {
            // Empty lines before a request are allowed (RFC 9112, 2.2).
            if !line.is_empty() {
                self.place = Place::Head;
            }
            return Ok(false);
        }
        if line.is_empty() {
            self.place = match std::mem::take(&mut self.body) {
                Body::None | Body::Sized(0) => Place::Between,
                Body::Sized(length) => Place::Sized(length),
                Body::Chunked => Place::Chunked(Chunks::default()),
            };
            return Ok(true);
        }
        match Field::read(line) {
            // One more for the carriage return, so that the verdict is the same however the line was split.
            Some(_) if line.len() >= LONGEST_FIELD => Err(LONG),
            Some(field) => self.field(field).map(|()| false),
            None => Ok(false),
        }
    }

    fn field(&mut self, field: Field<'_>) -> Result<(), &'static str> {
        let says = match field {
            Field::Length(digits) => {
                Body::Sized(length(digits).ok_or("its Content-Length is no number")?)
            }
            Field::Coding(coding) if coding.eq_ignore_ascii_case(b"chunked") => Body::Chunked,
            Field::Coding(_) => return Err("its Transfer-Encoding is not just `chunked`"),
        };
        self.body = match (self.body, says) {
            (Body::None, says) => says,
            (Body::Sized(first), Body::Sized(second)) if first == second => says,
            (Body::Sized(_), Body::Sized(_)) => return Err("its Content-Lengths differ"),
            (Body::Chunked, Body::Chunked) => return Err("it has two Transfer-Encodings"),
            _ => return Err("it has Content-Length and Transfer-Encoding"),
        };
        Ok(())
    }
}

const BARE: &str = "a line of its head ends in a bare line feed";
const LONG: &str = "a header that frames its body is too long";

/// Whether this is, at a glance, one of the many lines that do not matter here.
fn says_nothing(line: &[u8]) -> bool {
    let colon = |at: usize| line.get(at) == Some(&b':');
    matches!(line, [_, .., b'\r']) && !colon(14) && !colon(17)
}

/// A line that says how the body is framed.
enum Field<'a> {
    Length(&'a [u8]),
    Coding(&'a [u8]),
}

impl<'a> Field<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        // Few lines have their colon there: only those are compared.
        if line.get(14) == Some(&b':')
            && let Some((name, value)) = line.split_first_chunk()
            && is(name, b"content-length:")
        {
            return Some(Field::Length(trim(value)));
        }
        if line.get(17) == Some(&b':')
            && let Some((name, value)) = line.split_first_chunk()
            && is(name, b"transfer-encoding:")
        {
            return Some(Field::Coding(trim(value)));
        }
        None
    }
}

/// Whether these are the same but for capitals. `|` also makes a few control bytes equal, which no name may hold.
fn is<const N: usize>(name: &[u8; N], small: &[u8; N]) -> bool {
    let bytes = name.iter().zip(small);
    bytes.fold(0, |differs, (byte, small)| {
        differs | ((byte | 0x20) ^ small)
    }) == 0
}

/// Spaces and tabs only: hyper takes no other byte for white space.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > MOST_DIGITS {
        return None;
    }
    digits.iter().try_fold(0, |length, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(length * 10 + digit)
    })
}

#[cfg(test)]
mod tests;
