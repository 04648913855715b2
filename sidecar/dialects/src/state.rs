//! What a caller gives back of another provider's, taken out of a request that is otherwise passed untouched: a conversation that began at
//! one provider goes on at the next, and that one refuses thoughts that it did not seal.
//!
//! Called before each attempt at a channel of the caller's own API. Must never touch what came from that API itself.

use crate::json::members;
use crate::json::sift::{Keep, list, object};
use crate::json::string;
use crate::splice::Edit;
use crate::talk::Sealed;
use crate::walk::Walk;
use crate::{Dialect, Wire};
use purser_config::Provider;

/// The edit that takes it out; the caller is told by a header. None where there is nothing to be taken.
pub fn without_foreign(wire: Wire, body: &[u8], provider: Provider) -> Option<Edit> {
    let (member, marks): (&str, &[&[u8]]) = match wire {
        Wire::Messages => ("messages", &[b"thinking"]),
        Wire::Chat => ("messages", &[b"thinking_blocks", b"extra_content"]),
        Wire::Generate => ("contents", &[b"thoughtSignature", b"thought_signature"]),
        Wire::Completions | Wire::Responses => return None,
    };
    // Nearly no request holds any: one search tells.
    if !marks
        .iter()
        .any(|mark| memchr::memmem::find(body, mark).is_some())
    {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut walk = Walk::open(body, b'{').ok()?;
    while let Some((spelt, span)) = walk.member().ok()? {
        if text.get(spelt.inner) == Some(member) {
            let sifted = list(text.get(span.clone())?, |turn| sift(wire, turn, provider))?;
            let bytes = sifted.into_bytes().into();
            return Some(Edit { span, bytes });
        }
    }
    None
}

fn sift(wire: Wire, turn: &str, provider: Provider) -> Keep {
    match wire {
        Wire::Chat => message(turn, provider),
        Wire::Generate => content(turn, "parts", part),
        _ => content(turn, "content", block),
    }
}

/// A turn without blocks says nothing, and no API takes it.
fn content(turn: &str, member: &str, each: fn(&str) -> Keep) -> Keep {
    let mut empty = false;
    let sifted = object(turn, |name, value| {
        if name != member {
            return Keep::As;
        }
        let sifted = list(value, each);
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

/// Thoughts go, and calls stay without the signature.
fn part(part: &str) -> Keep {
    let names = ["thoughtSignature", "thought_signature", "thought"];
    let [camel, snake, thought] = members(part, names).unwrap_or_default();
    let foreign = |seal: String| Sealed::is_foreign(Dialect::Gemini, &seal);
    if !string(camel.or(snake)).is_some_and(foreign) {
        return Keep::As;
    }
    if thought == Some("true") {
        return Keep::Out;
    }
    let sifted = object(part, |name, _| match name {
        "thoughtSignature" | "thought_signature" => Keep::Out,
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}

/// No API of OpenAI's family makes these members; a gateway behind it may know them.
fn message(message: &str, provider: Provider) -> Keep {
    if provider == Provider::OpenAICompatible {
        return Keep::As;
    }
    let [sealed] = members(message, ["thinking_blocks"]).unwrap_or_default();
    let sifted = object(message, |name, value| match name {
        "thinking_blocks" => Keep::Out,
        // With blocks beside them they are the same thoughts; DeepSeek wants to be given some.
        "reasoning_content" if sealed.is_some() && provider != Provider::DeepSeek => Keep::Out,
        "tool_calls" => list(value, call).map_or(Keep::As, Keep::Instead),
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}

fn call(call: &str) -> Keep {
    let sifted = object(call, |name, value| match name {
        "extra_content" if matches!(members(value, ["google"]), Some([Some(_)])) => Keep::Out,
        _ => Keep::As,
    });
    sifted.map_or(Keep::As, Keep::Instead)
}
