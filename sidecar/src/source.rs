//! Configuration from a folder or a file: the mounted Secret of a pod, or what a test wrote. Watched by looking, once a
//! second, at what the path resolves to: a mounted Secret changes by swapping the link `..data`, and a file watcher goes
//! deaf after the first swap (crates.md 3). Also the last good configuration, kept beside. It must never put a version
//! in force that cannot be read whole.

mod bundle;
mod cache;

pub(crate) use bundle::without_value;
pub use bundle::{InvalidBundle, read};
pub use cache::Cache;

use crate::store::Store;
use purser_config::Configuration;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A read that shrank by more than half, and by at least this many keys or channels, is held back.
const SHRUNK_BY: usize = 10;

/// Where to look, and how often.
#[derive(Clone, Debug)]
pub struct Source {
    /// A folder with `index.json`, or a file with the configuration's JSON.
    pub path: PathBuf,
    /// How often.
    pub every: Duration,
    /// Take what shrank, too.
    pub force: bool,
}

/// What a path resolved to when it was last read: its real place, its inode, its size and its time. The time alone has
/// the grain of the kernel's clock, several milliseconds.
pub type Seen = (PathBuf, u64, u64, Option<SystemTime>);

impl Source {
    /// Reads what is there now and puts it in force when it is newer. Says what that was, for `watch`: whatever comes after it is another.
    ///
    /// # Errors
    /// What was read, and why it cannot be used.
    pub fn load(&self, store: &Store) -> Result<Option<Seen>, InvalidBundle> {
        let seen = resolve(&self.path);
        self.take(store, false).map(|()| seen)
    }

    /// `replaced`: somebody put a file in the place of one that was obeyed. Its time may be older (a backup, a checkout)
    /// or the same, and is no reason to ignore it.
    fn take(&self, store: &Store, replaced: bool) -> Result<(), InvalidBundle> {
        let (mut version, configuration) = read(&self.path)?;
        let held = store.held();
        if held.ready && version <= held.version {
            let same = version.hash == held.version.hash;
            if same || !replaced || self.path.is_dir() {
                store.read_well();
                return Ok(());
            }
            version.published_ms = held.version.published_ms + 1;
        }
        if held.ready && !self.force && shrank(&held.configuration, &configuration) {
            return Err(InvalidBundle::Shrank(self.path.clone()));
        }
        let quarantined = store.quarantines(&version);
        let faults = store.put(version, configuration);
        if held.ready && quarantined {
            return Err(InvalidBundle::Quarantined(self.path.clone()));
        }
        for fault in faults {
            tracing::warn!(resource = %fault.resource, reason = fault.reason, "refused; its previous version stays");
        }
        Ok(())
    }

    /// Looks for ever for what is not what was seen.
    pub async fn watch(self, mut seen: Option<Seen>, store: Arc<Store>) {
        loop {
            let now = resolve(&self.path);
            if now.is_some() && now != seen {
                let replaced = std::mem::replace(&mut seen, now).is_some();
                if let Err(error) = self.take(&store, replaced) {
                    tracing::warn!(%error, "the configuration in force stays");
                    store.failed(error.to_string());
                }
            }
            tokio::time::sleep(self.every).await;
        }
    }
}

fn resolve(path: &Path) -> Option<Seen> {
    let real = std::fs::canonicalize(if path.is_dir() {
        path.join(purser_config::bundle::INDEX)
    } else {
        path.to_owned()
    })
    .ok()?;
    let metadata = std::fs::metadata(&real).ok()?;
    Some((
        real,
        metadata.ino(),
        metadata.len(),
        metadata.modified().ok(),
    ))
}

fn shrank(before: &Configuration, after: &Configuration) -> bool {
    let much = |before: usize, after: usize| after * 2 < before && before - after >= SHRUNK_BY;
    much(before.keys.len(), after.keys.len()) || much(before.channels.len(), after.channels.len())
}

#[cfg(test)]
mod tests;
