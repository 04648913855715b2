//! The last good configuration, on a folder that only this process sees (a memory-backed emptyDir: it holds credentials).
//! Written after each swap: a new folder, then one rename of the link `current`, so that a cut leaves the old one whole.

use super::bundle::{InvalidBundle, pack, read};
use crate::store::Store;
use purser_config::Configuration;
use purser_config::stream::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CURRENT: &str = "current";

/// The folder.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in this folder, which is made when it is not there.
    pub fn new(folder: PathBuf) -> Self {
        Cache { folder }
    }

    /// What was kept last.
    ///
    /// # Errors
    /// When nothing was, or it is damaged.
    pub fn load(&self) -> Result<(Version, Configuration), InvalidBundle> {
        read(&self.folder.join(CURRENT))
    }

    /// Keeps every configuration that comes into force.
    pub async fn follow(self, store: Arc<Store>) {
        let mut kept = self.load().ok().map(|(version, _)| version);
        let mut changes = store.changes();
        loop {
            let (cache, held) = (self.clone(), store.held());
            if held.ready && kept.as_ref() != Some(&held.version) {
                kept = Some(held.version.clone());
                let keep = move || cache.keep(&held.version, &held.configuration);
                self.tell(tokio::task::spawn_blocking(keep).await);
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn tell(&self, kept: Result<std::io::Result<()>, tokio::task::JoinError>) {
        if let Ok(Err(error)) = kept {
            tracing::warn!(folder = %self.folder.display(), %error, "the last good configuration could not be kept; a restart without the operator would not find it");
        }
    }

    fn keep(&self, version: &Version, configuration: &Configuration) -> std::io::Result<()> {
        // The hash too: the folder that `current` points to must never be written into.
        let hash = version.hash.get(..16).unwrap_or_default();
        let name = format!("v{}-{hash}", version.published_ms);
        let folder = self.folder.join(&name);
        write(&folder, version, configuration)?;
        let link = self.folder.join(".next");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&name, &link)?;
        std::fs::rename(&link, self.folder.join(CURRENT))?;
        self.forget_all_but(&name)
    }

    fn forget_all_but(&self, keep: &str) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name != keep
                && name.strip_prefix('v').is_some_and(|rest| {
                    rest.bytes()
                        .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
                })
            {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }
}

fn write(folder: &Path, version: &Version, configuration: &Configuration) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    for (name, bytes) in pack(version, configuration)? {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
