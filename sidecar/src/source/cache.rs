//! The last good configuration, on a folder that only this process sees (a memory-backed emptyDir: it holds credentials).
//! Written after each swap: a new folder, then one rename of the link `current`, so that a cut leaves the old one whole.
//! Two generations: `previous` is the last one that is known not to kill this process, or else the first that came.

use super::bundle::{InvalidBundle, pack, read};
use crate::store::{Store, TRIAL, Trial};
use purser_config::Configuration;
use purser_config::stream::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

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

    /// Puts into force what was kept last, or, where that is damaged or this process died of it twice, what was kept before.
    /// Returns its version.
    ///
    /// # Errors
    /// When nothing was kept, or it is damaged.
    pub fn restore(&self, store: &Store) -> Result<Version, InvalidBundle> {
        let _ = std::fs::create_dir_all(&self.folder);
        let trial = Trial::open(&self.folder);
        let [current, previous] = [CURRENT, PREVIOUS].map(|link| read(&self.folder.join(link)));
        let good = |kept: &Result<(Version, _), _>| {
            kept.as_ref()
                .is_ok_and(|(version, _)| !trial.refuses(version))
        };
        let older_is_next = !good(&current) && good(&previous);
        let (chosen, other) = if older_is_next {
            (previous, current)
        } else {
            (current, previous)
        };
        if trial.refused().is_some() && !good(&chosen) {
            tracing::error!(
                "this process died twice within a minute of applying its version; there is no older one to serve, so it is tried again"
            );
            trial.pardon();
        }
        store.try_under(trial);
        let (version, configuration) = chosen?;
        store.put(version.clone(), configuration);
        // What the refused one revoked stays revoked.
        let refused = other.ok().filter(|(version, _)| store.quarantines(version));
        if let Some((version, configuration)) = refused {
            store.put(version, configuration);
        }
        Ok(version)
    }

    /// Keeps every configuration that comes into force, other than `kept`, and notes which ones this process survives.
    pub async fn follow(self, store: Arc<Store>, mut kept: Option<Version>) {
        let mut changes = store.changes();
        let mut proven_at = Some(Instant::now() + TRIAL);
        loop {
            let (cache, held) = (self.clone(), store.held());
            if held.ready && kept.as_ref() != Some(&held.version) {
                kept = Some(held.version.clone());
                proven_at = Some(Instant::now() + TRIAL);
                let proven = store.trial().and_then(Trial::proven);
                let keep =
                    move || cache.keep((&held.version, &held.configuration), proven.as_ref());
                self.tell(tokio::task::spawn_blocking(keep).await);
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = sleep_until(proven_at.unwrap_or_else(Instant::now)), if proven_at.is_some() => {
                    proven_at = None;
                    store.trial().inspect(|trial| trial.survived());
                }
            }
        }
    }

    fn tell(&self, kept: Result<std::io::Result<()>, tokio::task::JoinError>) {
        if let Ok(Err(error)) = kept {
            tracing::warn!(folder = %self.folder.display(), %error, "the last good configuration could not be kept; a restart without the operator would not find it");
        }
    }

    pub(super) fn keep(
        &self,
        (version, configuration): (&Version, &Configuration),
        proven: Option<&Version>,
    ) -> std::io::Result<()> {
        let name = folder_of(version);
        let folder = self.folder.join(&name);
        if read(&folder).is_err() {
            write(&folder, version, configuration)?;
        }
        let before = self.behind(CURRENT).filter(|before| *before != name);
        if let Some(before) = before {
            let is_proven = proven.is_some_and(|proven| folder_of(proven) == before);
            if is_proven || self.behind(PREVIOUS).is_none() {
                self.point(PREVIOUS, &before)?;
            }
        }
        self.point(CURRENT, &name)?;
        self.forget_all_but(&[Some(name), self.behind(PREVIOUS)])
    }

    /// The name of the folder that a link points to, if it is there.
    fn behind(&self, link: &str) -> Option<String> {
        let link = self.folder.join(link);
        let name = std::fs::read_link(&link).ok()?.to_str()?.to_owned();
        link.exists().then_some(name)
    }

    fn point(&self, link: &str, name: &str) -> std::io::Result<()> {
        let next = self.folder.join(".next");
        let _ = std::fs::remove_file(&next);
        std::os::unix::fs::symlink(name, &next)?;
        std::fs::rename(&next, self.folder.join(link))
    }

    fn forget_all_but(&self, keep: &[Option<String>; 2]) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if !keep.iter().flatten().any(|kept| kept == name)
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

/// With the hash, so that two versions of one moment do not share a folder.
fn folder_of(version: &Version) -> String {
    let hash = version.hash.get(..16).unwrap_or_default();
    format!("v{}-{hash}", version.published_ms)
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
