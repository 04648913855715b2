//! What is written by hand is what serde would write.

use super::*;
use purser_config::usage::{Failure, Fault};

#[test]
fn the_bytes_are_those_of_serde() {
    let name = "a \"model\"\n\\ of ours, é";
    let mut full = Record {
        asked: name.into(),
        ..record("full")
    };
    full.waste.insert(Name::new("team", "other"), 7);
    full.failures.push(Failure {
        channel: Name::new("team", "other"),
        fault: Fault::TooSlow,
        status: Some(503),
        at_ms: 3,
        took_ms: 40,
    });
    full.user_metadata.insert("team".into(), "search".into());
    full.tokens.cached = 9;
    let bare = Record {
        reservation: None,
        channel: None,
        served: String::new(),
        first_ms: None,
        ..record("bare")
    };
    for one in [full, bare, record("r")] {
        let mut written = Vec::new();
        write::record(&mut written, &one);
        assert_eq!(written, serde_json::to_vec(&one).unwrap());
    }
    let free = Intent {
        reservation: None,
        asked: name.into(),
        ..intent("free")
    };
    for one in [free, intent("i")] {
        let mut written = Vec::new();
        write::intent(&mut written, &one);
        assert_eq!(written, serde_json::to_vec(&one).unwrap());
    }
}
