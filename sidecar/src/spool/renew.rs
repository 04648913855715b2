//! A new name for what the authority may not have: every record that waits, numbered from 1, and every open intent, copied into one fresh
//! segment that makes all earlier ones void. Needed where numbers cannot be trusted any more: after damage, and when the authority's
//! count does not fit ours. A record that the authority had nevertheless is told again; it knows it by its request id.

use super::disk::{Disk, FORMAT, Header, Segment};
use super::frame::{self, Frames, Kind, Place};
use super::recover::fresh_id;
use super::state::State;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Error, Write};
use std::sync::Arc;

/// Bytes that are gathered before they are written.
const GATHERED: usize = 256 << 10;

impl State {
    /// Goes on under a new name. On an error nothing has changed.
    pub(super) fn renew(&mut self) -> std::io::Result<()> {
        let id = fresh_id()?;
        let (before, waiting) = (self.kept, self.last.saturating_sub(self.kept));
        let Some(disk) = &mut self.disk else {
            (self.id, self.kept, self.last) = (id, 0, waiting);
            (self.loaded, self.synced) = (waiting, waiting);
            return Ok(());
        };
        disk.write_out();
        if let Some(why) = &disk.refused {
            return Err(Error::other(why.clone()));
        }
        let copied = disk.copy_into_fresh(&id, before)?;
        let cursor = (copied.records > 0).then_some(Place {
            segment: copied.segment.ordinal,
            at: 0,
        });
        let numbers = copied.records;
        disk.replace(copied);
        self.queue.clear();
        (self.id, self.cursor) = (id, cursor);
        (self.last, self.synced) = (numbers, numbers);
        (self.kept, self.loaded) = (0, 0);
        self.unreadable = None;
        Ok(())
    }
}

/// A fresh segment with everything that counts.
struct Copied {
    file: File,
    segment: Segment,
    records: u64,
    open: HashMap<String, Place>,
}

/// One being written.
struct Draft {
    file: File,
    buffer: Vec<u8>,
    bytes: u64,
}

impl Draft {
    /// Adds a frame. Where it begins.
    fn add(&mut self, kind: Kind, number: u64, payload: &[u8]) -> std::io::Result<u64> {
        let at = self.bytes + self.buffer.len() as u64;
        frame::copy(&mut self.buffer, kind, number, payload);
        if self.buffer.len() > GATHERED {
            self.flush()?;
        }
        Ok(at)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Disk {
    fn copy_into_fresh(&self, id: &str, kept: u64) -> std::io::Result<Copied> {
        let ordinal = self.segments.back().map_or(1, |last| last.ordinal + 1);
        let mut draft = Draft {
            file: self.folder.draft(ordinal)?,
            buffer: Vec::new(),
            bytes: 0,
        };
        let header = Header {
            format: FORMAT,
            spool: id.to_owned(),
            kept: 0,
            fresh: true,
        };
        draft.add(Kind::Header, 1, &serde_json::to_vec(&header)?)?;
        let records = self.copy_records(&mut draft, kept)?;
        let open = self.copy_intents(&mut draft, ordinal)?;
        draft.flush()?;
        draft.file.sync_all()?;
        self.folder.finish(ordinal)?;
        let segment = Segment {
            ordinal,
            bytes: draft.bytes,
            last: records,
            open: open.len(),
        };
        Ok(Copied {
            file: draft.file,
            segment,
            records,
            open,
        })
    }

    /// Those after `kept`, in order, each segment as far as it can be read.
    fn copy_records(&self, draft: &mut Draft, kept: u64) -> std::io::Result<u64> {
        let mut count = 0;
        for segment in &self.segments {
            let mut frames = Frames::open(&self.folder.segment(segment.ordinal), 0)?;
            while let Ok(Some(frame)) = frames.next() {
                if frame.kind == Kind::Outcome && frame.number > kept {
                    count += 1;
                    draft.add(Kind::Outcome, count, &frame.payload)?;
                }
            }
        }
        Ok(count)
    }

    fn copy_intents(
        &self,
        draft: &mut Draft,
        ordinal: u64,
    ) -> std::io::Result<HashMap<String, Place>> {
        let mut open: Vec<(&String, &Place)> = self.open.iter().collect();
        open.sort_unstable_by_key(|(_, place)| **place);
        let mut moved = HashMap::new();
        for (id, place) in open {
            let Some(payload) = self.payload(*place) else {
                continue;
            };
            let at = draft.add(Kind::Intent, 0, &payload)?;
            let segment = ordinal;
            moved.insert(id.clone(), Place { segment, at });
        }
        Ok(moved)
    }

    /// The fresh segment is the only one now. What cannot be removed is void, and removed when the folder is opened next.
    fn replace(&mut self, copied: Copied) {
        for segment in self.segments.drain(..) {
            if let Err(error) = self.folder.remove(segment.ordinal) {
                tracing::warn!(folder = %self.folder.path().display(), segment = segment.ordinal, %error, "a void segment of the spool could not be removed");
            }
        }
        self.used = copied.segment.bytes;
        self.segments.push_back(copied.segment);
        self.file = Some(Arc::new(copied.file));
        self.left.clear();
        self.unsynced = None;
        self.open = copied.open;
        self.dirty = false;
    }
}
