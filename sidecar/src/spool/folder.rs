//! The folder of a spool: its lock, the names of its segments, and what is set aside. It must never read inside a segment.

use super::InvalidSpool;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
const SEGMENT: &str = ".seg";
const UNFINISHED: &str = ".new";
const DAMAGED: &str = ".bad";

/// A folder that this process has to itself.
pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl Folder {
    /// Makes it where it is not there, and takes it.
    pub(super) fn take(path: &Path) -> Result<Folder, InvalidSpool> {
        let failed = |doing| move |source| InvalidSpool::io(path, doing, source);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(failed("make the folder"))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(path.join(LOCK));
        let lock = lock.map_err(failed("open its lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(InvalidSpool::Taken(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed("lock it")(error)),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The ordinals of its segments, ascending. Removes what an earlier process did not finish.
    pub(super) fn segments(&self) -> std::io::Result<Vec<u64>> {
        let mut ordinals = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(UNFINISHED) {
                std::fs::remove_file(self.path.join(name))?;
            }
            let ordinal = name.strip_suffix(SEGMENT);
            ordinals.extend(ordinal.and_then(|digits| digits.parse::<u64>().ok()));
        }
        ordinals.sort_unstable();
        Ok(ordinals)
    }

    /// The file of a segment.
    pub(super) fn segment(&self, ordinal: u64) -> PathBuf {
        self.path.join(format!("{ordinal:016}{SEGMENT}"))
    }

    /// A new segment, empty.
    pub(super) fn begin(&self, ordinal: u64) -> std::io::Result<File> {
        create(&self.segment(ordinal))
    }

    /// A file that becomes a segment by `finish`, or is forgotten.
    pub(super) fn draft(&self, ordinal: u64) -> std::io::Result<File> {
        let path = self.path.join(format!("{ordinal:016}{UNFINISHED}"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => create(&path),
        }
    }

    /// Makes a draft that was written and synced the segment.
    pub(super) fn finish(&self, ordinal: u64) -> std::io::Result<()> {
        let draft = self.path.join(format!("{ordinal:016}{UNFINISHED}"));
        std::fs::rename(draft, self.segment(ordinal))?;
        self.sync()
    }

    /// Removes a segment.
    pub(super) fn remove(&self, ordinal: u64) -> std::io::Result<()> {
        std::fs::remove_file(self.segment(ordinal))
    }

    /// Keeps a damaged segment for a person to look at, beside the segment itself.
    pub(super) fn set_aside(&self, ordinal: u64) -> std::io::Result<PathBuf> {
        let aside = self.path.join(format!("{ordinal:016}{DAMAGED}"));
        match std::fs::hard_link(self.segment(ordinal), &aside) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                std::fs::copy(self.segment(ordinal), &aside).map(|_| aside)
            }
            _ => Ok(aside),
        }
    }

    /// Makes its names durable.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}
