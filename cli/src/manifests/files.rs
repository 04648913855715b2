//! Which files were named, what is in them, and whether they changed. Called by `manifests` and by `up`'s watch. It must never
//! read what was not named: of a folder only YAML and JSON.

use super::fault::Fault;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// The most bytes of one file: a list of 10,000 objects has about five million.
const LARGEST: u64 = 64 << 20;
/// After this long, reading says how far it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// A file and its text.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What files looked like when they were listed: place, size, time.
pub(crate) type Look = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// The files under these paths, sorted within each; `-` is standard input.
pub(crate) fn list(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Fault>) {
    let (mut files, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        let before = files.len();
        if is_stdin(path) || path.is_file() {
            files.push(path.clone());
        } else if path.is_dir() {
            folder(path, &mut files, &mut seen);
            if files.len() == before {
                faults.push(Fault::of_file(
                    path.display().to_string(),
                    "no *.yaml, *.yml or *.json in this folder",
                ));
            }
        } else {
            let exists = path.exists();
            let message = if exists {
                "neither a file nor a folder"
            } else {
                "no such file or folder"
            };
            faults.push(Fault::of_file(path.display().to_string(), message));
        }
    }
    let mut named = BTreeSet::new();
    files.retain(|file| named.insert(file.clone()));
    (files, faults)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Hidden folders are left out: `.git`, and the `..data` of a mounted ConfigMap, whose files are linked beside it.
fn folder(path: &Path, files: &mut Vec<PathBuf>, seen: &mut BTreeSet<PathBuf>) {
    let Ok(real) = path.canonicalize() else {
        return;
    };
    if !seen.insert(real) {
        return;
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    for entry in entries {
        let hidden = entry
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let ending = entry
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if hidden {
            continue;
        }
        if entry.is_dir() {
            folder(&entry, files, seen);
        } else if ENDINGS.contains(&ending) {
            files.push(entry);
        }
    }
}

/// Reads them all; what cannot be read becomes a fault. Says how far it is when that takes longer than a second.
pub(crate) fn read(files: &[PathBuf]) -> (Vec<File>, Vec<Fault>) {
    let (mut texts, mut faults, mut told) = (Vec::new(), Vec::new(), Instant::now());
    for (at, path) in files.iter().enumerate() {
        if told.elapsed() > PATIENCE {
            eprintln!("reading manifests: {at} of {}", files.len());
            told = Instant::now();
        }
        let name = if is_stdin(path) {
            "(standard input)".to_owned()
        } else {
            path.display().to_string()
        };
        match text(path) {
            Ok(text) => texts.push(File { name, text }),
            Err(error) => faults.push(Fault::of_file(name, format!("cannot be read: {error}"))),
        }
    }
    (texts, faults)
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = if is_stdin(path) {
        std::io::stdin()
            .take(LARGEST + 1)
            .read_to_string(&mut text)?
    } else {
        std::fs::File::open(path)?
            .take(LARGEST + 1)
            .read_to_string(&mut text)?
    };
    if read as u64 > LARGEST {
        return Err(std::io::Error::other(format!(
            "larger than {} MiB; split it",
            LARGEST >> 20
        )));
    }
    Ok(text)
}

/// What the files under these paths look like now.
pub(crate) fn look(paths: &[PathBuf]) -> Look {
    let (files, _) = list(paths);
    let seen = files.into_iter().map(|file| {
        let metadata = std::fs::metadata(&file).ok();
        let size = metadata.as_ref().map_or(0, std::fs::Metadata::len);
        let time = metadata.and_then(|metadata| metadata.modified().ok());
        (file, size, time)
    });
    seen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_yaml_and_json_sorted_and_nothing_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "a: 1\n").unwrap();
        };
        [
            "b.yaml",
            "a/c.yml",
            "a/d.json",
            "note.txt",
            ".git/e.yaml",
            "..data/f.yaml",
        ]
        .into_iter()
        .for_each(write);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        let (files, faults) = list(&[folder.path().to_owned()]);
        let names: Vec<String> = files
            .iter()
            .map(|file| {
                file.strip_prefix(folder.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(
            (names, faults.len()),
            (
                vec!["a/c.yml".into(), "a/d.json".into(), "b.yaml".into()],
                0
            )
        );
    }

    #[test]
    fn what_is_not_there_is_told_by_name() {
        let (files, faults) = list(&["/nowhere/x.yaml".into()]);
        assert!(files.is_empty());
        assert_eq!(
            faults[0].to_string(),
            "/nowhere/x.yaml: no such file or folder"
        );
    }
}
