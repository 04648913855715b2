//! JSON lines: one message, one line. Cuts what arrives into lines and writes messages as lines. Used by `connection`.

use bytes::{Bytes, BytesMut};
use purser_config::stream::MAX_LINE;
use serde::Serialize;

/// A message and its line end.
pub(crate) fn written(message: &impl Serialize) -> serde_json::Result<Bytes> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line.into())
}

/// A line that is longer than any may be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {MAX_LINE} bytes")]
pub(crate) struct TooLong;

/// Gathers bytes until a line is whole.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    held: BytesMut,
    searched: usize,
}

impl Lines {
    /// Adds what arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.held.extend_from_slice(bytes);
        if self.held.len() > MAX_LINE {
            Err(TooLong)
        } else {
            Ok(())
        }
    }

    /// The next whole line, without its end; empty ones are passed over.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some(end) = self.held[self.searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            else {
                self.searched = self.held.len();
                return None;
            };
            let mut line = self.held.split_to(self.searched + end + 1);
            self.searched = 0;
            line.truncate(line.len() - 1);
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Some(line.freeze());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_were_cut() {
        let text = b"{\"a\":1}\n\n\"ping\"\n{\"b\"";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut out = Vec::new();
            for piece in text.chunks(size) {
                lines.push(piece).unwrap();
                while let Some(line) = lines.next() {
                    out.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            assert_eq!(out, ["{\"a\":1}", "\"ping\""], "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(&vec![b'x'; MAX_LINE]), Ok(()));
        assert_eq!(lines.push(b"x"), Err(TooLong));
    }
}
