//! Which of Anthropic's events shows something: content, and why the message ended. Part of `gate`.

use super::{Event, Verdict, error};
use crate::json::{is_empty, members, string};

pub(super) fn judge(event: &Event) -> Verdict {
    let text = std::str::from_utf8(&event.data).unwrap_or_default();
    let names = ["type", "error", "content_block", "delta"];
    let Some([kind, fault, block, delta]) = members(text, names) else {
        return if event.name == "error" {
            error(text)
        } else {
            Verdict::Pending
        };
    };
    let kind = string(kind).unwrap_or_else(|| event.name.clone());
    if kind == "error" || event.name == "error" || !is_empty(fault) {
        return error(text);
    }
    let shown = match kind.as_str() {
        "content_block_start" => block.is_some_and(begins_with_content),
        "content_block_delta" => delta.is_some_and(has_content),
        "message_delta" => delta
            .and_then(|delta| members(delta, ["stop_reason"]))
            .is_some_and(|[reason]| !is_empty(reason)),
        "message_stop" => return Verdict::Done,
        _ => false,
    };
    if shown {
        Verdict::Content
    } else {
        Verdict::Pending
    }
}

/// A text and a thought begin empty; anything else (a tool's name, a search, thoughts that are sealed) comes with its begin.
fn begins_with_content(block: &str) -> bool {
    let Some([kind, text, thinking]) = members(block, ["type", "text", "thinking"]) else {
        return false;
    };
    match string(kind).as_deref() {
        Some("text") => !is_empty(text),
        Some("thinking") => !is_empty(thinking),
        Some(_) => true,
        None => false,
    }
}

fn has_content(delta: &str) -> bool {
    let names = ["text", "thinking", "partial_json", "citation"];
    members(delta, names).is_some_and(|found| !found.iter().all(|member| is_empty(*member)))
}
