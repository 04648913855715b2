//! What a spool promises, and the small world that its tests share.

mod bytes;
mod crash;
mod damage;
mod disk;
mod order;
mod random;
mod shipping;

use super::*;
use purser_config::price::Tokens;
use purser_config::usage::End;
use std::collections::BTreeMap;

/// A folder for a spool: in memory where there is one, since these tests wait for the disk thousands of times.
fn folder() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

/// Segments of a few frames, and a window of a few records.
const SMALL: Limits = Limits {
    segment_bytes: 2 << 10,
    bytes: 1 << 20,
    window: 3,
};

fn key() -> Name {
    Name::new("team", "app")
}

fn intent(id: &str) -> Intent<'_> {
    Intent {
        id: id.into(),
        key: key(),
        plan: "pro".into(),
        reservation: Some(id.into()),
        endpoint: Endpoint::Chat,
        asked: "gpt-4o-mini".into(),
        stream: false,
        began_ms: 1_000,
        reserved: 900,
        unconfirmed_pays: false,
    }
}

fn record(id: &str) -> Record {
    Record {
        id: id.to_owned(),
        key: key(),
        plan: "pro".into(),
        reservation: Some(id.to_owned()),
        channel: Some(Name::new("team", "openai")),
        endpoint: Endpoint::Chat,
        asked: "gpt-4o-mini".into(),
        served: "gpt-4o-mini-2024-07-18".into(),
        attempts: 1,
        status: 200,
        end: End::Done,
        stream: true,
        tokens: Tokens {
            input: 1_200,
            output: 300,
            ..Tokens::default()
        },
        estimated: false,
        credits: 420,
        unpaid: 0,
        failures: Vec::new(),
        cost: 12,
        waste: BTreeMap::new(),
        began_ms: 1_000,
        latency_ms: 800,
        first_ms: Some(90),
        user_metadata: BTreeMap::new(),
        pod: String::new(),
    }
}

fn unmetered(id: &str) -> Record {
    Record {
        reservation: None,
        ..record(id)
    }
}

fn open(folder: &Path) -> (Spool, Recovered) {
    Spool::open_with(folder, SMALL).unwrap()
}

/// A call from its intent to its record.
fn call(spool: &Spool, id: &str) -> u64 {
    spool.intent(&intent(id)).unwrap();
    spool.outcome(record(id)).unwrap()
}

fn ids(batch: &Batch) -> Vec<String> {
    batch.records.iter().map(|one| one.id.clone()).collect()
}

/// An authority that keeps one mark per spool, as the real one does.
#[derive(Default)]
struct Authority {
    marks: BTreeMap<String, u64>,
    records: Vec<Record>,
}

impl Authority {
    /// Takes what is new of a batch; its mark.
    fn take(&mut self, batch: &Batch) -> u64 {
        let mark = self.marks.entry(batch.spool.clone()).or_default();
        assert!(batch.first <= *mark + 1, "a gap before {}", batch.first);
        for (number, record) in (batch.first..).zip(&batch.records) {
            if number > *mark {
                *mark = number;
                self.records.push(record.clone());
            }
        }
        *mark
    }

    /// Takes all there is.
    fn drain(&mut self, spool: &Spool) {
        spool.sync();
        while let Some(batch) = spool.next_batch(2) {
            spool.kept(&spool.id(), self.take(&batch));
        }
        assert_eq!(spool.waiting(), 0);
    }

    fn of(&self, id: &str) -> Vec<End> {
        let records = self.records.iter().filter(|one| one.id == id);
        records.map(|one| one.end).collect()
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .collect();
    paths.sort();
    paths
}

/// A copy as another process would find it after a crash now.
fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = self::folder();
    for path in segments(folder) {
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}
