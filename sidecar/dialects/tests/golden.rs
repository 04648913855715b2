//! Every folder of `cases/<caller>-to-<provider>/` is one call that is translated: what the caller asked and what was sent, what the
//! provider answered and what was given, whole and as a stream. `golden/case.rs` says which files those are.
//!
//! `UPDATE_GOLDEN=1 cargo test -p purser-dialects --test golden` writes what comes out; read the difference before it is kept.
//! `GOLDEN=part-of-a-path` picks cases.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "golden/case.rs"]
mod case;
#[path = "golden/ordered.rs"]
mod ordered;

use case::{Case, cases};
use purser_dialects::translate::Interpreter;

fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

/// Each file that comes out of the case differs from the one that lies there.
fn differences(case: &Case) -> Vec<String> {
    let mut wrong = case.asked_and_sent();
    wrong.extend(case.answered_and_given());
    wrong.extend(case.streamed_and_given());
    wrong
}

#[test]
fn every_case_comes_out_as_written() {
    report(cases().iter().flat_map(differences).collect());
    assert!(std::env::var_os("GOLDEN").is_some() || cases().len() >= 150);
}

#[test]
fn every_case_says_where_its_wire_facts_are_documented() {
    let silent = cases()
        .into_iter()
        .filter(|case| case.notes("source").is_empty());
    report(silent.map(|case| case.name("case.md")).collect());
}

/// Who is called by which wire.
const CALLED: [(&str, &str); 9] = [
    ("openai", "chat"),
    ("azure", "chat"),
    ("mistral", "chat"),
    ("deepseek", "chat"),
    ("xai", "chat"),
    ("dashscope", "chat"),
    ("compatible", "chat"),
    ("anthropic", "messages"),
    ("gemini", "generate"),
];

/// Pairs that can be translated and have no cases of their own, and why.
const ALIKE: [(&str, &str); 7] = [
    ("completions-to-azure", "as completions to OpenAI"),
    ("completions-to-mistral", "as completions to OpenAI"),
    ("completions-to-deepseek", "as completions to OpenAI"),
    ("completions-to-xai", "as completions to OpenAI"),
    ("completions-to-dashscope", "as completions to OpenAI"),
    ("completions-to-compatible", "as completions to OpenAI"),
    ("responses-to-azure", "as responses to OpenAI"),
];

#[test]
fn every_pair_that_can_be_translated_is_asked_and_answered_whole_and_in_a_stream() {
    if std::env::var_os("GOLDEN").is_some() {
        return;
    }
    let cases = cases();
    let mut wrong = Vec::new();
    for from in ["chat", "completions", "responses", "messages", "generate"] {
        // One that shares the caller's wire gets its bytes untouched.
        let others = CALLED.iter().filter(|(_, wire)| *wire != from);
        for (provider, _) in others {
            let pair = format!("{from}-to-{provider}");
            let of_pair: Vec<_> = cases.iter().filter(|case| case.pair() == pair).collect();
            let lacks = ["sent.json", "given.json", "given.txt"]
                .into_iter()
                .filter(|file| !of_pair.iter().any(|case| case.has(file)));
            let lacks: Vec<_> = lacks.collect();
            let excused = ALIKE.iter().any(|(alike, _)| *alike == pair);
            if lacks.is_empty() == excused {
                wrong.push(format!("{pair}: lacks {lacks:?}, excused: {excused}"));
            }
        }
    }
    report(wrong);
}

#[test]
fn a_stream_cut_anywhere_is_given_the_same() {
    let mut wrong = Vec::new();
    for case in cases() {
        let Some(stream) = case.stream() else {
            continue;
        };
        let whole = interpret(&case, [stream.as_slice()]);
        for at in 1..stream.len() {
            let (first, second) = stream.split_at(at);
            if interpret(&case, [first, second]) != whole {
                wrong.push(format!("{}: cut at {at}", case.name("stream.txt")));
                break;
            }
        }
        if interpret(&case, stream.chunks(1)) != whole {
            wrong.push(format!("{}: byte by byte", case.name("stream.txt")));
        }
    }
    report(wrong);
}

fn interpret<'a>(case: &Case, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut interpreter = Interpreter::new(case.target().quirks.wire, case.caller, case.asked());
    let mut given = Vec::new();
    for chunk in chunks {
        given.extend(interpreter.push(chunk));
    }
    given.extend(interpreter.finish());
    given
}
