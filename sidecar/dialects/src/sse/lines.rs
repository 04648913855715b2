//! Splits a stream into lines, and keeps the one that is not finished. Called by `Events`, which needs each line as it is, and by `Tail`,
//! which needs not the pictures in it. Must never keep more of a line than the most that it was given, and one byte.

use super::MAX_LINE;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a line begins to be abridged, in bytes of it.
const PLAIN: usize = 64 << 10;
/// What is left of a run of base64 there: more than any name, id or signature of an API has.
const RUN: usize = 4 << 10;

/// Splits a stream into lines: LF, CR LF or CR.
#[derive(Debug)]
pub(super) struct Lines {
    partial: Vec<u8>,
    most: usize,
    /// Bytes of the line that have come.
    length: usize,
    /// Long lines are abridged.
    abridged: Option<Abridged>,
    /// How much of a byte order mark has come; all of it when it is no longer looked for.
    mark: usize,
    /// A line feed that comes next belongs to the line end before.
    pub(super) after_cr: bool,
}

impl Lines {
    /// Before the first byte of a stream whose long lines are abridged: of the base64 that makes them long, a picture's, only the beginning
    /// is kept, so that what a provider says beside it, and behind, is read in little memory.
    pub(super) fn abridged() -> Lines {
        Lines {
            abridged: Some(Abridged::default()),
            ..Lines::up_to(MAX_LINE)
        }
    }

    /// Before the first byte of a stream whose lines are read up to that length.
    pub(super) fn up_to(most: usize) -> Lines {
        Lines {
            partial: Vec::new(),
            most,
            length: 0,
            abridged: None,
            mark: 0,
            after_cr: false,
        }
    }

    /// Gives each line that ends in the chunk, and how much of the chunk follows it.
    pub(super) fn push(&mut self, mut chunk: &[u8], mut each: impl FnMut(&[u8], usize)) {
        if self.mark < MARK.len() {
            chunk = self.without_mark(chunk);
        }
        if self.after_cr && !chunk.is_empty() {
            self.after_cr = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', chunk) {
            let (line, rest) = chunk.split_at(end);
            chunk = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
            self.line(line, |line| each(line, chunk.len()));
        }
        self.keep(chunk);
    }

    fn line(&mut self, line: &[u8], mut each: impl FnMut(&[u8])) {
        let is_short = self.abridged.is_none() || line.len() <= PLAIN;
        if self.partial.is_empty() && is_short {
            return each(line);
        }
        self.keep(line);
        each(&self.take());
    }

    fn keep(&mut self, bytes: &[u8]) {
        let mut line = Partial {
            kept: &mut self.partial,
            most: self.most,
        };
        match &mut self.abridged {
            Some(run) => run.keep((self.length, bytes), &mut line),
            None => line.keep(bytes),
        }
        self.length = self.length.saturating_add(bytes.len());
    }

    /// Bytes of the line that have come, kept or not.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// What has come of a line that is not finished.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// The same, which is then no longer kept.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.length = 0;
        if let Some(run) = &mut self.abridged {
            *run = Abridged::default();
        }
        std::mem::take(&mut self.partial)
    }

    /// The byte order mark that may begin a stream is not part of it.
    fn without_mark<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let expected = MARK.get(self.mark..).unwrap_or_default();
        let same = expected
            .iter()
            .zip(chunk)
            .take_while(|(expected, byte)| expected == byte)
            .count();
        let rest = chunk.get(same..).unwrap_or_default();
        if !rest.is_empty() && same < expected.len() {
            self.keep(MARK.get(..self.mark + same).unwrap_or_default());
            self.mark = MARK.len();
        } else {
            self.mark += same;
        }
        rest
    }

    /// Whether what has come of the line is more than is kept.
    pub(super) fn is_too_long(&self) -> bool {
        self.partial.len() > self.most
    }

    /// Whether the next byte begins a line, whatever it is.
    pub(super) fn is_between(&self) -> bool {
        self.partial.is_empty() && !self.after_cr && self.mark == MARK.len()
    }

    /// Whether a line has begun, or a mark.
    pub(super) fn is_within_line(&self) -> bool {
        !self.partial.is_empty() || (1..MARK.len()).contains(&self.mark)
    }
}

/// The line that is being kept.
struct Partial<'a> {
    kept: &'a mut Vec<u8>,
    most: usize,
}

impl Partial<'_> {
    /// As much of the bytes as there is room for.
    fn keep(&mut self, bytes: &[u8]) {
        let room = (self.most + 1).saturating_sub(self.kept.len());
        let room = room.min(bytes.len());
        self.kept
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

/// Letters of base64 since the last other byte, counted where the line is long: the same however it was cut.
#[derive(Debug, Default)]
struct Abridged(usize);

impl Abridged {
    /// The next bytes of a line of which so many have come before.
    fn keep(&mut self, (before, bytes): (usize, &[u8]), line: &mut Partial<'_>) {
        let (plain, long) = bytes.split_at(PLAIN.saturating_sub(before).min(bytes.len()));
        line.keep(plain);
        for part in long.chunk_by(|one, next| is_base64(*one) == is_base64(*next)) {
            if part.first().copied().is_some_and(is_base64) {
                let room = RUN.saturating_sub(self.0).min(part.len());
                line.keep(part.get(..room).unwrap_or_default());
                self.0 = self.0.saturating_add(part.len());
            } else {
                line.keep(part);
                self.0 = 0;
            }
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut lines: Lines, stream: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            lines.push(piece, |line, _| found.push(line.to_vec()));
        }
        found
    }

    #[test]
    fn a_picture_is_abridged_the_same_way_however_it_is_cut_and_what_is_beside_it_stays() {
        let picture = "aGk/".repeat(MAX_LINE);
        let event = |picture: &str| {
            format!("data: {{\"first\":1,\"data\":\"{picture}\",\"usage\":{{\"n\":7}}}}")
        };
        let stream = format!("{}\n\ndata: [DONE]\n", event(&picture));
        let whole = read(Lines::abridged(), stream.as_bytes(), stream.len());
        let [line, blank, last] = &whole[..] else {
            panic!("{} lines", whole.len())
        };
        let (line, begin) = (
            String::from_utf8(line.clone()).unwrap(),
            "data: {\"first\":1,\"data\":\"",
        );
        assert!(line.starts_with(begin) && line.ends_with("\",\"usage\":{\"n\":7}}"));
        assert_eq!(line.len(), event("").len() + PLAIN - begin.len() + RUN);
        assert_eq!((&blank[..], &last[..]), (&b""[..], &b"data: [DONE]"[..]));
        for size in [1_000, PLAIN - 1, PLAIN, PLAIN + 1, 1 << 20] {
            assert!(
                read(Lines::abridged(), stream.as_bytes(), size) == whole,
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn words_are_not_abridged_and_no_more_than_the_most_is_kept() {
        let words = format!("data: {}\n", "of some words ".repeat(10_000));
        let found = read(Lines::abridged(), words.as_bytes(), 4_096);
        assert_eq!(found, [words.trim_end_matches('\n').as_bytes()]);
        let endless = ".".repeat(2 * MAX_LINE);
        for mut lines in [Lines::abridged(), Lines::up_to(MAX_LINE)] {
            lines.push(endless.as_bytes(), |_, _| {});
            assert!(
                lines.is_too_long()
                    && lines.partial().len() == MAX_LINE + 1
                    && lines.length() == 2 * MAX_LINE
            );
        }
    }
}
