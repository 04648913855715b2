//! Which of Gemini's chunks shows something: a part, why the answer ended, or why the prompt was blocked. Part of `gate`.

use super::{Event, Verdict, error};
use crate::json::{any_element, is_empty, members};

pub(super) fn judge(event: &Event) -> Verdict {
    let text = std::str::from_utf8(&event.data).unwrap_or_default();
    let Some([fault, candidates, feedback]) =
        members(text, ["error", "candidates", "promptFeedback"])
    else {
        return Verdict::Pending;
    };
    if !is_empty(fault) {
        return error(text);
    }
    let blocked = feedback.and_then(|feedback| members(feedback, ["blockReason"]));
    let shown = any_element(candidates.unwrap_or_default(), has_content)
        || blocked.is_some_and(|[reason]| !is_empty(reason));
    if shown {
        Verdict::Content
    } else {
        Verdict::Pending
    }
}

fn has_content(candidate: &str) -> bool {
    let Some([content, reason]) = members(candidate, ["content", "finishReason"]) else {
        return false;
    };
    let parts = content.and_then(|content| members(content, ["parts"]));
    let parts = parts.and_then(|[parts]| parts).unwrap_or_default();
    !is_empty(reason) || any_element(parts, says_something)
}

/// A part is empty where it is nothing but an empty text.
fn says_something(part: &str) -> bool {
    let names = [
        "text",
        "functionCall",
        "inlineData",
        "fileData",
        "executableCode",
        "codeExecutionResult",
    ];
    members(part, names).is_some_and(|found| !found.iter().all(|member| is_empty(*member)))
}
