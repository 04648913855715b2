//! Reads the segments of a folder as an earlier process left them: which records the authority may not have, which intents are open, and
//! where something is damaged. Called by `recover`. It removes what is void or empty and changes nothing else.

use super::disk::{FORMAT, Header, Segment};
use super::folder::Folder;
use super::frame::{Frame, Frames, Kind, Place};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fs::File;

/// What the segments say.
#[derive(Default)]
pub(super) struct Scan {
    /// The spool's name; absent: there is no segment.
    pub(super) id: Option<String>,
    pub(super) last: u64,
    pub(super) kept: u64,
    pub(super) segments: VecDeque<Segment>,
    pub(super) open: HashMap<String, Place>,
    /// Segments that cannot be read to their end, or do not follow on what came before, and why; each once.
    pub(super) damaged: Vec<(u64, String)>,
}

/// The one field of a record or an intent that is needed of each.
#[derive(Deserialize)]
struct Id<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Scan {
    /// Of all segments.
    pub(super) fn of(folder: &Folder) -> std::io::Result<Scan> {
        let mut ordinals = folder.segments()?;
        if let Some(fresh) = ordinals.iter().rposition(|one| is_fresh(folder, *one)) {
            for void in ordinals.drain(..fresh) {
                folder.remove(void)?;
            }
        }
        let mut scan = Scan::default();
        for ordinal in ordinals {
            let file = File::open(folder.segment(ordinal))?;
            // What is shipped must not depend on what the earlier process did not wait for.
            file.sync_data()?;
            let bytes = file.metadata()?.len();
            if bytes == 0 {
                folder.remove(ordinal)?;
                continue;
            }
            scan.segment(folder, ordinal, bytes)?;
        }
        if scan.kept > scan.last {
            scan.damage("records that the authority has are missing".to_owned());
            scan.last = scan.kept;
        }
        for segment in &mut scan.segments {
            let here = |place: &&Place| place.segment == segment.ordinal;
            segment.open = scan.open.values().filter(here).count();
        }
        Ok(scan)
    }

    fn segment(&mut self, folder: &Folder, ordinal: u64, bytes: u64) -> std::io::Result<()> {
        let mut frames = Frames::open(&folder.segment(ordinal), 0)?;
        self.segments.push_back(Segment {
            ordinal,
            bytes,
            last: self.last,
            open: 0,
        });
        loop {
            match frames.next() {
                Ok(Some(frame)) => {
                    if let Err(why) = self.frame(ordinal, &frame) {
                        self.damage(why);
                    }
                }
                Ok(None) => break,
                Err(damage) => {
                    self.damage(damage.to_string());
                    break;
                }
            }
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.last = self.last;
        }
        Ok(())
    }

    /// Takes a frame in. What does not fit is told, and what it holds still counts.
    fn frame(&mut self, ordinal: u64, frame: &Frame) -> Result<(), String> {
        let Frame { number, at, .. } = *frame;
        let told =
            |error: serde_json::Error| format!("the frame at byte {at} means nothing: {error}");
        if at == 0 && frame.kind != Kind::Header {
            self.damage("it begins without a header".to_owned());
        }
        match frame.kind {
            Kind::Header => self.header(
                number,
                serde_json::from_slice(&frame.payload).map_err(told)?,
            ),
            Kind::Intent => {
                let Id { id } = serde_json::from_slice(&frame.payload).map_err(told)?;
                let segment = ordinal;
                self.open.insert(id.into_owned(), Place { segment, at });
                Ok(())
            }
            Kind::Outcome => {
                let Id { id } = serde_json::from_slice(&frame.payload).map_err(told)?;
                self.open.remove(&*id);
                let before = self.last;
                self.last = before.max(number);
                follows(before, number)
            }
            Kind::Kept => {
                self.kept = self.kept.max(number);
                Ok(())
            }
            Kind::Void => {
                let id: Cow<'_, str> = serde_json::from_slice(&frame.payload).map_err(told)?;
                self.open.remove(&*id);
                Ok(())
            }
        }
    }

    fn header(&mut self, first: u64, header: Header) -> Result<(), String> {
        if header.format != FORMAT {
            let format = header.format;
            return Err(format!(
                "its format is {format}, and {FORMAT} is what can be read"
            ));
        }
        let before = self.last;
        self.last = self.last.max(first.saturating_sub(1));
        self.kept = self.kept.max(header.kept);
        match &self.id {
            None => {
                // Earlier segments are deleted only when the authority has all of their records.
                self.kept = self.kept.max(self.last);
                self.id = Some(header.spool);
                Ok(())
            }
            Some(id) if *id != header.spool => Err("it is of another spool".to_owned()),
            // After damage a gap is no news.
            Some(_) if !self.damaged.is_empty() => Ok(()),
            Some(_) => follows(before, first),
        }
    }

    fn damage(&mut self, why: String) {
        let Some(ordinal) = self.segments.back().map(|one| one.ordinal) else {
            return;
        };
        if self.damaged.last().is_none_or(|(last, _)| *last != ordinal) {
            self.damaged.push((ordinal, why));
        }
    }
}

fn follows(last: u64, number: u64) -> Result<(), String> {
    if number == last + 1 {
        return Ok(());
    }
    Err(format!("record {number} follows on {last}"))
}

fn is_fresh(folder: &Folder, ordinal: u64) -> bool {
    let Ok(mut frames) = Frames::open(&folder.segment(ordinal), 0) else {
        return false;
    };
    let Ok(Some(first)) = frames.next() else {
        return false;
    };
    let header = serde_json::from_slice(&first.payload);
    first.kind == Kind::Header && header.is_ok_and(|header: Header| header.fresh)
}
