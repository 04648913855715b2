//! Reads the form that `purser_config::bundle` describes, and writes it, for the cache: an index, and parts that must
//! hash to what it says.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use purser_config::Configuration;
use purser_config::bundle::{INDEX, Index, MAX_BYTES, PART_BYTES, part_name};
use purser_config::stream::Version;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A configuration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBundle {
    /// It is not there, or not readable.
    #[error("reading the configuration {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// It is there and is not what it should be.
    #[error("reading the configuration {0}: {1}")]
    Content(PathBuf, String),
    /// It lost more than half of its keys or channels at once.
    #[error(
        "the configuration {0} lost more than half of its keys or channels at once; held back, start with --force if that is meant"
    )]
    Shrank(PathBuf),
    /// This process died of it twice.
    #[error(
        "the configuration {0} is quarantined: this process died twice within 60 s of applying it; the version before stays until a newer one comes"
    )]
    Quarantined(PathBuf),
}

/// Reads a folder with an index and parts, or a file with the configuration's JSON (whose version is the file's time).
///
/// # Errors
/// When it is not there, not whole, or not a configuration.
pub fn read(path: &Path) -> Result<(Version, Configuration), InvalidBundle> {
    if path.is_dir() {
        read_folder(path)
    } else {
        read_file(path)
    }
}

fn read_file(path: &Path) -> Result<(Version, Configuration), InvalidBundle> {
    let bytes = std::fs::read(path).map_err(|error| InvalidBundle::Io(path.to_owned(), error))?;
    let configuration = parse(path, &bytes)?;
    let modified = std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .map_err(|error| InvalidBundle::Io(path.to_owned(), error))?;
    let published_ms = modified
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as u64;
    Ok((
        Version {
            published_ms,
            hash: hash(&bytes),
            ..Version::default()
        },
        configuration,
    ))
}

fn read_folder(folder: &Path) -> Result<(Version, Configuration), InvalidBundle> {
    let file = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|error| InvalidBundle::Io(path, error))
    };
    let wrong = |reason: String| InvalidBundle::Content(folder.to_owned(), reason);
    let index: Index = serde_json::from_slice(&file(INDEX)?)
        .map_err(|error| wrong(format!("{INDEX}: {error}")))?;
    let mut compressed = Vec::new();
    for (number, expected) in index.parts.iter().enumerate() {
        let part = file(&part_name(number))?;
        if hash(&part) != *expected {
            return Err(wrong(format!(
                "{} does not hash to what {INDEX} says: it is damaged, or still being replaced",
                part_name(number)
            )));
        }
        compressed.extend(part);
    }
    if index.bytes > MAX_BYTES {
        return Err(wrong(format!(
            "it unpacks to {} bytes, more than {MAX_BYTES}",
            index.bytes
        )));
    }
    let mut json = Vec::with_capacity(index.bytes);
    let read = GzDecoder::new(compressed.as_slice())
        .take(MAX_BYTES as u64)
        .read_to_end(&mut json);
    read.map_err(|error| wrong(format!("unpacking: {error}")))?;
    if json.len() != index.bytes {
        return Err(wrong(format!(
            "it unpacks to {} bytes, {INDEX} says {}",
            json.len(),
            index.bytes
        )));
    }
    Ok((index.version, parse(folder, &json)?))
}

fn parse(path: &Path, json: &[u8]) -> Result<Configuration, InvalidBundle> {
    serde_json::from_slice(json)
        .map_err(|error| InvalidBundle::Content(path.to_owned(), without_value(&error)))
}

/// serde quotes the text that it did not expect, and that may be a credential.
pub(crate) fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.find('"'), text.rfind("\", expected")) {
        (Some(from), Some(to)) if from < to => {
            let parts = (text.get(..=from), text.get(to..));
            format!(
                "{}…{}",
                parts.0.unwrap_or_default(),
                parts.1.unwrap_or_default()
            )
        }
        _ => text,
    }
}

/// The files of a configuration, the index last.
pub(super) fn pack(
    version: &Version,
    configuration: &Configuration,
) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let json = serde_json::to_vec(configuration)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json)?;
    let compressed = encoder.finish()?;
    let mut files: Vec<(String, Vec<u8>)> = compressed
        .chunks(PART_BYTES)
        .enumerate()
        .map(|(number, part)| (part_name(number), part.to_vec()))
        .collect();
    let parts = files.iter().map(|(_, part)| hash(part)).collect();
    let index = Index {
        version: version.clone(),
        bytes: json.len(),
        parts,
        ca_pem: String::new(),
    };
    files.push((INDEX.to_owned(), serde_json::to_vec(&index)?));
    Ok(files)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
