//! What calls used of their shares, kept beside the spool for a minute: a process that is killed while it cannot tell takes its memory with
//! it, and the next one on this folder tells in its place. Called by `ledger`, before such a call is sent and at the start. Not synced, and
//! never a reason to refuse a call: what cannot be written is told to people, once.
//!
//! Also what an authority has heard stays: it may forget, and then the next process is asked. Where it has not forgotten, these uses count
//! twice, in the minute and in the day, which errs on the safe side.
//!
//! Two files of JSON lines by turns, each begun when all of the one before the last has left the minute. What is broken is passed over.

use purser_config::Name;
use purser_config::quota::occupancy_ms;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const NOW: &str = "shares.now";
const BEFORE: &str = "shares.before";
const NEXT: &str = "shares.next";
/// A clock that was set back by more than this makes what was written before worthless, in milliseconds.
const SET_BACK_MS: u64 = 5_000;

/// See the file's page.
#[derive(Default)]
pub(crate) struct Alone(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Absent: nothing is kept.
    folder: Option<PathBuf>,
    /// The file that is written, and when it was begun, in unix milliseconds.
    file: Option<(File, u64)>,
    /// Something could not be written.
    failed: bool,
}

/// One use.
#[derive(Serialize, Deserialize)]
struct Line {
    key: Name,
    /// In unix milliseconds.
    at_ms: u64,
}

impl Alone {
    /// In the folder of a spool, which is this process's own.
    pub(super) fn beside(folder: &Path) -> Self {
        Alone(Mutex::new(Kept {
            folder: Some(folder.to_owned()),
            ..Kept::default()
        }))
    }

    /// What an earlier process used within the minute: of which key, and how long ago, in milliseconds, the oldest first.
    pub(crate) fn inherit(&self, wall_ms: u64) -> Vec<(Name, u64)> {
        let mut kept = self.kept();
        let Some(folder) = &kept.folder else {
            return Vec::new();
        };
        let left = left(folder, wall_ms);
        if !left.is_empty() {
            // Whoever is killed meanwhile leaves some of them twice, and loses none.
            let begun = begin(folder, &left);
            kept.take(begun, wall_ms);
        }
        let age = |line: Line| (line.key, wall_ms.saturating_sub(line.at_ms));
        left.into_iter().map(age).collect()
    }

    /// A call is about to be sent on its share.
    pub(crate) fn used(&self, key: &Name, at_ms: u64) {
        let mut kept = self.kept();
        if kept.folder.is_none() {
            return;
        }
        let over = |began: u64| at_ms < began || began.saturating_add(occupancy_ms(0)) <= at_ms;
        if kept.file.as_ref().is_none_or(|(_, began)| over(*began)) {
            kept.turn(at_ms);
        }
        let key = key.clone();
        kept.write(&Line { key, at_ms });
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Begins the other file.
    fn turn(&mut self, wall_ms: u64) {
        let Some(folder) = &self.folder else { return };
        let _ = std::fs::rename(folder.join(NOW), folder.join(BEFORE));
        let file = open(&folder.join(NOW));
        self.take(file, wall_ms);
    }

    fn take(&mut self, file: std::io::Result<File>, wall_ms: u64) {
        match file {
            Ok(file) => self.file = Some((file, wall_ms)),
            Err(error) => self.fails(&error),
        }
    }

    fn write(&mut self, line: &Line) {
        let Some((file, _)) = &mut self.file else {
            return;
        };
        if let Err(error) = file.write_all(&text(std::slice::from_ref(line))) {
            self.fails(&error);
        }
    }

    fn fails(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            let folder = self.folder.as_deref().unwrap_or(Path::new("")).display();
            tracing::warn!(%folder, %error, "what calls use of their shares cannot be written beside the usage spool: should this process be killed while the operator cannot be asked, nobody will know of it");
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

/// One file with these lines instead of both.
fn begin(folder: &Path, lines: &[Line]) -> std::io::Result<File> {
    let next = folder.join(NEXT);
    let _ = std::fs::remove_file(&next);
    let mut file = open(&next)?;
    file.write_all(&text(lines))?;
    std::fs::rename(next, folder.join(NOW))?;
    let _ = std::fs::remove_file(folder.join(BEFORE));
    Ok(file)
}

/// Each begins a line, so that one that was cut off spoils no other.
fn text(lines: &[Line]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.push(b'\n');
        let _ = serde_json::to_writer(&mut text, line);
    }
    text
}

/// Uses of the last minute, the oldest first.
fn left(folder: &Path, wall_ms: u64) -> Vec<Line> {
    let mut used: Vec<Line> = Vec::new();
    for name in [BEFORE, NOW] {
        let text = std::fs::read(folder.join(name)).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        used.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
    }
    let in_time = |at_ms: u64| at_ms <= wall_ms.saturating_add(SET_BACK_MS);
    used.retain(|line| line.at_ms.saturating_add(occupancy_ms(0)) > wall_ms && in_time(line.at_ms));
    used.sort_by_key(|line| line.at_ms);
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Name {
        Name::new("shop", "key")
    }

    /// What the next process on the folder inherits then.
    fn ages(folder: &Path, wall_ms: u64) -> Vec<u64> {
        let inherited = Alone::beside(folder).inherit(wall_ms);
        inherited.into_iter().map(|(_, age)| age).collect()
    }

    #[test]
    fn a_process_that_is_killed_leaves_what_it_used_to_the_next_for_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let first = Alone::beside(folder.path());
        assert_eq!(first.inherit(1_000), []);
        first.used(&key(), 2_000);
        first.used(&key(), 3_000);
        drop(first);
        let second = Alone::beside(folder.path());
        assert_eq!(second.inherit(4_000), [(key(), 2_000), (key(), 1_000)]);
        second.used(&key(), 5_000);
        drop(second);
        assert_eq!(ages(folder.path(), 6_000), [4_000, 3_000, 1_000]);
        assert_eq!(ages(folder.path(), 2_000 + occupancy_ms(0)).len(), 2);
        assert!(ages(folder.path(), 5_000 + occupancy_ms(0)).is_empty());
        let reset = Alone::beside(folder.path());
        reset.used(&key(), 900_000);
        reset.used(&key(), 3_000);
        drop(reset);
        assert_eq!(
            ages(folder.path(), 4_000),
            [1_000],
            "the clock was set back"
        );
    }

    #[test]
    fn a_long_outage_takes_two_minutes_worth_of_room_and_a_broken_line_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let alone = Alone::beside(folder.path());
        alone.inherit(0);
        (0..600).for_each(|second| alone.used(&key(), second * 1_000));
        let size = |name| std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size(NOW) + size(BEFORE) < 130 * 40);
        let mut file = OpenOptions::new()
            .append(true)
            .open(folder.path().join(NOW));
        file.as_mut()
            .unwrap()
            .write_all(b"\n{\"key\":\"sh")
            .unwrap();
        let left = ages(folder.path(), 600_000);
        assert_eq!((left.len(), left.last()), (60, Some(&1_000)));
    }
}
