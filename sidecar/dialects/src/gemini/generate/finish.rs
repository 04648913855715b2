//! Why an answer ended, in Gemini's words and back. Called by readers and writers of answers.

use crate::talk::Finish;
use crate::translate::Unreadable;

/// A call of a tool ends with `STOP` too: only its part tells.
pub(super) fn read(reason: &str, calls_tools: bool) -> Finish {
    match reason {
        "STOP" | "FINISH_REASON_UNSPECIFIED" if calls_tools => Finish::Tools,
        "STOP" | "FINISH_REASON_UNSPECIFIED" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "CONTINUATION" => Finish::Paused,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE" => Finish::Malformed,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED"
        | "MODEL_ARMOR" => Finish::Filtered,
        // OTHER, IMAGE_OTHER, NO_IMAGE, and what Google adds: it ended, and nothing says that it was cut.
        _ if calls_tools => Finish::Tools,
        _ => Finish::Stop,
    }
}

/// Whether an answer with that end, which says nothing, is none: the model wrote what cannot be read, or nobody says what became of it. With
/// a limit, a filter or a natural end it is an empty one.
pub(super) fn is_failure(reason: &str) -> bool {
    match read(reason, false) {
        Finish::Malformed => true,
        Finish::Stop => !matches!(reason, "STOP" | "FINISH_REASON_UNSPECIFIED"),
        _ => false,
    }
}

/// What is told of it.
pub(super) fn failure(reason: &str) -> Unreadable {
    Unreadable(format!("it says nothing (finishReason {reason})"))
}

pub(super) fn write(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Sequence(_) | Finish::Tools => "STOP",
        Finish::Length | Finish::Context => "MAX_TOKENS",
        Finish::Filtered | Finish::Refused => "SAFETY",
        Finish::Paused => "OTHER",
        Finish::Malformed => "MALFORMED_FUNCTION_CALL",
    }
}
