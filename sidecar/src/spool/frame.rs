//! One entry of a segment on disk: its length, a CRC32C over length and body, and the body: a kind, a number and JSON. Used by every
//! room of the spool. Nothing here writes to a file, and what does not match its sum is never half believed.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Length and sum.
const HEAD: usize = 8;
/// Kind and number.
const MARK: usize = 9;
/// The longest body. A record is a few hundred bytes; a model's name may be absurd.
pub(super) const LONGEST: usize = 1 << 20;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Opens a segment; its number is that of the segment's first record.
    Header = 1,
    /// A call is about to be sent.
    Intent = 2,
    /// A record; its number is the record's.
    Outcome = 3,
    /// Its number is the last record that the authority has.
    Kept = 4,
    /// The call of an intent was not sent after all.
    Void = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        let kinds = [
            Kind::Header,
            Kind::Intent,
            Kind::Outcome,
            Kind::Kept,
            Kind::Void,
        ];
        kinds.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// The segment's ordinal.
    pub(super) segment: u64,
    /// The byte in it.
    pub(super) at: u64,
}

/// One frame, read and whole.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) payload: Vec<u8>,
    /// The byte where it begins.
    pub(super) at: u64,
}

/// A frame that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a frame of {0} bytes is longer than {LONGEST}, which no reader accepts")]
pub(super) struct TooLong(usize);

/// Adds a frame at the end, or nothing.
pub(super) fn encode(
    buffer: &mut Vec<u8>,
    kind: Kind,
    number: u64,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let start = begin(buffer, kind, number);
    payload(buffer);
    let length = buffer.len() - start - HEAD;
    if length > LONGEST {
        buffer.truncate(start);
        return Err(TooLong(length));
    }
    seal(buffer, start);
    Ok(())
}

/// Adds a frame whose payload is known.
pub(super) fn copy(buffer: &mut Vec<u8>, kind: Kind, number: u64, payload: &[u8]) {
    let start = begin(buffer, kind, number);
    buffer.extend_from_slice(payload);
    seal(buffer, start);
}

fn begin(buffer: &mut Vec<u8>, kind: Kind, number: u64) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD]);
    buffer.push(kind as u8);
    buffer.extend_from_slice(&number.to_le_bytes());
    start
}

fn seal(buffer: &mut [u8], start: usize) {
    let Some((head, body)) = buffer
        .get_mut(start..)
        .and_then(|frame| frame.split_at_mut_checked(HEAD))
    else {
        return;
    };
    let length = (body.len() as u32).to_le_bytes();
    let sum = sum(length, body).to_le_bytes();
    let [a, b, c, d] = length;
    let [e, f, g, h] = sum;
    head.copy_from_slice(&[a, b, c, d, e, f, g, h]);
}

fn sum(length: [u8; 4], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), body)
}

/// Why a segment cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("byte {0} begins a frame that is cut off")]
    CutOff(u64),
    #[error("the frame at byte {0} does not match its checksum")]
    BadSum(u64),
    #[error("byte {0} cannot be read: {1}")]
    Unreadable(u64, std::io::Error),
}

/// The frames of one segment in their order.
pub(super) struct Frames {
    from: BufReader<File>,
    at: u64,
    end: u64,
}

impl Frames {
    /// From this byte on, up to where the file ends now.
    pub(super) fn open(path: &Path, at: u64) -> std::io::Result<Frames> {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(at))?;
        Ok(Frames {
            from: BufReader::with_capacity(64 << 10, file),
            at,
            end,
        })
    }

    /// The next one; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Damage> {
        let at = self.at;
        let left = self.end.saturating_sub(at);
        if left == 0 {
            return Ok(None);
        }
        if left < HEAD as u64 {
            return Err(Damage::CutOff(at));
        }
        let [mut length, mut expected] = [[0; 4]; 2];
        self.fill(&mut length)?;
        self.fill(&mut expected)?;
        let size = u32::from_le_bytes(length) as usize;
        if !(MARK..=LONGEST).contains(&size) {
            return Err(Damage::BadSum(at));
        }
        if left < (HEAD + size) as u64 {
            return Err(Damage::CutOff(at));
        }
        let mut body = vec![0; size];
        self.fill(&mut body)?;
        if sum(length, &body) != u32::from_le_bytes(expected) {
            return Err(Damage::BadSum(at));
        }
        self.at = at + (HEAD + size) as u64;
        frame(body, at).map(Some).ok_or(Damage::BadSum(at))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Damage> {
        let read = self.from.read_exact(bytes);
        read.map_err(|error| Damage::Unreadable(self.at, error))
    }
}

/// What the frame at this byte holds; none: there is no whole one.
pub(super) fn payload(file: &File, at: u64) -> Option<Vec<u8>> {
    let [mut length, mut expected] = [[0; 4]; 2];
    file.read_exact_at(&mut length, at).ok()?;
    file.read_exact_at(&mut expected, at + 4).ok()?;
    let size = u32::from_le_bytes(length) as usize;
    let mut body = vec![0; size.min(LONGEST)];
    file.read_exact_at(&mut body, at + HEAD as u64).ok()?;
    let whole = sum(length, &body) == u32::from_le_bytes(expected);
    frame(body, at).filter(|_| whole).map(|frame| frame.payload)
}

fn frame(mut body: Vec<u8>, at: u64) -> Option<Frame> {
    let (kind, rest) = body.split_first()?;
    let (number, _) = rest.split_first_chunk()?;
    let (kind, number) = (Kind::of(*kind)?, u64::from_le_bytes(*number));
    let payload = body.split_off(MARK);
    Some(Frame {
        kind,
        number,
        payload,
        at,
    })
}
