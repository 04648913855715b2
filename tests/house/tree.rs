//! What may lie in the tree: sizes, names, first lines, loose ends, and a code map that is complete.

use std::path::{Path, PathBuf};
use std::process::Command;

const LONGEST_FILE: usize = 400;

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Files that git knows or would add.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let wanted = |path: &&str| endings.iter().any(|ending| path.ends_with(ending));
    text.lines()
        .filter(wanted)
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn broken(found: Vec<String>) {
    assert!(found.is_empty(), "\n  {}", found.join("\n  "));
}

#[test]
fn no_file_is_longer_than_it_may_be() {
    let long = files(&[".rs", ".go", ".sh", ".py", ".mjs"])
        .into_iter()
        .map(|path| (read(&path).lines().count(), path));
    broken(
        long.filter(|(lines, _)| *lines > LONGEST_FILE)
            .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
            .collect(),
    );
}

#[test]
fn every_rust_file_opens_by_saying_what_it_is() {
    let silent = files(&[".rs"])
        .into_iter()
        .filter(|path| !read(path).starts_with("//!"));
    broken(silent.map(|path| path.display().to_string()).collect());
}

#[test]
fn names_say_something() {
    let empty = [
        "mod.rs",
        "utils.rs",
        "common.rs",
        "helpers.rs",
        "manager.rs",
        "misc.rs",
    ];
    let found = files(&[".rs"])
        .into_iter()
        .filter(|path| empty.contains(&path.file_name().unwrap().to_str().unwrap()));
    broken(found.map(|path| path.display().to_string()).collect());
}

#[test]
fn no_loose_ends_are_left() {
    let words = ["TO\u{44}O", "FIX\u{4d}E", "X\u{58}X"];
    let mut found = Vec::new();
    for path in files(&[".rs", ".go", ".sh", ".py", ".mjs", ".yaml", ".toml"]) {
        for (number, line) in read(&path).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) && !line.contains("issue") {
                found.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    broken(found);
}

#[test]
fn every_crate_is_on_the_code_map() {
    let readme = read(Path::new("README.md"));
    // One with a workspace of its own (fuzz targets) is a tool of the crate that it lies in.
    let of_the_house =
        |path: &PathBuf| path == Path::new("Cargo.toml") || !read(path).contains("\n[workspace]\n");
    let folders = files(&["Cargo.toml"])
        .into_iter()
        .filter(of_the_house)
        .filter_map(|path| Some(format!("{}/", path.parent()?.to_str()?)));
    broken(
        folders
            .filter(|folder| folder != "/" && !readme.contains(&format!("`{folder}`")))
            .collect(),
    );
}

#[test]
fn a_crate_says_what_it_must_never_do() {
    let pages = files(&["src/lib.rs"])
        .into_iter()
        .filter(|path| !path.starts_with("tests"));
    let silent = pages
        .filter(|path| !read(path).contains("Invariant:") && !read(path).contains("must never"));
    broken(silent.map(|path| path.display().to_string()).collect());
}
