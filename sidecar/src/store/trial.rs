//! Which version this process was given, kept beside the cached ones so that the next process knows what the last one died
//! of. `Record` decides, and is pure; `Trial` keeps it in a file. Owned by `store`; it must never hold up a version because
//! the file cannot be written.

use purser_config::stream::Version;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A process that lives so long with a version does not die of it.
pub const TRIAL: Duration = Duration::from_secs(60);
/// Deaths on trial, in a row, after which a version is refused.
const DEATHS: u32 = 2;
const FILE: &str = "trial.json";

/// What is known of the newest version that was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: Version,
    /// When it was applied last, in unix milliseconds: for people to read.
    applied_ms: u64,
    /// A process runs it and has not yet lived for `TRIAL` with it.
    on_trial: bool,
    /// Processes in a row that died on trial.
    deaths: u32,
    /// The newest version with which a process has lived for `TRIAL`.
    proven: Option<Version>,
}

/// Equal contents, whenever they were published.
fn same(a: &Version, b: &Version) -> bool {
    a.hash == b.hash && (!a.hash.is_empty() || a.published_ms == b.published_ms)
}

impl Record {
    /// As the next process finds it: who left it on trial did not end, it died.
    fn reopened(mut self) -> Self {
        self.deaths += u32::from(self.on_trial);
        self.on_trial = false;
        self
    }

    fn suspect(&self) -> Option<&Version> {
        (self.deaths >= DEATHS).then_some(&self.version)
    }

    /// A version is applied. An older one is what is served in its place, and says nothing about it.
    fn applying(&mut self, version: &Version, now_ms: u64) {
        let again = same(version, &self.version);
        if !again && version.published_ms <= self.version.published_ms {
            return;
        }
        if !again {
            self.deaths = 0;
        }
        self.version = version.clone();
        (self.applied_ms, self.on_trial) = (now_ms, true);
    }

    fn survived(&mut self) {
        if self.on_trial {
            (self.on_trial, self.deaths) = (false, 0);
            self.proven = Some(self.version.clone());
        }
    }
}

/// The record of this process, and its file.
pub struct Trial {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    record: Record,
    /// There is nothing else to serve: the suspect is served all the same.
    pardoned: bool,
    /// What this process was given last.
    begun: Option<Version>,
}

impl Trial {
    /// Reads what the last process left in this folder, and counts its death if it died.
    pub fn open(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let read = std::fs::read(&file).ok();
        let record: Option<Record> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let known = record.is_some();
        let record = record.unwrap_or_default().reopened();
        let trial = Trial {
            file,
            state: Mutex::new(State {
                record: record.clone(),
                ..State::default()
            }),
        };
        if known {
            trial.write(&record);
        }
        trial
    }

    /// The version that is refused, if any.
    pub fn refused(&self) -> Option<Version> {
        let state = self.state();
        let suspect = state.record.suspect().filter(|_| !state.pardoned);
        suspect.cloned()
    }

    /// Whether this version is refused.
    pub fn refuses(&self, version: &Version) -> bool {
        self.refused()
            .is_some_and(|refused| same(&refused, version))
    }

    /// The newest version that is known not to kill.
    pub fn proven(&self) -> Option<Version> {
        self.state().record.proven.clone()
    }

    /// There is nothing to serve but the suspect.
    pub fn pardon(&self) {
        self.state().pardoned = true;
    }

    /// To be called before a version is looked at any closer.
    pub fn applying(&self, version: &Version, now_ms: u64) {
        let mut state = self.state();
        if state
            .begun
            .as_ref()
            .is_some_and(|begun| same(begun, version))
        {
            return;
        }
        state.begun = Some(version.clone());
        state.record.applying(version, now_ms);
        self.write(&state.record);
    }

    /// This process has lived for `TRIAL` with the version that it was given last.
    pub fn survived(&self) {
        let mut state = self.state();
        state.record.survived();
        self.write(&state.record);
    }

    /// This process was told to end, or ends for a reason of its own.
    pub fn ends(&self) {
        let mut state = self.state();
        state.record.on_trial = false;
        self.write(&state.record);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, record: &Record) {
        let next = self.file.with_extension("next");
        let written = serde_json::to_vec(record)
            .map_err(std::io::Error::from)
            .and_then(|bytes| std::fs::write(&next, bytes))
            .and_then(|()| std::fs::rename(&next, &self.file));
        if let Err(error) = written {
            tracing::warn!(file = %self.file.display(), %error, "the version on trial could not be noted; if this process dies of it, the next one will not know");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(published_ms: u64, hash: &str) -> Version {
        Version {
            published_ms,
            hash: hash.into(),
            ..Version::default()
        }
    }

    fn applied(record: Record, version: &Version) -> Record {
        let mut record = record;
        record.applying(version, 0);
        record
    }

    #[test]
    fn a_version_is_refused_after_two_deaths_in_a_row_and_not_after_one() {
        let bad = version(2, "bad");
        let once = applied(Record::default(), &bad).reopened();
        assert_eq!(once.suspect(), None);
        let twice = applied(once, &bad).reopened();
        assert_eq!(twice.suspect(), Some(&bad));
    }

    #[test]
    fn a_life_of_a_minute_or_an_orderly_end_is_no_death() {
        let good = version(2, "good");
        let mut record = applied(applied(Record::default(), &good).reopened(), &good);
        record.survived();
        let record = record.reopened();
        assert_eq!((record.deaths, &record.proven), (0, &Some(good.clone())));
        let mut record = applied(applied(Record::default(), &good).reopened(), &good);
        record.on_trial = false;
        assert_eq!(record.reopened().suspect(), None);
    }

    #[test]
    fn the_older_version_in_its_place_is_not_on_trial_and_forgets_nothing() {
        let (old, bad) = (version(1, "old"), version(2, "bad"));
        let mut record = Record::default();
        for _ in 0..2 {
            record = applied(applied(record, &old), &bad).reopened();
        }
        let record = applied(record, &old).reopened();
        assert_eq!((record.suspect(), record.deaths), (Some(&bad), 2));
    }

    #[test]
    fn the_same_contents_published_again_are_refused_and_others_end_it() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            Trial::open(folder.path()).applying(&version(2, "bad"), 0);
        }
        let trial = Trial::open(folder.path());
        assert!(trial.refuses(&version(2, "bad")) && trial.refuses(&version(9, "bad")));
        assert!(!trial.refuses(&version(3, "other")));
        trial.applying(&version(3, "other"), 0);
        assert_eq!(trial.refused(), None);
    }

    #[test]
    fn a_version_that_comes_again_in_one_process_is_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let good = version(2, "good");
        for _ in 0..3 {
            let trial = Trial::open(folder.path());
            trial.applying(&good, 0);
            trial.survived();
            trial.applying(&version(7, "good"), 0);
        }
        assert_eq!(Trial::open(folder.path()).refused(), None);
    }
}
