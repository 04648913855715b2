//! `docs/translation.md` is what the code does: each sample of the table is read and written, and what is refused says why in the writer's
//! own words. `UPDATE_GOLDEN=1 cargo test -p purser-dialects --test translation_page` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "translation_page/answers.rs"]
mod answers;

use purser_config::Provider;
use purser_dialects::fields::table::{BOOKS, KEPT, Row, SHAPE, TURNS, WORDS};
use purser_dialects::provider::Quirks;
use purser_dialects::translate::{Path, Target, read_ask, write_ask};
use purser_dialects::{Wire, suited};
use serde_json::{Value, json};
use std::fmt::Write as _;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/translation.md");
/// Those that callers speak, and those that channels are called by where they differ.
const FROM: [Wire; 4] = [Wire::Chat, Wire::Responses, Wire::Messages, Wire::Generate];
const TO: [Wire; 3] = [Wire::Chat, Wire::Messages, Wire::Generate];

fn base(wire: Wire) -> Value {
    match wire {
        Wire::Responses => json!({"model": "m", "input": "x"}),
        Wire::Messages => {
            json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]})
        }
        Wire::Generate => json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}),
        Wire::Chat | Wire::Completions => {
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}]})
        }
    }
}

fn sample(row: &Row, wire: Wire) -> &'static str {
    match wire {
        Wire::Responses => row.responses,
        Wire::Messages => row.messages,
        Wire::Generate => row.generate,
        Wire::Chat | Wire::Completions => row.chat,
    }
}

fn way(row: &Row, wire: Wire) -> &'static str {
    let way = match wire {
        Wire::Messages => row.to_messages,
        Wire::Generate => row.to_generate,
        Wire::Chat | Wire::Completions | Wire::Responses => row.to_chat,
    };
    if way.is_empty() { "carried" } else { way }
}

/// Somebody's API, by a name and with a model.
type Whom = (&'static str, Provider, &'static str);

/// Those who are spoken to by OpenAI's chat.
const CHATS: [Whom; 7] = [
    ("OpenAI", Provider::OpenAI, "gpt-5.1"),
    ("Azure", Provider::AzureOpenAI, "gpt-5.1"),
    ("Mistral", Provider::Mistral, "mistral-small-latest"),
    ("DeepSeek", Provider::DeepSeek, "deepseek-v4-pro"),
    ("xAI", Provider::XAI, "grok-4"),
    ("DashScope", Provider::DashScope, "qwen-plus"),
    ("open servers", Provider::OpenAICompatible, "llama-3.3-70b"),
];

fn targets(to: Wire) -> &'static [Whom] {
    match to {
        Wire::Messages => &[("Anthropic", Provider::Anthropic, "claude-sonnet-4-5")],
        Wire::Generate => &[("Gemini", Provider::Gemini, "gemini-2.5-pro")],
        Wire::Chat | Wire::Completions | Wire::Responses => &CHATS,
    }
}

/// The answer to the sample: none if it is sent, or why not.
fn refusal(row: &Row, from: Wire, (_, provider, model): Whom) -> Option<String> {
    let mut body = base(from);
    let members: Value = serde_json::from_str(sample(row, from)).unwrap();
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let target = Target {
        quirks: Quirks::of(provider),
        model,
        most_output: Some(20_000),
    };
    let path = Path {
        model: "m",
        stream: false,
    };
    let ask = match read_ask(from, body.to_string().as_bytes(), path) {
        Ok(ask) => ask,
        Err(fault) => return Some(fault.message),
    };
    write_ask(&ask, &target).err().map(|refused| refused.why)
}

fn called(wire: Wire) -> &'static str {
    match wire {
        Wire::Responses => "Responses",
        Wire::Messages => "Messages",
        Wire::Generate => "Gemini",
        Wire::Chat | Wire::Completions => "Chat",
    }
}

/// The names of the members that say it, without their values.
fn spelling(sample: &str) -> String {
    if sample.is_empty() {
        return "–".into();
    }
    let value: Value = serde_json::from_str(sample).unwrap();
    let mut names: Vec<String> = Vec::new();
    for (name, value) in value.as_object().unwrap() {
        match value.as_object() {
            Some(inner) if name == "generationConfig" || name == "text" => {
                names.extend(inner.keys().map(|within| format!("`{name}.{within}`")));
            }
            _ => names.push(format!("`{name}`")),
        }
    }
    names.join(", ")
}

/// What becomes of it on its way from every API that can say it, to all who are spoken to in that one: those who refuse it for the same
/// reason are named together.
fn cell(row: &Row, to: Wire) -> String {
    let mut from = FROM.to_vec();
    from.retain(|from| *from != to && !sample(row, *from).is_empty());
    let way = way(row, to);
    if from.is_empty() {
        // Only its own API says it, and by that it passes untouched.
        return if matches!(way, "carried" | "hint") {
            "–"
        } else {
            way
        }
        .into();
    }
    let all = targets(to);
    let mut refusals: Vec<(String, Vec<&str>)> = Vec::new();
    for target in all {
        let whys = from
            .iter()
            .map(|from| (*from, refusal(row, *from, *target)));
        let Some(whys) = refused(&whys.collect::<Vec<_>>()) else {
            continue;
        };
        match refusals.iter_mut().find(|(known, _)| *known == whys) {
            Some((_, who)) => who.push(target.0),
            None => refusals.push((whys, vec![target.0])),
        }
    }
    let refusing: usize = refusals.iter().map(|(_, who)| who.len()).sum();
    let refusals = refusals
        .iter()
        .map(|(whys, who)| match who.len() == all.len() {
            true => format!("**refused**{whys}"),
            false => format!("**refused** by {}{whys}", listed(who)),
        });
    let wholly = refusing == all.len() && way == "carried";
    let said = [way.to_owned()].into_iter().filter(|_| !wholly);
    said.chain(refusals).collect::<Vec<_>>().join("; ")
}

/// Why one of them refuses it, and from whom; none, if it takes it from all.
fn refused(whys: &[(Wire, Option<String>)]) -> Option<String> {
    let refused: Vec<_> = whys
        .iter()
        .filter_map(|(from, why)| Some((*from, why.as_ref()?)))
        .collect();
    let (_, first) = refused.first()?;
    let same = refused.iter().all(|(_, why)| why == first);
    if same && refused.len() == whys.len() {
        return Some(format!(": {first}"));
    }
    let each = refused
        .iter()
        .map(|(wire, why)| format!(" from {}: {why}", called(*wire)));
    Some(each.collect::<Vec<_>>().join(","))
}

fn listed(names: &[&str]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn page() -> String {
    let mut page = String::from(HEAD);
    for (title, rows) in [
        ("The conversation", TURNS),
        ("Tools, and the shape of the answer", SHAPE),
        ("How it writes", WORDS),
        ("What a provider keeps or alone decides", KEPT),
        ("Bookkeeping", BOOKS),
    ] {
        write!(page, "\n## {title}\n\n").unwrap();
        page.push_str("| what | Chat | Responses | Messages | Gemini | to a chat | to Anthropic | to Gemini |\n");
        page.push_str("|---|---|---|---|---|---|---|---|\n");
        for row in rows {
            write!(page, "| {} |", row.what).unwrap();
            for wire in FROM {
                write!(page, " {} |", spelling(sample(row, wire))).unwrap();
            }
            for wire in TO {
                write!(page, " {} |", cell(row, wire)).unwrap();
            }
            page.push('\n');
        }
    }
    answers::write(&mut page);
    page.push_str(SHARED);
    for row in [TURNS, SHAPE, WORDS, KEPT, BOOKS].into_iter().flatten() {
        let cells = TAKE_LESS.map(|(provider, model)| passed(row, provider, model));
        if cells.iter().any(|cell| !cell.is_empty()) {
            let [mistral, deepseek, dashscope] = cells;
            let (what, spelt) = (row.what, spelling(row.chat));
            writeln!(
                page,
                "| {what} | {spelt} | {mistral} | {deepseek} | {dashscope} |"
            )
            .unwrap();
        }
    }
    page
}

/// Those who share OpenAI's chat and take less of it, each with a model.
const TAKE_LESS: [(Provider, &str); 3] = [
    (Provider::Mistral, "mistral-small-latest"),
    (Provider::DeepSeek, "deepseek-v4-pro"),
    (Provider::DashScope, "qwen-plus"),
];

/// What becomes of a chat's sample there; nothing where it passes as it is.
fn passed(row: &Row, provider: Provider, model: &str) -> String {
    if row.chat.is_empty() {
        return String::new();
    }
    let mut body = base(Wire::Chat);
    let members: Value = serde_json::from_str(row.chat).unwrap();
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let sent = match suited(body.to_string().as_bytes(), provider, model) {
        Ok(sent) => sent,
        Err(_) => return "**refused**".into(),
    };
    let (removed, Some(sent)) = (sent.removed_state, sent.body) else {
        return String::new();
    };
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    let is_said = |name: &&String| body.get(name.as_str()) != sent.get(name.as_str());
    let said: Vec<_> = sent
        .as_object()
        .unwrap()
        .keys()
        .filter(is_said)
        .map(|name| format!("`{name}`"))
        .collect();
    match said.is_empty() {
        true => "left out".into(),
        false if removed => "left out, and a header says so".into(),
        false => format!("said by {}", said.join(", ")),
    }
}

const SHARED: &str = "
## A chat at those who share OpenAI's wire

Mistral (`mistral-small-latest`), DeepSeek and DashScope (`qwen-plus`) answer 400 or 422 to some of what OpenAI takes. What is not here passes as
it is; what is said otherwise is said by the members that are named. A user who speaks right after a tool goes with the tool's answer at Mistral, or
after a word of the assistant's. What passes as it is a provider may yet refuse: where it answers 400 because it does not support a parameter (xAI's
models that think do not take `stop`, penalties or, as `grok-4`, `reasoning_effort`), the next channel is tried, and that answer is the caller's if none
takes it. And what it does not know it may pass over: DeepSeek has no `parallel_tool_calls`, and answers pass as they are too, so that a chat that
says `false` may get several calls of it; only callers of other APIs get the first alone.

| what | Chat | Mistral | DeepSeek | DashScope |
|---|---|---|---|---|
";

const HEAD: &str = "\
# What becomes of a request that goes to another API

Written by `UPDATE_GOLDEN=1 cargo test -p purser-dialects --test translation_page`; do not edit. A pair of one API passes untouched, but for what
some that share OpenAI's chat do not take of it (the last table); Responses go to other channels by what these are called by.
*Carried*: said as it is. Else it is said how it is mapped. *Refused*: the channel is skipped, and where no other can, the answer is 400
`unsupported_parameter`; the reasons are the code's, found by translating a sample to OpenAI and Azure (`gpt-5.1`), Mistral
(`mistral-small-latest`), DeepSeek (`deepseek-v4-pro`), xAI (`grok-4`), DashScope (`qwen-plus`), an open server such as vLLM, SGLang, TGI, llama.cpp or
Ollama (`llama-3.3-70b`), Anthropic (`claude-sonnet-4-5`) and Gemini (`gemini-2.5-pro`). *Hint*: left out, since it changes cost, speed or bookkeeping only.
A member at its API's default is carried by omission. A response says again what it was asked (`instructions`, `tools`, `metadata`, `temperature`, …),
as the caller wrote it. Completions say what chats do, with one prompt for a user's turn.
";

#[test]
fn the_page_is_what_the_code_does() {
    let page = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(std::path::Path::new(PAGE).parent().unwrap()).unwrap();
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        page == written,
        "docs/translation.md is not what the code does; now it is\n{page}"
    );
}
