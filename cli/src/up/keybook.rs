//! Secrets of keys that nobody wrote a Secret for: made once, kept in `keys.json` under the data directory, or in memory; and their values
//! replaced when `compile` says that it is time. Called by `desk`. It must never log a value, and never lose one that still works.

use crate::key::{self, hash};
use anyhow::Context;
use jiff::Timestamp;
use purser_compile::{Rotation, Step, WorldSecret};
use purser_config::{Name, SecretText};
use purser_crds::{
    GENERATED_ANNOTATION, KEY_DATA, PREVIOUS_DATA, PREVIOUS_UNTIL_ANNOTATION, ROTATED_AT_ANNOTATION,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE: &str = "keys.json";

/// A Secret as it would lie in a cluster.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
struct Kept {
    data: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// As files hold one; those of earlier versions held its value alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Value(String),
    Whole {
        data: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    },
}

impl From<Written> for Kept {
    fn from(written: Written) -> Self {
        match written {
            Written::Value(value) => Kept {
                annotations: [(GENERATED_ANNOTATION.to_owned(), hash(&value))].into(),
                data: [(KEY_DATA.to_owned(), value)].into(),
            },
            Written::Whole { data, annotations } => Kept { data, annotations },
        }
    }
}

/// What came of a step that was due.
pub(crate) enum Turned {
    /// There is a new value; the one before works until then, in unix milliseconds.
    Replaced { value: String, until_ms: u64 },
    /// The value before is gone.
    Forgotten,
    /// Nothing was due after all, or it is no Secret of this book.
    Nothing,
}

/// Secrets by name.
pub(crate) struct Keybook {
    folder: Option<PathBuf>,
    secrets: BTreeMap<Name, Kept>,
}

impl Keybook {
    /// Reads what earlier runs made.
    ///
    /// # Errors
    /// When the folder cannot be used: then keys would change at every start, silently.
    pub(crate) fn open(folder: Option<PathBuf>) -> anyhow::Result<Self> {
        let secrets = match &folder {
            None => BTreeMap::new(),
            Some(folder) => read(&folder.join(FILE))?,
        };
        Ok(Keybook { folder, secrets })
    }

    /// The Secret of this name, and its value where it was made just now.
    ///
    /// # Errors
    /// When it cannot be made or kept.
    pub(crate) fn secret(
        &mut self,
        name: &Name,
        now_ms: u64,
    ) -> anyhow::Result<(WorldSecret, Option<String>)> {
        if let Some(kept) = self.secrets.get(name) {
            return Ok((kept.secret(), None));
        }
        let (mut kept, value) = (Kept::default(), key::generate()?);
        kept.put(&value, now_ms);
        let secret = kept.secret();
        self.keep(name, kept)?;
        Ok((secret, Some(value)))
    }

    /// Does what is due, judged again by the Secret as it is.
    ///
    /// # Errors
    /// When a value cannot be made, or the change cannot be kept: then nothing changed.
    pub(crate) fn turn(&mut self, rotation: &Rotation, now_ms: u64) -> anyhow::Result<Turned> {
        let Some(mut kept) = self.secrets.get(&rotation.secret).cloned() else {
            return Ok(Turned::Nothing);
        };
        let turned = match rotation.step {
            Step::Replace { overlap_ms } => kept.replace(rotation.at_ms, overlap_ms, now_ms)?,
            Step::Forget => kept.forget(now_ms),
        };
        if !matches!(turned, Turned::Nothing) {
            self.keep(&rotation.secret, kept)?;
        }
        Ok(turned)
    }

    fn keep(&mut self, name: &Name, kept: Kept) -> anyhow::Result<()> {
        let mut secrets = self.secrets.clone();
        secrets.insert(name.clone(), kept);
        if let Some(folder) = &self.folder {
            let text = serde_json::to_vec_pretty(&secrets).context("writing keys")?;
            write(folder, FILE, &text)?;
        }
        self.secrets = secrets;
        Ok(())
    }

    /// Where values are kept, in words.
    pub(crate) fn place(&self) -> String {
        match &self.folder {
            Some(folder) => format!("kept in {}", folder.join(FILE).display()),
            None => "kept until this process ends; --data-dir keeps it longer".to_owned(),
        }
    }
}

impl Kept {
    fn put(&mut self, value: &str, now_ms: u64) {
        self.data.insert(KEY_DATA.to_owned(), value.to_owned());
        self.note(GENERATED_ANNOTATION, hash(value));
        self.note(ROTATED_AT_ANNOTATION, written(now_ms));
    }

    fn note(&mut self, annotation: &str, value: String) {
        self.annotations.insert(annotation.to_owned(), value);
    }

    fn moment(&self, annotation: &str) -> Option<u64> {
        let moment: Timestamp = self.annotations.get(annotation)?.parse().ok()?;
        u64::try_from(moment.as_millisecond()).ok()
    }

    fn replace(&mut self, due_ms: u64, overlap_ms: u64, now_ms: u64) -> anyhow::Result<Turned> {
        let done = self.moment(ROTATED_AT_ANNOTATION);
        let Some(live) = self.data.get(KEY_DATA).cloned() else {
            return Ok(Turned::Nothing);
        };
        if done.is_some_and(|done| done > due_ms) || self.data.contains_key(PREVIOUS_DATA) {
            return Ok(Turned::Nothing);
        }
        let (value, until_ms) = (key::generate()?, now_ms.saturating_add(overlap_ms));
        self.put(&value, now_ms);
        self.data.insert(PREVIOUS_DATA.to_owned(), live);
        self.note(PREVIOUS_UNTIL_ANNOTATION, written(until_ms));
        Ok(Turned::Replaced { value, until_ms })
    }

    fn forget(&mut self, now_ms: u64) -> Turned {
        let until = self.moment(PREVIOUS_UNTIL_ANNOTATION);
        let is_over = until.is_none_or(|until| until <= now_ms);
        if !is_over || self.data.remove(PREVIOUS_DATA).is_none() {
            return Turned::Nothing;
        }
        self.annotations.remove(PREVIOUS_UNTIL_ANNOTATION);
        Turned::Forgotten
    }

    fn secret(&self) -> WorldSecret {
        let data = self.data.iter();
        WorldSecret {
            data: data
                .map(|(key, value)| (key.clone(), SecretText::new(value.clone())))
                .collect(),
            annotations: self.annotations.clone(),
            ..WorldSecret::default()
        }
    }
}

/// A moment as an annotation holds it.
fn written(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

fn read(path: &Path) -> anyhow::Result<BTreeMap<Name, Kept>> {
    match std::fs::read(path) {
        // What is wrong is not said: it would quote a value.
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
            anyhow::anyhow!(
                "{} is not a map of keys; delete it and new ones are made",
                path.display()
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
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
mod tests;
