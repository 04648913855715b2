//! What a spool knows: its numbers, the records that wait in memory, and how far those on disk were read back. Called by `Spool` under
//! its lock. Only the front of a long backlog is in memory; the rest is read back from its segments when its turn comes.

use super::disk::{Disk, Opening, Round};
use super::frame::{Frames, Kind, Place};
use super::{Intent, Limits, Refused, write};
use purser_config::usage::{Batch, Record};
use std::collections::VecDeque;

/// What a record in memory is taken to need, for a spool without a folder.
const RECORD_BYTES: u64 = 1 << 10;

/// All of it.
pub(super) struct State {
    /// The spool's name.
    pub(super) id: String,
    /// Drawn at the start of the process.
    pub(super) life: u64,
    pub(super) limits: Limits,
    /// Absent: records are in memory only.
    pub(super) disk: Option<Disk>,
    /// The highest number given.
    pub(super) last: u64,
    /// The authority has every record up to this one.
    pub(super) kept: u64,
    /// No crash loses a record up to this one, so that its number is never given again.
    pub(super) synced: u64,
    /// The highest number that came into `queue`.
    pub(super) loaded: u64,
    /// Records up to `loaded` that the authority may not have.
    pub(super) queue: VecDeque<Record>,
    /// From where the record after `loaded` is found; absent: it is not written yet.
    pub(super) cursor: Option<Place>,
    /// Records that were not kept.
    pub(super) lost: u64,
    /// Why the records that wait cannot be read back.
    pub(super) unreadable: Option<String>,
}

impl State {
    /// Nothing yet, on this disk or none.
    pub(super) fn new(id: String, limits: Limits, disk: Option<Disk>) -> State {
        State {
            id,
            life: crate::clock::draw(),
            limits,
            disk,
            last: 0,
            kept: 0,
            synced: 0,
            loaded: 0,
            queue: VecDeque::new(),
            cursor: None,
            lost: 0,
            unreadable: None,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let used = self.disk.as_ref().map_or_else(
            || self.queue.len() as u64 * RECORD_BYTES,
            |disk| disk.used + disk.buffer.len() as u64,
        );
        used >= self.limits.bytes
    }

    pub(super) fn fault(&self) -> Option<String> {
        let disk = self.disk.as_ref()?;
        let place = disk.folder.path().display();
        let refused = disk.refused.as_ref().map(|why| {
            format!("cannot write the usage spool in {place}: {why}; make room on its disk or mount it writable, then it goes on by itself")
        });
        let unsynced = || {
            let why = disk.unsynced.as_ref()?;
            Some(format!(
                "cannot sync the usage spool in {place}: {why}; look at its disk"
            ))
        };
        let unreadable = || self.unreadable.clone();
        refused.or_else(unsynced).or_else(unreadable)
    }

    pub(super) fn intent(&mut self, intent: &Intent<'_>) -> Result<(), Refused> {
        if self.is_full() {
            return Err(Refused::Full);
        }
        let (last, kept) = (self.last, self.kept);
        let Some(disk) = &mut self.disk else {
            return Ok(());
        };
        if let Some(why) = &disk.refused {
            return Err(Refused::Disk(why.clone()));
        }
        disk.turn(&Opening {
            spool: &self.id,
            last,
            kept,
        });
        let place = disk
            .append(Kind::Intent, 0, |to| write::intent(to, intent))
            .map_err(|_| Refused::TooLong)?;
        let Some(why) = disk.refused.clone() else {
            disk.opened(intent.id.clone().into_owned(), place);
            return Ok(());
        };
        if !disk.take_back(place) {
            // A part of it is on disk: what is left of it must follow, and then that it counts for nothing.
            let _ = disk.append(Kind::Void, 0, |to| write::json(to, &intent.id));
        }
        Err(Refused::Disk(why))
    }

    /// The intent's call was not sent after all.
    pub(super) fn withdraw(&mut self, id: &str) {
        let Some(disk) = &mut self.disk else { return };
        if disk.resolved(id) {
            let _ = disk.append(Kind::Void, 0, |to| write::json(to, id));
        }
    }

    /// Numbers and keeps the record; none: there is no room for it and nobody owes anything for it.
    pub(super) fn outcome(&mut self, record: Record) -> Option<u64> {
        let full = self.is_full();
        let number = self.last + 1;
        if let Some(disk) = &mut self.disk {
            let owed = disk.resolved(&record.id) || record.reservation.is_some();
            if !owed && (full || disk.refused.is_some()) {
                self.lost += 1;
                return None;
            }
            disk.turn(&Opening {
                spool: &self.id,
                last: self.last,
                kept: self.kept,
            });
            let Ok(place) = disk.append(Kind::Outcome, number, |to| write::record(to, &record))
            else {
                self.lost += 1;
                return None;
            };
            if let Some(active) = disk.segments.back_mut() {
                active.last = number;
            }
            if self.cursor.is_some() || self.queue.len() >= self.limits.window {
                self.cursor.get_or_insert(place);
                self.last = number;
                return Some(number);
            }
        } else if full && record.reservation.is_none() {
            self.lost += 1;
            return None;
        } else {
            self.synced = number;
        }
        (self.last, self.loaded) = (number, number);
        self.queue.push_back(record);
        Some(number)
    }

    /// What is to be shipped next: durable records that the authority may not have.
    pub(super) fn next_batch(&mut self, max: usize) -> Option<Batch> {
        if self.queue.len() < max && self.cursor.is_some() {
            self.refill(max);
        }
        let most = max.min(self.shippable());
        let records: Vec<Record> = self.queue.iter().take(most).cloned().collect();
        let batch = Batch {
            spool: self.id.clone(),
            first: self.kept + 1,
            records,
        };
        (!batch.records.is_empty()).then_some(batch)
    }

    /// How many records are durable that the authority may not have.
    pub(super) fn shippable(&self) -> usize {
        usize::try_from(self.synced.saturating_sub(self.kept)).unwrap_or(usize::MAX)
    }

    /// Reads records back until so many wait in memory or all do.
    fn refill(&mut self, max: usize) {
        let Some(disk) = &self.disk else { return };
        let (mut loaded, kept) = (self.loaded, self.kept);
        let room = max.saturating_sub(self.queue.len());
        let mut reading = Reading {
            loaded: &mut loaded,
            kept,
            room,
            into: &mut self.queue,
        };
        let read = self.cursor.map(|from| reading.read(disk, from));
        self.loaded = loaded;
        match read {
            Some(Ok(next)) => {
                self.unreadable = None;
                self.cursor = next.filter(|_| loaded < self.last);
            }
            Some(Err(why)) => self.unreadable = Some(why),
            None => {}
        }
    }

    /// The authority has everything up to this number. A smaller one than before is old news.
    pub(super) fn kept(&mut self, upto: u64) {
        let upto = upto.min(self.synced);
        if upto <= self.kept {
            return;
        }
        let gone = usize::try_from(upto - self.kept).unwrap_or(usize::MAX);
        self.queue.drain(..gone.min(self.queue.len()));
        self.kept = upto;
        self.loaded = self.loaded.max(upto);
        if let Some(disk) = &mut self.disk
            && disk.refused.is_none()
        {
            let _ = disk.append(Kind::Kept, upto, |_| {});
        }
    }

    /// What the disk is to be waited for; none: nothing.
    pub(super) fn prepare(&mut self) -> Option<Round> {
        let last = self.last;
        let disk = self.disk.as_mut()?;
        if disk.refused.is_some() {
            disk.write_out();
        }
        let doomed = disk.collect(self.kept);
        if !disk.dirty && doomed.is_empty() {
            return None;
        }
        disk.dirty = false;
        let mut files = std::mem::take(&mut disk.left);
        files.extend(disk.file.clone());
        Some(Round {
            spool: self.id.clone(),
            folder: disk.folder.clone(),
            files,
            doomed,
            upto: disk.buffer.is_empty().then_some(last),
            failed: None,
        })
    }

    /// The disk was waited for.
    pub(super) fn finish(&mut self, round: Round) {
        let Some(disk) = &mut self.disk else { return };
        if round.spool != self.id {
            return;
        }
        if round.failed.is_none()
            && let Some(upto) = round.upto
        {
            self.synced = self.synced.max(upto);
        }
        for segment in round.doomed.into_iter().rev() {
            disk.used += segment.bytes;
            disk.segments.push_front(segment);
        }
        disk.unsynced = round.failed;
    }
}

/// Records on their way from disk into memory.
struct Reading<'a> {
    loaded: &'a mut u64,
    kept: u64,
    room: usize,
    into: &'a mut VecDeque<Record>,
}

impl Reading<'_> {
    /// From this place on. Where to go on; none: all was read.
    fn read(&mut self, disk: &Disk, from: Place) -> Result<Option<Place>, String> {
        let later = disk.segments.iter().map(|segment| segment.ordinal);
        for ordinal in later.filter(|ordinal| *ordinal >= from.segment) {
            let at = if ordinal == from.segment { from.at } else { 0 };
            if let Some(at) = self.segment(disk, ordinal, at)? {
                return Ok(Some(Place {
                    segment: ordinal,
                    at,
                }));
            }
        }
        // What the disk refused is found there later.
        Ok(disk.segments.back().map(|active| Place {
            segment: active.ordinal,
            at: 0,
        }))
    }

    /// Of one segment. Where to go on in it; none: with the next.
    fn segment(&mut self, disk: &Disk, ordinal: u64, at: u64) -> Result<Option<u64>, String> {
        let path = disk.folder.segment(ordinal);
        let told =
            |error: &dyn std::fmt::Display| format!("cannot read {} back: {error}", path.display());
        let mut frames = Frames::open(&path, at).map_err(|error| told(&error))?;
        while let Some(frame) = frames.next().map_err(|error| told(&error))? {
            if frame.kind != Kind::Outcome || frame.number <= (*self.loaded).max(self.kept) {
                continue;
            }
            if self.room == 0 {
                return Ok(Some(frame.at));
            }
            let record = serde_json::from_slice(&frame.payload).map_err(|error| told(&error))?;
            self.into.push_back(record);
            (*self.loaded, self.room) = (frame.number, self.room - 1);
        }
        Ok(None)
    }
}
