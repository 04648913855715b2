//! The windows on disk: every change is written before the answer that rests on it is given, so that a killed and restarted process
//! resumes exactly. Called by the facade after each event; the windows know nothing of it.
//!
//! Written, not synced: what a process wrote survives it, and what the machine forgets is over anyway, for a new boot waits the
//! window out. Times are the boot clock's, so the same boot is the same time. Segments `windows-<number>.journal` begin with a whole
//! account of the windows and go on with changes; a new one is begun at every start and when one is full, and at most two are kept.
//! What a day counted is a fact of the wall clock: it survives a boot, but for what a machine that died had not put on its disk.
//!
//! Invariant: a segment is appended to by the process that began it alone, and not after a failed write.

mod line;

use crate::{Debit, Memory, Past, Windows};
use line::{Line, Segment};
use rustix::time::{ClockId, clock_gettime};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A segment is full when it has grown by so many bytes, and by as many as its account.
const FULL: u64 = 8 << 20;
/// Changes of an account that stand in one line.
const LINE: usize = 256;
/// How long nothing is tried after a segment could not be begun: each try writes a whole account.
const TRIES_AGAIN: Duration = Duration::from_millis(200);
const LOCK: &str = "windows.lock";

/// What could not be done with the journal.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot {doing} {path}, so no call can be counted; see that the data directory can be written and has space"
)]
pub struct JournalFault {
    doing: &'static str,
    path: String,
    source: io::Error,
}

fn fault<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> JournalFault + 'a {
    move |source| JournalFault {
        doing,
        path: path.display().to_string(),
        source,
    }
}

/// The journal of one authority.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    boot: String,
    number: u64,
    segment: Option<Open>,
    /// When a segment could not be begun, and why.
    failed: Option<(Duration, io::ErrorKind)>,
    /// Held while this lives: two authorities with one journal would count apart.
    _lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    full: u64,
}

/// Time since boot, suspension included: the `now` of windows that have a journal.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Which boot this is.
///
/// # Errors
/// When the kernel does not tell.
pub fn boot() -> Result<String, JournalFault> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let id = std::fs::read_to_string(path).map_err(fault("read", path))?;
    Ok(id.trim().to_owned())
}

impl Journal {
    /// Takes the folder for this process, and reads what the one before kept in it.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or another process has it.
    pub fn open(folder: &Path, boot: &str) -> Result<(Self, Past), JournalFault> {
        std::fs::create_dir_all(folder).map_err(fault("make the folder", folder))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(fault("open", &path))?;
        lock.try_lock().map_err(|error| {
            fault("take alone, for another process has it,", &path)(error.into())
        })?;
        let numbers = numbers(folder).map_err(fault("list", folder))?;
        let past = past(folder, &numbers, boot).map_err(fault("read the journal in", folder))?;
        let journal = Journal {
            folder: folder.to_owned(),
            boot: boot.to_owned(),
            number: numbers.last().copied().unwrap_or(0),
            segment: None,
            failed: None,
            _lock: lock,
        };
        Ok((journal, past))
    }

    /// Keeps what changed since the last call, or all that is known, where a new segment must be begun. To be called before any
    /// answer that rests on it leaves.
    ///
    /// # Errors
    /// When it cannot be written. Then no answer may leave; the next call begins anew and keeps what this one could not.
    pub fn keep(&mut self, windows: &mut Windows) -> Result<(), JournalFault> {
        windows.tell();
        let debits = windows.debits();
        let open = self.segment.as_ref();
        if open.is_none_or(|open| open.length >= open.full) {
            self.segment = None;
            if let Some((at, kind)) = self.failed
                && since_boot().saturating_sub(at) < TRIES_AGAIN
            {
                return Err(fault("write the journal in", &self.folder)(kind.into()));
            }
            return self.begin(&windows.account());
        }
        if debits.is_empty() {
            return Ok(());
        }
        self.append(&Line::Debits(debits))
    }

    fn append(&mut self, line: &Line) -> Result<(), JournalFault> {
        let path = path(&self.folder, self.number);
        let Some(mut open) = self.segment.take() else {
            return Ok(());
        };
        let bytes = line.written();
        // On an error the segment stays closed: it may end in the middle of a line.
        open.file.write_all(&bytes).map_err(fault("write", &path))?;
        open.length += bytes.len() as u64;
        self.segment = Some(open);
        Ok(())
    }

    fn begin(&mut self, account: &[Debit]) -> Result<(), JournalFault> {
        let path = path(&self.folder, self.number + 1);
        match self.write_whole(&path, account) {
            Ok(open) => (self.segment, self.failed) = (Some(open), None),
            Err(error) => {
                self.failed = Some((since_boot(), error.kind()));
                // Nothing rests on it, and its space may be what is missing.
                let _ = std::fs::remove_file(&path);
                return Err(fault("write", &path)(error));
            }
        }
        self.number += 1;
        let kept = [self.number, self.number - 1];
        let numbers = numbers(&self.folder).map_err(fault("list", &self.folder))?;
        for old in numbers.into_iter().filter(|number| !kept.contains(number)) {
            let old = crate::journal::path(&self.folder, old);
            std::fs::remove_file(&old).map_err(fault("remove", &old))?;
        }
        Ok(())
    }

    fn write_whole(&self, path: &Path, account: &[Debit]) -> io::Result<Open> {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)?;
        let begins = Line::Begins {
            version: line::VERSION,
            boot: self.boot.clone(),
        };
        let mut bytes = begins.written();
        for debits in account.chunks(LINE) {
            bytes.extend(Line::Debits(debits.to_vec()).written());
        }
        bytes.extend(Line::Whole.written());
        file.write_all(&bytes)?;
        let length = bytes.len() as u64;
        let full = 2 * length + FULL;
        Ok(Open { file, length, full })
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("windows-{number:010}.journal"))
}

/// The segments that are there, the oldest first.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            let number = name.strip_prefix("windows-")?.strip_suffix(".journal")?;
            number.parse::<u64>().ok()
        });
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The newest segment whose account is whole tells all. One whose account is not whole was begun last, and the one before it ended
/// there.
fn past(folder: &Path, numbers: &[u64], boot: &str) -> io::Result<Past> {
    for number in numbers.iter().rev() {
        let segment = Segment::read(&std::fs::read(path(folder, *number))?);
        if !segment.whole && !segment.broken {
            continue;
        }
        let kept = !segment.broken && segment.boot.as_deref() == Some(boot);
        return Ok(if kept {
            let (memory, debits) = (Memory::Kept, segment.debits);
            Past { memory, debits }
        } else {
            lost(segment.debits)
        });
    }
    // A first segment that was not finished: no answer ever rested on it.
    let fresh = numbers.iter().all(|number| *number == 1);
    let memory = if fresh { Memory::Fresh } else { Memory::Lost };
    let debits = Vec::new();
    Ok(Past { memory, debits })
}

fn lost(debits: Vec<Debit>) -> Past {
    let days = debits
        .into_iter()
        .filter(|debit| matches!(debit, Debit::Day(..)));
    Past {
        memory: Memory::Lost,
        debits: days.collect(),
    }
}

#[cfg(test)]
mod tests;
