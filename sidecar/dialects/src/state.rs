//! What a caller gives back of another provider's, taken out of a request that is otherwise passed untouched: a conversation that began at
//! one provider goes on at the next, and that one refuses thoughts that it did not seal.
//!
//! Called before each attempt at a channel of the caller's own API. Must never touch what came from that API itself.

mod chunks;

use crate::gemini::generate::{NOT_OURS, wants_signatures};
use crate::json::sift::{Keep, list, object};
use crate::json::string;
use crate::json::{is_empty, members};
use crate::kept::item_for;
use crate::openai::chat::placeholder;
use crate::openai::responses::is_made;
use crate::splice::Edit;
use crate::talk::Sealed;
use crate::walk::Walk;
use crate::{Dialect, Wire};
use purser_config::Provider;

/// The edit of a request of the Responses API for the account of this seal, with that account's ids as its provider gave them: see `kept`. And
/// whether anything was taken out.
pub fn items_for(body: &[u8], seal: &str) -> Option<(Edit, bool)> {
    let holds = |mark: &[u8]| memchr::memmem::find(body, mark).is_some();
    if !holds(b"encrypted_content") && !holds(crate::kept::MARK.as_bytes()) && !holds_made(body) {
        return None;
    }
    let mut removed = false;
    let edit = within(body, "input", |one| {
        let keep = item(one).then(one, |one| item_for(one, seal));
        removed |= matches!(keep, Keep::Out);
        keep
    })?;
    Some((edit, removed))
}

/// The edit that takes it out, and whether anything was taken: the caller is told by a header. None where all may stay. Gemini's models from 3
/// on refuse a call that nobody signed, and are told by Google's own placeholder that it was made elsewhere.
pub fn without_foreign(
    wire: Wire,
    body: &[u8],
    provider: Provider,
    model: &str,
) -> Option<(Edit, bool)> {
    let excuses = match wire {
        Wire::Generate => wants_signatures(model),
        Wire::Chat => provider == Provider::DeepSeek && thinks(body),
        _ => false,
    };
    let (member, marks) = match excuses {
        true => excused(wire),
        false => marks(wire),
    };
    // Nearly no request holds any: a search tells.
    let holds = |mark: &&[u8]| memchr::memmem::find(body, mark).is_some();
    if !marks.iter().any(holds) {
        return None;
    }
    let mut removed = false;
    let edit = within(body, member, |turn| {
        let keep = sift(wire, turn, provider, excuses);
        // That an item has no id any more takes nothing of what was said.
        removed |= match keep {
            Keep::Instead(_) => wire != Wire::Responses,
            Keep::Out => true,
            Keep::As => false,
        };
        keep
    })?;
    Some((edit, removed))
}

/// The edit of a list in a body.
fn within(body: &[u8], member: &str, each: impl FnMut(&str) -> Keep) -> Option<Edit> {
    let text = std::str::from_utf8(body).ok()?;
    let mut walk = Walk::open(body, b'{').ok()?;
    while let Some((spelt, span)) = walk.member().ok()? {
        if text.get(spelt.inner) == Some(member) {
            let bytes = list(text.get(span.clone())?, each)?.into_bytes().into();
            return Some(Edit { span, bytes });
        }
    }
    None
}

/// What Mistral's thoughts and references hold.
const THOUGHT: &[u8] = b"\"thinking\"";
const REFERENCE: &[u8] = b"\"reference_ids\"";

/// Where it stands, and what a body holds that has any.
type Marks = (&'static str, &'static [&'static [u8]]);

/// The same, where calls must be excused that came without what their provider wants beside them.
fn excused(wire: Wire) -> Marks {
    match wire {
        Wire::Chat => (
            "messages",
            &[b"tool_calls", b"thinking_blocks", THOUGHT, REFERENCE],
        ),
        _ => ("contents", &[b"functionCall", b"function_call", b"hought"]),
    }
}

/// Those of a wire form; a body without them is left as it is, but for calls that must be excused.
pub(crate) fn marks(wire: Wire) -> Marks {
    match wire {
        Wire::Messages => ("messages", &[b"thinking"]),
        Wire::Chat => (
            "messages",
            &[b"thinking_blocks", b"extra_content", THOUGHT, REFERENCE],
        ),
        Wire::Generate => ("contents", &[b"thoughtSignature", b"thought_signature"]),
        Wire::Responses => (
            "input",
            &[b"encrypted_content", b"\"rs_", b"\"msg_", b"\"fc_"],
        ),
        Wire::Completions => ("", &[]),
    }
}

fn sift(wire: Wire, turn: &str, provider: Provider, excuses: bool) -> Keep {
    match wire {
        Wire::Chat if excuses => message(turn, provider).then(turn, recalled),
        Wire::Chat => message(turn, provider),
        Wire::Responses => item(turn),
        Wire::Generate => {
            let mut excuses = excuses;
            content(turn, "parts", |one| part(one, &mut excuses))
        }
        _ => content(turn, "content", block),
    }
}

/// A turn without blocks says nothing, and no API takes it.
fn content(turn: &str, member: &str, mut each: impl FnMut(&str) -> Keep) -> Keep {
    let mut empty = false;
    let sifted = object(turn, |name, value| {
        if name != member {
            return Keep::As;
        }
        let sifted = list(value, &mut each);
        empty |= sifted.as_deref() == Some("[]");
        sifted.map_or(Keep::As, Keep::Instead)
    });
    match sifted {
        Some(_) if empty => Keep::Out,
        sifted => sifted.map_or(Keep::As, Keep::Instead),
    }
}

/// Anthropic signs all its thoughts: those without a signature are another's.
fn block(block: &str) -> Keep {
    let [kind, signature, data] = members(block, ["type", "signature", "data"]).unwrap_or_default();
    let seal = match kind {
        Some("\"thinking\"") => string(signature).unwrap_or_default(),
        Some("\"redacted_thinking\"") => string(data).unwrap_or_default(),
        _ => return Keep::As,
    };
    match seal.is_empty() || Sealed::is_foreign(Dialect::Anthropic, &seal) {
        true => Keep::Out,
        false => Keep::As,
    }
}

/// Reasoning that another encrypted, or that nobody did: its id is of our making, and OpenAI looks up a thought that does not bring its own
/// ciphertext. Other items say all that they say without such an id, which may be refused as well (vercel/ai#7543, langchain#38372).
fn item(item: &str) -> Keep {
    let names = ["type", "id", "encrypted_content"];
    let [kind, id, seal] = members(item, names).unwrap_or_default();
    let made = string(id).is_some_and(|id| is_made(&id));
    let seal = string(seal).filter(|seal| !seal.is_empty());
    match kind {
        Some("\"reasoning\"") => match seal {
            Some(seal) if Sealed::is_foreign(Dialect::OpenAI, &seal) => Keep::Out,
            None if made => Keep::Out,
            _ => Keep::As,
        },
        Some("\"item_reference\"") => Keep::As,
        _ if made => {
            let sifted = object(item, |name, _| match name {
                "id" => Keep::Out,
                _ => Keep::As,
            });
            sifted.map_or(Keep::As, Keep::Instead)
        }
        _ => Keep::As,
    }
}

/// Whether any item may have an id of our making: nearly no body has an `id` outside of its texts.
fn holds_made(body: &[u8]) -> bool {
    const NAME: &[u8] = b"\"id\"";
    let made = |at: usize| {
        let value = body.get(at + NAME.len()..)?.trim_ascii_start();
        let value = value.strip_prefix(b":")?.trim_ascii_start();
        let id = value.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', id.get(..MOST_ID.min(id.len()))?)?;
        std::str::from_utf8(id.get(..end)?).ok().map(is_made)
    };
    memchr::memmem::find_iter(body, NAME).any(|at| made(at) == Some(true))
}

/// No id of our making is longer, nor far from it.
const MOST_ID: usize = 80;

/// Thoughts go, and calls stay without the signature. The first call of a turn is excused, where it must be.
fn part(part: &str, excuses: &mut bool) -> Keep {
    let names = [
        "thoughtSignature",
        "thought_signature",
        "thought",
        "functionCall",
        "function_call",
    ];
    let [camel, snake, thought, call, snake_call] = members(part, names).unwrap_or_default();
    let seal = string(camel.or(snake)).filter(|seal| !seal.is_empty());
    let foreign = seal
        .as_ref()
        .is_some_and(|seal| Sealed::is_foreign(Dialect::Gemini, seal));
    if foreign && thought == Some("true") {
        return Keep::Out;
    }
    let is_first_call = call.or(snake_call).is_some() && std::mem::take(excuses);
    let excused = is_first_call && (foreign || seal.is_none());
    if !foreign && !excused {
        return Keep::As;
    }
    let sifted = object(part, |name, _| match name {
        "thoughtSignature" | "thought_signature" => Keep::Out,
        _ => Keep::As,
    });
    let sifted = sifted.unwrap_or_else(|| part.to_owned());
    Keep::Instead(match sifted.trim_end().strip_suffix('}') {
        Some(open) if excused => format!(r#"{open},"thoughtSignature":"{NOT_OURS}"}}"#),
        _ => sifted,
    })
}

/// No API of OpenAI's family makes these members, and Mistral's alone its parts; a gateway or a server behind it may know them.
fn message(message: &str, provider: Provider) -> Keep {
    if provider == Provider::OpenAICompatible {
        return Keep::As;
    }
    let [sealed, calls] = members(message, ["thinking_blocks", "tool_calls"]).unwrap_or_default();
    let mut silent = false;
    let sifted = object(message, |name, value| match name {
        "thinking_blocks" => Keep::Out,
        // With blocks beside them they are the same thoughts; DeepSeek wants to be given some.
        "reasoning_content" if sealed.is_some() && provider != Provider::DeepSeek => Keep::Out,
        "tool_calls" => list(value, call).map_or(Keep::As, Keep::Instead),
        "content" if provider != Provider::Mistral && value.starts_with('[') => {
            let content = chunks::without(value);
            silent = matches!(&content, Keep::Instead(said) if said == "null");
            content
        }
        _ => Keep::As,
    });
    match sifted {
        // A turn of thoughts alone says nothing, and no API takes it.
        Some(_) if silent && is_empty(calls) => Keep::Out,
        sifted => sifted.map_or(Keep::As, Keep::Instead),
    }
}

/// Whether DeepSeek thinks, as it does unless it is told not to, in its own words or in OpenAI's.
fn thinks(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let holds = |name: &[u8]| memchr::memmem::find(body, name).is_some();
    if !holds(b"thinking") && !holds(b"reasoning_effort") {
        return true;
    }
    let [told, effort] = members(text, ["thinking", "reasoning_effort"]).unwrap_or_default();
    let [kind] = told
        .and_then(|told| members(told, ["type"]))
        .unwrap_or_default();
    kind != Some("\"disabled\"") && effort != Some("\"none\"")
}

/// DeepSeek refuses a turn with calls whose thoughts its caller did not keep, as most do who know OpenAI's API alone: what it did stands for
/// them, as where a turn is written for it (`chat::write_turn`).
fn recalled(message: &str) -> Keep {
    let names = ["role", "tool_calls", "reasoning_content"];
    let [role, calls, thoughts] = members(message, names).unwrap_or_default();
    if role != Some("\"assistant\"") || is_empty(calls) || !is_empty(thoughts) {
        return Keep::As;
    }
    let sifted = object(message, |name, _| match name {
        "reasoning_content" => Keep::Out,
        _ => Keep::As,
    });
    let message = sifted.as_deref().unwrap_or(message).trim_end();
    let Some((open, did)) = message.strip_suffix('}').zip(calls.and_then(did)) else {
        return Keep::As;
    };
    Keep::Instead(format!(r#"{open},"reasoning_content":{did}}}"#))
}

/// The first of a turn's calls as text, spelt as JSON.
fn did(calls: &str) -> Option<String> {
    let mut walk = Walk::open(calls.as_bytes(), b'[').ok()?;
    let first = calls.get(walk.element().ok()??)?;
    let [function] = members(first, ["function"])?;
    let [name, arguments] = members(function?, ["name", "arguments"])?;
    let did = placeholder(&string(name)?, &string(arguments).unwrap_or_default());
    Some(serde_json::Value::from(did).to_string())
}

fn call(call: &str) -> Keep {
    let sifted = object(call, |name, value| match name {
        "extra_content" if matches!(members(value, ["google"]), Some([Some(_)])) => Keep::Out,
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}
