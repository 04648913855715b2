//! One line of the journal: a checksum (CRC-32, eight hexadecimal digits), a space, JSON. Written and read by `journal`; knows no file.

use crate::Debit;
use serde::{Deserialize, Serialize};

/// The format of the lines; another one is not read.
pub(super) const VERSION: u32 = 1;
const CHECKSUM: usize = 8;

/// See the file's page.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Line {
    /// First of every segment.
    Begins {
        /// `VERSION`.
        version: u32,
        /// The boot whose clock all times are of.
        boot: String,
    },
    /// Changes that were made together.
    Debits(Vec<Debit>),
    /// What is before this is a whole account; what follows are changes of it.
    Whole,
}

impl Line {
    pub(super) fn written(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
        bytes.extend(json);
        bytes.push(b'\n');
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Line> {
        let (checksum, json) = bytes.split_at_checked(CHECKSUM)?;
        let json = json.strip_prefix(b" ")?;
        let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
        let line = (crc32fast::hash(json) == checksum).then(|| serde_json::from_slice(json));
        line?.ok()
    }
}

/// What a segment holds, up to the last good line.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) boot: Option<String>,
    pub(super) debits: Vec<Debit>,
    pub(super) whole: bool,
    /// Lines are missing from its middle, or it is none of ours: not what the end of a process leaves behind.
    pub(super) broken: bool,
}

impl Segment {
    /// Never fails: a tail that was cut off is left out, whatever else is wrong is `broken`.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut segment = Segment::default();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in lines.by_ref().enumerate() {
            let read = line.strip_suffix(b"\n").and_then(Line::read);
            match read {
                None => {
                    // A line that was cut off has no end.
                    segment.broken |= line.ends_with(b"\n");
                    break;
                }
                Some(Line::Begins { version, boot }) if number == 0 && version == VERSION => {
                    segment.boot = Some(boot);
                }
                Some(Line::Debits(debits)) if number > 0 => segment.debits.extend(debits),
                Some(Line::Whole) if number > 0 => segment.whole = true,
                Some(_) => segment.broken = true,
            }
        }
        segment.broken |= lines.next().is_some();
        segment
    }
}
