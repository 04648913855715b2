//! `sidecar_alone.txt`: a test that is left out of the run through the shared gateway is there, is named once, and there is a reason.

use std::collections::BTreeSet;
use std::path::Path;

const LIST: &str = include_str!("../sidecar_alone.txt");
const REASON: &str = "because ";

/// Whether there is a test of this name, as cargo names it.
fn exists(name: &str) -> bool {
    let (module, test) = name.rsplit_once("::").unwrap();
    let file = format!("{}.rs", module.replace("::", "/"));
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    source.is_ok_and(|source| source.contains(&format!("fn {test}()")))
}

#[test]
fn what_is_left_out_is_there_and_has_its_reason() {
    let (mut named, mut reason) = (BTreeSet::new(), "");
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    for line in lines.filter(|line| !line.is_empty()) {
        match line.strip_prefix(REASON) {
            Some(given) => reason = given,
            None => {
                assert!(!reason.is_empty(), "{line} has no reason");
                assert!(exists(line), "there is no test {line}");
                assert!(named.insert(line), "{line} is named twice");
            }
        }
    }
    assert!(!named.is_empty());
}
