//! What the next run must know of this one: when it was last alive, how it ended, and what its windows hold. One small file under the
//! data directory, `last-run.json`, written every second. Called by `up`.
//!
//! A run that ended in order tells its windows exactly, so the next one counts on. One that was killed may have granted more than it
//! wrote: then the authority begins with `Memory::Lost`, and waits as each plan says. Without a data directory nothing is known and
//! every start is fresh.

use super::keybook;
use purser_authority::Memory;
use purser_config::quota::{Use, occupancy_ms};
use purser_sidecar::clock::Clock;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "last-run.json";
const EVERY: Duration = Duration::from_secs(1);

/// As it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The last sign of life, in unix milliseconds.
    seen_ms: u64,
    /// Whether it ended in order.
    ended: bool,
    /// What its windows held then.
    uses: Vec<Use>,
}

/// The record of the run before, and the place for this one's.
pub(crate) struct Record {
    folder: Option<PathBuf>,
    before: Option<Run>,
    now_ms: u64,
}

impl Record {
    /// Reads the run before, and notes that this one lives.
    ///
    /// # Errors
    /// When the data directory cannot be made or written.
    pub(crate) fn open(folder: Option<&Path>, now_ms: u64) -> anyhow::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Record {
                folder: None,
                before: None,
                now_ms,
            });
        };
        keybook::make(folder)?;
        let before = match std::fs::read(folder.join(FILE)) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or(Run {
                seen_ms: now_ms,
                ..Run::default()
            })),
            Err(_) => None,
        };
        let record = Record {
            folder: Some(folder.to_owned()),
            before,
            now_ms,
        };
        // What was counted before stays counted, should this run be killed within its first second.
        record.write(&Run {
            seen_ms: now_ms,
            ended: false,
            uses: record.uses(),
        })?;
        Ok(record)
    }

    /// Whether the windows are known.
    pub(crate) fn memory(&self) -> Memory {
        let lost = self
            .before
            .as_ref()
            .is_some_and(|run| !run.ended && self.age_ms(run) < occupancy_ms(0) + 1_000);
        if lost { Memory::Lost } else { Memory::Fresh }
    }

    /// What the run before used, with ages of now.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let Some(run) = &self.before else {
            return Vec::new();
        };
        let more = self.age_ms(run);
        let aged = run.uses.iter().map(|one| Use {
            key: one.key.clone(),
            ages_ms: one
                .ages_ms
                .iter()
                .map(|age| age.saturating_add(more))
                .collect(),
        });
        aged.collect()
    }

    /// A wall clock that went back makes the run before look recent, never old.
    fn age_ms(&self, run: &Run) -> u64 {
        self.now_ms.saturating_sub(run.seen_ms)
    }

    /// Writes a sign of life every second, for ever.
    pub(crate) async fn keep(&self, memory: &purser_sidecar::ledger::Memory, clock: Clock) {
        if self.folder.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(EVERY).await;
            self.note(&memory.uses(clock.now()), clock.wall_ms(), false);
        }
    }

    /// The run ended in order.
    pub(crate) fn end(&self, uses: &[Use], now_ms: u64) {
        self.note(uses, now_ms, true);
    }

    fn note(&self, uses: &[Use], seen_ms: u64, ended: bool) {
        let uses = merged(uses, &self.uses(), seen_ms.saturating_sub(self.now_ms));
        if let Err(error) = self.write(&Run {
            seen_ms,
            ended,
            uses,
        }) {
            tracing::warn!(
                error = format!("{error:#}"),
                "the next run will not know what this one used"
            );
        }
    }

    fn write(&self, run: &Run) -> anyhow::Result<()> {
        match &self.folder {
            Some(folder) => keybook::write(folder, FILE, &serde_json::to_vec(run)?),
            None => Ok(()),
        }
    }
}

/// This run's uses, and those of the run before that still occupy a window.
fn merged(uses: &[Use], before: &[Use], more_ms: u64) -> Vec<Use> {
    let mut merged = uses.to_vec();
    for one in before {
        let ages = one.ages_ms.iter().map(|age| age.saturating_add(more_ms));
        let ages: Vec<u64> = ages.filter(|age| *age < occupancy_ms(0)).collect();
        match merged.iter_mut().find(|other| other.key == one.key) {
            Some(other) => other.ages_ms.extend(ages),
            None if ages.is_empty() => {}
            None => merged.push(Use {
                key: one.key.clone(),
                ages_ms: ages,
            }),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Name;

    fn used(ages_ms: &[u64]) -> Vec<Use> {
        vec![Use {
            key: Name::new("shop", "a"),
            ages_ms: ages_ms.to_vec(),
        }]
    }

    #[test]
    fn a_run_that_ended_in_order_tells_its_windows() {
        let folder = tempfile::tempdir().unwrap();
        let open = |now| Record::open(Some(folder.path()), now).unwrap();
        let first = open(1_000_000);
        assert_eq!((first.memory(), first.uses()), (Memory::Fresh, vec![]));
        first.end(&used(&[5_000]), 1_010_000);
        let second = open(1_020_000);
        assert_eq!(
            (second.memory(), second.uses()),
            (Memory::Fresh, used(&[15_000]))
        );
        second.end(&used(&[1_000]), 1_030_000);
        assert_eq!(open(1_030_000).uses(), used(&[1_000, 25_000]));
    }

    #[test]
    fn a_run_that_was_killed_a_moment_ago_leaves_its_windows_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let open = |now| Record::open(Some(folder.path()), now).unwrap();
        drop(open(1_000_000));
        assert_eq!(open(1_030_000).memory(), Memory::Lost);
        assert_eq!(open(1_100_000).memory(), Memory::Fresh);
    }

    #[test]
    fn without_a_data_directory_every_start_is_fresh() {
        let record = Record::open(None, 5).unwrap();
        assert_eq!((record.memory(), record.uses()), (Memory::Fresh, vec![]));
    }
}
