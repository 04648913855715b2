//! What the fuzz targets do with an input: everything that reads what somebody else wrote. Called by them, and by `tests/seeds.rs` with every
//! golden case. Must never panic, whatever the input.

use purser_config::{Endpoint, Provider};
use purser_dialects::embed::EmbedWire;
use purser_dialects::kept::{Renames, answer_id, kept, stream_id};
use purser_dialects::openai::usage_option;
use purser_dialects::provider::Quirks;
use purser_dialects::state::without_foreign;
use purser_dialects::translate::{
    Asked, Echo, Interpreter, Path, Target, read_ask, read_reply, write_ask, write_reply,
};
use purser_dialects::upstream_error::{self, Told};
use purser_dialects::{
    Array, Dialect, Events, Gate, Generation, Screen, Suited, Tail, UsageFilter, Wire, boundary,
    check_tools, classify, count, dialect_of, embed, is_plain, is_strict, limit_messages,
    limit_output, needs, rename_limit, scan_json, scan_multipart, splice, suited,
    takes_mistrals_words, thinks_beyond,
};

const PROVIDERS: [Provider; 9] = [
    Provider::OpenAI,
    Provider::AzureOpenAI,
    Provider::Anthropic,
    Provider::Gemini,
    Provider::Mistral,
    Provider::DeepSeek,
    Provider::XAI,
    Provider::DashScope,
    Provider::OpenAICompatible,
];

/// Every way of asking, by the bits of the first byte and of the length: streams begin alike.
fn asked(data: &[u8]) -> Asked {
    let first = data.first().copied().unwrap_or_default();
    let bits = usize::from(first) ^ data.len();
    let is_set = |bit: u8| bits & (1 << bit) != 0;
    Asked {
        model: "m".into(),
        request_id: "r".into(),
        wants_usage: !is_set(0),
        as_array: is_set(1),
        one_call: is_set(2),
        names_calls: is_set(3),
        echo: Echo::of(data),
        ..Asked::default()
    }
}

/// A caller's request, of every API, for every provider.
pub(crate) fn ask(data: &[u8]) {
    let path = Path {
        model: "m",
        stream: true,
    };
    for wire in Wire::ALL {
        let Ok(ask) = read_ask(wire, data, path) else {
            continue;
        };
        for provider in PROVIDERS {
            for model in ["claude-3-haiku-20240307", "claude-opus-5", "gemini-2.5-pro"] {
                let target = Target {
                    quirks: Quirks::of(provider),
                    model,
                    most_output: Some(1_000),
                };
                if let Ok(written) = write_ask(&ask, &target) {
                    assert!(
                        scan_json(&written.body).is_ok(),
                        "it wrote no JSON: {}",
                        String::from_utf8_lossy(&written.body)
                    );
                }
            }
        }
    }
}

/// A provider's answer, of every API, for every caller.
pub(crate) fn reply(data: &[u8]) {
    for from in Wire::ALL {
        let Ok(reply) = read_reply(from, data) else {
            continue;
        };
        for to in Wire::ALL {
            let Ok(written) = write_reply(to, &reply, &asked(data)) else {
                continue;
            };
            assert!(
                written.is_empty() || is_json(&written),
                "it wrote no JSON: {}",
                String::from_utf8_lossy(&written)
            );
        }
    }
}

fn is_json(text: &[u8]) -> bool {
    purser_dialects::Whole::read(text).is_ok()
}

/// A provider's stream, of every API, for every caller: whole, and cut where its first byte says.
pub(crate) fn stream(data: &[u8]) {
    let size = usize::from(data.first().copied().unwrap_or(1)).max(1);
    for from in Wire::ALL {
        for to in Wire::ALL {
            let run = |chunks: &mut dyn Iterator<Item = &[u8]>| {
                let mut interpreter = Interpreter::new(from, to, asked(data));
                let mut given = Vec::new();
                for chunk in chunks {
                    given.extend(interpreter.push(chunk));
                }
                given.extend(interpreter.finish());
                given
            };
            let whole = run(&mut std::iter::once(data));
            let cut = run(&mut data.chunks(size));
            assert_eq!(whole, cut, "from {from:?} to {to:?}");
        }
    }
}

/// The readers beside the translation.
pub(crate) fn parts(data: &[u8]) {
    let _ = scan_json(data);
    let text = String::from_utf8_lossy(data);
    if let Some(boundary) = boundary(text.lines().next().unwrap_or_default()) {
        let _ = scan_multipart(data, &boundary);
    }
    for (wire, provider) in Wire::ALL.into_iter().zip(PROVIDERS) {
        if let Some((edit, _)) = without_foreign(wire, data, provider, "gemini-3-pro") {
            let sifted = splice(&data.to_vec().into(), &mut [edit]);
            assert_eq!(is_json(data), is_json(&sifted));
        }
    }
    let reads = |one: &Provider| is_strict(*one) || takes_mistrals_words(*one);
    for provider in PROVIDERS.into_iter().filter(reads) {
        if let Ok(Suited {
            body: Some(body), ..
        }) = suited(data, provider, "qwen3-32b")
        {
            assert!(!is_json(data) || is_json(&body), "for {provider:?}");
        }
    }
    let mut events = Events::new();
    let _ = events.push(data);
    let _ = events.finish();
    let mut tail = Tail::counting();
    tail.push(data);
    tail.finish();
    let mut gate = Gate::default();
    let _ = gate.push(data);
}

/// What is looked for in a request that passes untouched, and changed of it: JSON stays JSON.
pub(crate) fn edges(data: &[u8]) {
    let _ = (kept(data), answer_id(data), stream_id(data));
    let text = String::from_utf8_lossy(data);
    let path = text.lines().next().unwrap_or_default();
    let _ = (classify("POST", path), dialect_of(path));
    for status in [400, 403, 404, 429] {
        let _ = upstream_error::read(status, data);
    }
    for dialect in [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini] {
        let told = Told::of(data).render(dialect, (400, "req_1"));
        assert!(is_json(&told));
    }
    let Ok(scan) = scan_json(data) else { return };
    for wire in Wire::ALL {
        let _ = (check_tools(wire, data), needs(wire, data, scan.says));
        let _ = is_plain(wire, data, &scan);
    }
    let body = data.to_vec().into();
    for provider in PROVIDERS {
        let (chat, most) = (Endpoint::Chat, 7);
        let mut edits = limit_output(&scan, provider, chat, most);
        edits.extend(rename_limit(data, &scan, provider, chat));
        match usage_option::leave_out(data, &scan, provider) {
            Some(edit) => edits.push(edit),
            None => edits.extend(usage_option::ask(data, &scan)),
        }
        assert!(is_json(&splice(&body, &mut edits)), "{provider:?}");
    }
    assert!(is_json(&splice(&body, &mut limit_messages(data, &scan, 7))));
    let _ = thinks_beyond(data, &scan, 7);
    let mut lower = Generation::read(data).lower(data, 7, "gemini-2.5-pro");
    assert!(is_json(&splice(&body, &mut lower)));
}

/// What passes on a stream's bytes: cut where its first byte says, it gives the same as whole, and all but the usage where no error passed.
pub(crate) fn passing(data: &[u8]) {
    let size = usize::from(data.first().copied().unwrap_or(1)).max(1);
    for dialect in [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini] {
        let screened = |chunks: &mut dyn Iterator<Item = &[u8]>| {
            let (mut tail, mut screen) = (Tail::of(dialect, true), Screen::new());
            let mut given = Vec::new();
            for chunk in chunks {
                tail.push(chunk);
                given.extend(
                    screen
                        .pass(chunk.to_vec().into(), &tail)
                        .unwrap_or_default(),
                );
            }
            tail.finish();
            given.extend(screen.finish(&tail).unwrap_or_default());
            (given, tail.has_error())
        };
        let (given, failed) = screened(&mut data.chunks(size));
        assert_eq!(failed, screened(&mut std::iter::once(data)).1);
        assert!(failed || given == data);
    }
    let filtered = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let (mut filter, mut given) = (UsageFilter::new(), Vec::new());
        for chunk in chunks {
            filter.push(chunk.to_vec().into(), |piece| given.extend(piece));
        }
        given.extend(filter.finish().unwrap_or_default());
        given
    };
    let whole = filtered(&mut std::iter::once(data));
    assert_eq!(whole, filtered(&mut data.chunks(size)));
    let renamed = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut renames = Renames::new(&[("resp_1", "resp_1_px0123456789abcdef"), ("a", "b")]);
        let mut given: Vec<u8> = chunks
            .flat_map(|chunk| renames.push(chunk.to_vec().into()))
            .collect();
        given.extend(renames.finish().unwrap_or_default());
        given
    };
    let whole = renamed(&mut std::iter::once(data));
    assert_eq!(whole, renamed(&mut data.chunks(size)));
    let listed = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut array = Array::new();
        let mut given: Vec<u8> = chunks.flat_map(|chunk| array.push(chunk)).collect();
        given.extend(array.finish());
        given
    };
    let whole = listed(&mut std::iter::once(data));
    assert_eq!(whole, listed(&mut data.chunks(size)));
}

/// A request to embed and its answer, of both APIs for both.
pub(crate) fn embed(data: &[u8]) {
    let all = [EmbedWire::OpenAI, EmbedWire::One, EmbedWire::Batch];
    for from in all {
        let asked = embed::read(from, data, "m").unwrap_or_default();
        for to in all {
            if let Ok(written) = embed::write(to, &asked, "m") {
                assert!(is_json(&written));
            }
            if let Ok(answer) = embed::read_answer(to, data) {
                assert!(is_json(&embed::write_answer(from, &answer, &asked)));
            }
        }
    }
}

/// A request to count and its answer.
pub(crate) fn count(data: &[u8]) {
    for from in [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini] {
        let Ok(ask) = count::read(from, data, "m") else {
            continue;
        };
        let _ = count::estimate(&ask);
        for provider in PROVIDERS {
            let target = Target {
                quirks: Quirks::of(provider),
                model: "gemini-2.5-pro",
                most_output: None,
            };
            if let Ok(written) = count::write(&ask, &target) {
                assert!(is_json(&written));
            }
        }
    }
    let _ = count::read_answer(data);
}
