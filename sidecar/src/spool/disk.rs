//! The segments of a spool and the one that is written: append, rotate, carry, sync, delete. Called by `state` under its lock; only
//! `Round::carry_out` runs without it, because it waits for the disk. What the disk refuses stays in memory and is written later.

use super::Limits;
use super::folder::Folder;
use super::frame::{self, Kind, Place, TooLong};
use super::write;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::sync::Arc;

/// Opens a segment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// How the rest is to be read.
    pub(super) format: u32,
    /// The spool's name.
    pub(super) spool: String,
    /// The last record that the authority had then.
    pub(super) kept: u64,
    /// Earlier segments are void: everything of them that counts is in this one.
    pub(super) fresh: bool,
}

/// The only format there is.
pub(super) const FORMAT: u32 = 1;

/// One file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) ordinal: u64,
    /// Written so far.
    pub(super) bytes: u64,
    /// The highest record in it, or before it.
    pub(super) last: u64,
    /// Intents in it that nothing resolved.
    pub(super) open: usize,
}

/// All of it.
pub(super) struct Disk {
    pub(super) folder: Arc<Folder>,
    pub(super) limits: Limits,
    /// In order; the last is written.
    pub(super) segments: VecDeque<Segment>,
    pub(super) file: Option<Arc<File>>,
    /// Written and left, not yet synced.
    pub(super) left: Vec<Arc<File>>,
    /// Frames that are not written yet: empty unless the disk refuses.
    pub(super) buffer: Vec<u8>,
    /// Where each call's intent is that nothing resolved.
    pub(super) open: HashMap<String, Place>,
    /// The bytes of all segments.
    pub(super) used: u64,
    /// Why the last write failed.
    pub(super) refused: Option<String>,
    /// Why the last sync failed. What it was for may be on disk or not, whatever a later one says.
    pub(super) unsynced: Option<String>,
    /// Whether anything was written since the last sync began.
    pub(super) dirty: bool,
}

/// What a new segment must say.
pub(super) struct Opening<'a> {
    pub(super) spool: &'a str,
    pub(super) last: u64,
    pub(super) kept: u64,
}

impl Disk {
    /// Adds a frame and writes it, or keeps it for later where the disk refuses.
    pub(super) fn append(
        &mut self,
        kind: Kind,
        number: u64,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Place, TooLong> {
        let place = self.end();
        frame::encode(&mut self.buffer, kind, number, payload)?;
        self.write_out();
        Ok(place)
    }

    /// Where the next frame begins.
    pub(super) fn end(&self) -> Place {
        let (segment, bytes) = self
            .segments
            .back()
            .map_or((0, 0), |active| (active.ordinal, active.bytes));
        Place {
            segment,
            at: bytes + self.buffer.len() as u64,
        }
    }

    /// Begins a new segment when the present one is long enough. Where that fails, the present one is written on.
    pub(super) fn turn(&mut self, opening: &Opening<'_>) {
        let long = self.limits.segment_bytes;
        if !self.buffer.is_empty() || self.segments.back().is_some_and(|last| last.bytes < long) {
            return;
        }
        if let Err(error) = self.begin(opening) {
            tracing::warn!(folder = %self.folder.path().display(), %error, "no new segment of the spool could be made; the present one is written on");
        }
    }

    /// Begins a new segment.
    pub(super) fn begin(&mut self, opening: &Opening<'_>) -> std::io::Result<()> {
        let ordinal = self.segments.back().map_or(1, |last| last.ordinal + 1);
        let file = Arc::new(self.folder.begin(ordinal)?);
        self.left.extend(self.file.replace(file));
        self.segments.push_back(Segment {
            ordinal,
            bytes: 0,
            last: opening.last,
            open: 0,
        });
        let header = Header {
            format: FORMAT,
            spool: opening.spool.to_owned(),
            kept: opening.kept,
            fresh: false,
        };
        let number = opening.last + 1;
        self.append(Kind::Header, number, |to| write::json(to, &header))
            .map_err(std::io::Error::other)?;
        Ok(())
    }

    /// Writes what waits. A part that the disk took is not written twice.
    pub(super) fn write_out(&mut self) {
        self.dirty = true;
        let Some(file) = &self.file else { return };
        let mut done = 0;
        self.refused = loop {
            let rest = self.buffer.get(done..).unwrap_or_default();
            if rest.is_empty() {
                break None;
            }
            match (&**file).write(rest) {
                Ok(0) => break Some("it takes no more bytes".to_owned()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Some(error.to_string()),
            }
        };
        self.buffer.drain(..done);
        if let Some(active) = self.segments.back_mut() {
            active.bytes += done as u64;
        }
        self.used += done as u64;
    }

    /// Takes a frame back of which nothing was written. False: some of it was.
    pub(super) fn take_back(&mut self, place: Place) -> bool {
        let written = self.segments.back().map_or(0, |active| active.bytes);
        let Some(keep) = place.at.checked_sub(written) else {
            return false;
        };
        self.buffer.truncate(keep as usize);
        true
    }

    /// Remembers where the intent of a call is.
    pub(super) fn opened(&mut self, id: String, place: Place) {
        if let Some(before) = self.open.insert(id, place) {
            self.count(before.segment, -1);
        }
        self.count(place.segment, 1);
    }

    /// Forgets the intent of a call. False: there was none.
    pub(super) fn resolved(&mut self, id: &str) -> bool {
        let place = self.open.remove(id);
        if let Some(place) = place {
            self.count(place.segment, -1);
        }
        place.is_some()
    }

    fn count(&mut self, ordinal: u64, change: isize) {
        let segment = self.segments.iter_mut().rev();
        if let Some(segment) = segment.into_iter().find(|one| one.ordinal == ordinal) {
            segment.open = segment.open.saturating_add_signed(change);
        }
    }

    /// The segments that nothing needs any more, oldest first and without a hole: a later one may hold what resolves an
    /// intent of an earlier one. What the oldest still holds open is carried to the end first, so that one long call
    /// does not keep all that came after it.
    pub(super) fn collect(&mut self, kept: u64) -> Vec<Segment> {
        let mut doomed = Vec::new();
        while self.segments.len() > 1 && self.refused.is_none() {
            let Some(oldest) = self.segments.front() else {
                break;
            };
            if oldest.last > kept || (oldest.open > 0 && !self.carry(oldest.ordinal)) {
                break;
            }
            let Some(oldest) = self.segments.pop_front() else {
                break;
            };
            self.used = self.used.saturating_sub(oldest.bytes);
            doomed.push(oldest);
        }
        doomed
    }

    fn carry(&mut self, from: u64) -> bool {
        let mut places: Vec<Place> = self.open.values().copied().collect();
        places.retain(|place| place.segment == from);
        places.sort_unstable();
        let file = File::open(self.folder.segment(from)).ok();
        let mut moved = HashMap::new();
        for place in places {
            let to = self.end();
            let read = |file| frame::payload(file, place.at);
            match file.as_ref().and_then(read) {
                Some(payload) => frame::copy(&mut self.buffer, Kind::Intent, 0, &payload),
                None => {
                    tracing::error!(folder = %self.folder.path().display(), segment = from, "an intent cannot be read again: if this process dies before its call ends, the call has no record");
                }
            }
            moved.insert(place, to);
        }
        self.write_out();
        let (mut count, mut to) = (0, from);
        for place in self.open.values_mut() {
            if let Some(new) = moved.get(place) {
                (*place, to, count) = (*new, new.segment, count + 1);
            }
        }
        self.count(from, -count);
        self.count(to, count);
        self.refused.is_none()
    }

    /// What the frame at this place holds.
    pub(super) fn payload(&self, place: Place) -> Option<Vec<u8>> {
        let file = File::open(self.folder.segment(place.segment)).ok()?;
        frame::payload(&file, place.at)
    }
}

/// One sync, to be carried out without the lock.
pub(super) struct Round {
    /// The spool's name then: after another no number of this round means anything.
    pub(super) spool: String,
    pub(super) folder: Arc<Folder>,
    pub(super) files: Vec<Arc<File>>,
    pub(super) doomed: Vec<Segment>,
    /// Every record up to this one is durable when it is done.
    pub(super) upto: Option<u64>,
    /// Why the disk could not be waited for.
    pub(super) failed: Option<String>,
}

impl Round {
    /// Waits for the disk, then removes what nothing needs. What could not be removed stays in `doomed`.
    pub(super) fn carry_out(&mut self) {
        let synced = self.files.iter().try_for_each(|file| file.sync_data());
        let names = self.files.len() > 1 || !self.doomed.is_empty();
        let synced = synced.and_then(|()| if names { self.folder.sync() } else { Ok(()) });
        if let Err(error) = synced {
            self.failed = Some(error.to_string());
            return;
        }
        while let Some(oldest) = self.doomed.first() {
            match self.folder.remove(oldest.ordinal) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(folder = %self.folder.path().display(), segment = oldest.ordinal, %error, "a segment of the usage spool that nothing needs could not be removed; it is tried again");
                    return;
                }
                _ => self.doomed.remove(0),
            };
        }
    }
}
