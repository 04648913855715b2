//! Values of keys that have no Secret: made once, kept in `keys.json` under the data directory, or in memory. Called by `desk`. It must
//! never log a value, and never replace one that it has.

use crate::key;
use anyhow::Context;
use purser_config::Name;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE: &str = "keys.json";

/// Values by the Secret that would hold them.
pub(crate) struct Keybook {
    folder: Option<PathBuf>,
    values: BTreeMap<Name, String>,
}

impl Keybook {
    /// Reads what earlier runs made.
    ///
    /// # Errors
    /// When the folder cannot be used: then keys would change at every start, silently.
    pub(crate) fn open(folder: Option<PathBuf>) -> anyhow::Result<Self> {
        let values = match &folder {
            None => BTreeMap::new(),
            Some(folder) => {
                let path = folder.join(FILE);
                match std::fs::read(&path) {
                    Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                        anyhow::anyhow!(
                            "{} is not a map of keys; delete it and new ones are made",
                            path.display()
                        )
                    })?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
                    Err(error) => {
                        return Err(error).with_context(|| format!("reading {}", path.display()));
                    }
                }
            }
        };
        Ok(Keybook { folder, values })
    }

    /// The value, and whether it was made just now.
    ///
    /// # Errors
    /// When it cannot be made or kept.
    pub(crate) fn value(&mut self, secret: &Name) -> anyhow::Result<(String, bool)> {
        if let Some(value) = self.values.get(secret) {
            return Ok((value.clone(), false));
        }
        let value = key::generate()?;
        let mut values = self.values.clone();
        values.insert(secret.clone(), value.clone());
        if let Some(folder) = &self.folder {
            write(
                folder,
                FILE,
                &serde_json::to_vec_pretty(&values).context("writing keys")?,
            )?;
        }
        self.values = values;
        Ok((value, true))
    }

    /// Where values are kept, in words.
    pub(crate) fn place(&self) -> String {
        match &self.folder {
            Some(folder) => format!("kept in {}", folder.join(FILE).display()),
            None => "kept until this process ends; --data-dir keeps it longer".to_owned(),
        }
    }
}

/// Writes a file that only this user can read, whole or not at all.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let (path, draft) = (folder.join(name), folder.join(format!(".{name}.new")));
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&draft)?;
        file.write_all(bytes)?;
        std::fs::rename(&draft, &path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Makes the data directory, for this user alone.
pub(crate) fn make(folder: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.with_context(|| format!("making the data directory {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_value_is_made_once_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Keybook::open(Some(folder.path().to_owned())).unwrap();
        let secret = Name::new("shop", "a-key");
        let (made, new) = open().value(&secret).unwrap();
        assert!(new);
        let mut later = open();
        assert_eq!(later.value(&secret).unwrap(), (made.clone(), false));
        assert_ne!(later.value(&Name::new("shop", "b-key")).unwrap().0, made);
        let mode = std::fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "sk-secret").unwrap();
        let error = Keybook::open(Some(folder.path().to_owned()))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("delete it") && !error.contains("sk-secret"),
            "{error}"
        );
    }
}
