//! What the fuzz targets do, done with every file of the golden cases, with each of them changed at random, and with random bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "../fuzz/inputs.rs"]
mod inputs;

use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn seeds(names: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let within = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.retain(|path| path.is_dir());
        paths
    };
    let cases = within(&folder).into_iter().flat_map(|pair| within(&pair));
    cases
        .flat_map(|case| names.iter().map(move |name| case.join(name)))
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

static ASKS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| seeds(&["ask.json", "sent.json"]));
static REPLIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| seeds(&["answer.json", "given.json"]));
static STREAMS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| seeds(&["stream.txt", "given.txt"]));

#[test]
fn every_golden_request_can_be_read_as_any_and_sent_to_any() {
    ASKS.iter().for_each(|seed| inputs::ask(seed));
    assert!(ASKS.len() > 100);
}

#[test]
fn every_golden_answer_can_be_read_as_any_and_given_to_any() {
    REPLIES.iter().for_each(|seed| inputs::reply(seed));
}

#[test]
fn every_golden_stream_can_be_read_as_any_and_given_to_any() {
    STREAMS.iter().for_each(|seed| inputs::stream(seed));
}

#[test]
fn every_golden_file_can_be_read_by_the_rest() {
    let all = ASKS.iter().chain(&*REPLIES).chain(&*STREAMS);
    all.for_each(|seed| {
        inputs::parts(seed);
        inputs::embed(seed);
        inputs::count(seed);
        inputs::edges(seed);
        inputs::passing(seed);
    });
}

/// A change at random: another byte, a piece left out, a piece twice, or the rest of another file.
#[derive(Clone, Debug)]
enum Change {
    Byte(prop::sample::Index, u8),
    Without(prop::sample::Index, usize),
    Twice(prop::sample::Index, usize),
    Into(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    // What JSON and events are made of, more often than anything else.
    let byte = prop_oneof![
        prop::sample::select(b"{}[]\",:\\ \n0-e".to_vec()),
        any::<u8>()
    ];
    prop_oneof![
        (at(), byte).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), 1..40_usize).prop_map(|(at, length)| Change::Without(at, length)),
        (at(), 1..80_usize).prop_map(|(at, length)| Change::Twice(at, length)),
        (at(), at()).prop_map(|(at, other)| Change::Into(at, other)),
    ]
}

fn changed(seeds: &[Vec<u8>], seed: &prop::sample::Index, changes: &[Change]) -> Vec<u8> {
    let mut data = seed.get(seeds).clone();
    for change in changes
        .iter()
        .filter(|_| !data.is_empty())
        .cloned()
        .collect::<Vec<_>>()
    {
        if data.is_empty() {
            break;
        }
        match change {
            Change::Byte(at, byte) => {
                let at = at.index(data.len());
                data[at] = byte;
            }
            Change::Without(at, length) => {
                let at = at.index(data.len());
                let end = (at + length).min(data.len());
                data.drain(at..end);
            }
            Change::Twice(at, length) => {
                let at = at.index(data.len());
                let end = (at + length).min(data.len());
                let piece = data[at..end].to_vec();
                data.splice(end..end, piece);
            }
            Change::Into(at, other) => {
                let at = at.index(data.len());
                let other = other.get(seeds);
                data.truncate(at);
                data.extend_from_slice(&other[at.min(other.len())..]);
            }
        }
    }
    data
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_request_breaks_a_reader(seed in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let data = changed(&ASKS, &seed, &changes);
        inputs::ask(&data);
        inputs::edges(&data);
    }

    #[test]
    fn no_changed_answer_breaks_a_reader(seed in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)) {
        inputs::reply(&changed(&REPLIES, &seed, &changes));
    }

    #[test]
    fn no_changed_stream_breaks_a_reader_or_is_read_otherwise_in_pieces(seed in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 0..6)) {
        let data = changed(&STREAMS, &seed, &changes);
        inputs::stream(&data);
        inputs::passing(&data);
    }

    #[test]
    fn no_bytes_break_a_reader(data in prop::collection::vec(any::<u8>(), 0..300)) {
        inputs::ask(&data);
        inputs::reply(&data);
        inputs::stream(&data);
        inputs::parts(&data);
        inputs::edges(&data);
        inputs::passing(&data);
    }
}
