//! Opens what the authority keeps: its windows' journal and its ledger. Called once by `lead`, under the Lease. Decides nothing but how
//! much of the time before may be believed.
//!
//! Invariant: a journal is believed only where no other authority was between its last process and this one.

use crate::admin::Part;
use crate::args::Run;
use crate::clock::Clock;
use crate::lease::Tenure;
use purser_authority::journal::{Journal, JournalFault, boot};
use purser_authority::ledger::{Ledger, LedgerError};
use purser_authority::redis::{RedisError, RedisWindows};
use purser_authority::{Authority, Debit, Memory, Past, Windows};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// In the data directory: the ledger, the journal's folder, and the term of the authority that used them last.
const LEDGER: &str = "ledger.sqlite";
const WINDOWS: &str = "windows";
const TERM: &str = "term";

/// What could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Windows that replicas share, and a ledger that they do not.
    #[error(
        "--windows alone would let every replica keep its own credits: name a PostgreSQL that all of them reach with --ledger, too"
    )]
    NoSharedLedger,
    /// The shared windows.
    #[error(transparent)]
    Windows(#[from] RedisError),
    /// The data directory.
    #[error(
        "cannot use {0}: {1}; give --data-dir a folder, or the process a temporary one, that this user can write to"
    )]
    Folder(PathBuf, #[source] std::io::Error),
    /// The windows' journal.
    #[error("{0}: {source}", source = .0.source().map(ToString::to_string).unwrap_or_default())]
    Journal(#[from] JournalFault),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Failure {
    /// What keeps the authority from its work.
    pub(crate) fn part(&self) -> Part {
        match self {
            Failure::Ledger(_) => Part::OpeningLedger,
            _ => Part::OpeningWindows,
        }
    }

    /// Whether only another command line can help.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Failure::NoSharedLedger
                | Failure::Windows(RedisError::Address { .. })
                | Failure::Ledger(LedgerError::Address { .. })
        )
    }
}

/// An authority, and the folder that ends with it.
pub(crate) struct Opened {
    /// Windows and ledger.
    pub(crate) authority: Arc<Authority>,
    _fresh: Option<TempDir>,
}

/// What the command line says cannot be done, before anything is begun.
pub(crate) fn check(run: &Run) -> Result<(), Failure> {
    match (&run.windows, &run.ledger) {
        (Some(_), None) => Err(Failure::NoSharedLedger),
        _ => Ok(()),
    }
}

/// Opens both.
pub(crate) async fn open(run: &Run, tenure: &Tenure, clock: Clock) -> Result<Opened, Failure> {
    if let (Some(url), Some(ledger)) = (&run.windows, &run.ledger) {
        return together(run, url, ledger).await;
    }
    let (windows, journal) = match &run.data_dir {
        Some(folder) => {
            let (windows, journal) = windows(folder, &boot()?, (tenure, clock.now()))?;
            (windows, Some(journal))
        }
        None => {
            let windows = Windows::new(clock.now(), tenure.epoch, tenure.memory());
            (windows, None)
        }
    };
    let (ledger, fresh) = ledger(run).await?;
    let authority = Authority::open(windows, journal, ledger).await?;
    if let Some(folder) = &run.data_dir {
        // Last of all: whatever failed before this is tried again, and must find what it found.
        begin_term(folder, tenure.epoch)?;
    }
    Ok(Opened {
        authority: Arc::new(authority),
        _fresh: fresh,
    })
}

/// What all replicas of one namespace share: two installations may use one Redis.
async fn together(run: &Run, windows: &str, ledger: &str) -> Result<Opened, Failure> {
    let prefix = format!("purser:{}", run.namespace);
    let windows = RedisWindows::open(windows, &prefix).await?;
    let ledger = Ledger::postgres(ledger).await?;
    Ok(Opened {
        authority: Arc::new(Authority::together(windows, ledger).await?),
        _fresh: None,
    })
}

/// The windows of this term, after what a folder tells of the time before.
pub(crate) fn windows(
    folder: &Path,
    boot: &str,
    (tenure, now): (&Tenure, Duration),
) -> Result<(Windows, Journal), Failure> {
    let (mut journal, past) = Journal::open(&folder.join(WINDOWS), boot)?;
    let past = believed(past, tenure, last_term(folder));
    tracing::info!(memory = ?past.memory, "what the windows know of the time before");
    let mut windows = Windows::resume(now, tenure.epoch, past);
    // Before `begin_term`: a successor that believed an empty journal would grant at once what this one waited for.
    journal.keep(&mut windows)?;
    Ok((windows, journal))
}

async fn ledger(run: &Run) -> Result<(Ledger, Option<TempDir>), Failure> {
    if let Some(url) = &run.ledger {
        return Ok((Ledger::postgres(url).await?, None));
    }
    if let Some(folder) = &run.data_dir {
        return Ok((Ledger::sqlite(&folder.join(LEDGER)).await?, None));
    }
    let fresh = tempfile::Builder::new()
        .prefix("purser-operator-")
        .tempdir();
    let fresh = fresh.map_err(|error| Failure::Folder(std::env::temp_dir(), error))?;
    tracing::warn!(
        folder = %fresh.path().display(),
        "CREDITS AND FIRST USES DO NOT SURVIVE THIS PROCESS: their ledger lies in a temporary folder. Give --data-dir a volume, or --ledger a PostgreSQL"
    );
    let ledger = Ledger::sqlite(&fresh.path().join(LEDGER)).await?;
    Ok((ledger, Some(fresh)))
}

/// The term that used the folder last.
fn last_term(folder: &Path) -> Option<u64> {
    let last = std::fs::read_to_string(folder.join(TERM)).ok();
    last.and_then(|last| last.trim().parse().ok())
}

/// Says that this term uses the folder from now on.
pub(crate) fn begin_term(folder: &Path, epoch: u64) -> Result<(), Failure> {
    let path = folder.join(TERM);
    let writes = std::fs::write(&path, format!("{epoch}\n"));
    writes.map_err(|error| Failure::Folder(path, error))
}

/// What a journal tells, as far as nobody else granted anything since.
fn believed(past: Past, tenure: &Tenure, last: Option<u64>) -> Past {
    let Past { memory, debits } = past;
    let unbroken = tenure.fresh || last.is_some_and(|last| last + 1 == tenure.epoch);
    if memory == Memory::Lost || unbroken {
        return Past { memory, debits };
    }
    let day = |debit: &Debit| matches!(debit, Debit::Day(..));
    Past {
        memory: Memory::Lost,
        debits: debits.into_iter().filter(day).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(memory: Memory, fresh: bool, last: Option<u64>) -> Memory {
        let mut tenure = Tenure::fresh(Clock::System);
        (tenure.epoch, tenure.fresh) = (7, fresh);
        let debits = Vec::new();
        believed(Past { memory, debits }, &tenure, last).memory
    }

    #[test]
    fn a_journal_is_believed_only_by_the_term_after_the_one_that_wrote_it() {
        assert_eq!(memory(Memory::Kept, false, Some(6)), Memory::Kept);
        assert_eq!(memory(Memory::Kept, false, Some(5)), Memory::Lost);
        assert_eq!(memory(Memory::Kept, false, None), Memory::Lost);
        assert_eq!(memory(Memory::Lost, false, Some(6)), Memory::Lost);
        let new_volume = memory(Memory::Fresh, false, None);
        assert_eq!(new_volume, Memory::Lost, "somebody granted before");
        assert_eq!(memory(Memory::Fresh, true, None), Memory::Fresh);
    }

    #[test]
    fn the_folder_remembers_the_term_that_used_it_last() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last_term(folder.path()), None);
        begin_term(folder.path(), 3).unwrap();
        assert_eq!(last_term(folder.path()), Some(3));
    }

    #[test]
    fn a_term_that_forgot_tells_its_successor_although_it_was_killed_before_anybody_came() {
        let folder = tempfile::tempdir().unwrap();
        let begins = |epoch| {
            let tenure = Tenure::granted(Clock::System, epoch);
            let now = Duration::from_secs(epoch);
            let (windows, journal) = windows(folder.path(), "boot", (&tenure, now)).unwrap();
            begin_term(folder.path(), epoch).unwrap();
            drop(journal);
            windows.account()
        };
        let forgot = [Debit::Forgot(2_000_000_000)];
        assert_eq!(begins(2), forgot, "its volume is new");
        assert_eq!(begins(3), forgot);
    }

    async fn opening(folder: &Path) -> Result<Opened, Failure> {
        let line = ["purser-operator", "--data-dir"];
        let line = line.into_iter().map(Into::into).chain([folder.into()]);
        let line: Vec<std::ffi::OsString> = line.collect();
        let run = <crate::args::Args as clap::Parser>::parse_from(line).into_run();
        open(&run, &Tenure::fresh(Clock::System), Clock::System).await
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_named_with_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let below = opening(&file.path().join("data")).await.err().unwrap();
        let said = below.to_string();
        assert!(
            said.contains("/data/windows") && said.contains("data directory"),
            "{said}"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LEDGER), [7; 4096]).unwrap();
        let damaged = opening(folder.path()).await.err().unwrap();
        assert!(!damaged.is_final(), "a person may mend it meanwhile");
        assert_eq!(last_term(folder.path()), None, "nothing began");
        let said = damaged.to_string();
        assert!(said.contains(LEDGER) && said.contains("backup"), "{said}");
    }

    #[tokio::test]
    async fn two_operators_never_share_a_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        let _first = opening(folder.path()).await.ok().unwrap();
        let second = opening(folder.path()).await.err().unwrap().to_string();
        assert!(second.contains("another process has it"), "{second}");
    }
}
