//! OpenAI's chat completions, read and written. Called by `translate`, for callers and for every provider of that family.

mod blocks;
mod calls;
mod lasting;
mod read_ask;
mod read_reply;
mod read_turn;
mod reader;
pub(crate) mod reasoning;
pub(crate) mod suited;
mod thinks;
mod usage;
mod write_ask;
mod write_part;
mod write_reply;
mod write_sampling;
mod write_turn;
mod writer;

pub(crate) use read_ask::{beyond, read_ask, sampling as read_sampling, says_nothing, wants_usage};
pub(crate) use read_reply::{read_reply, repaired};
pub(crate) use reader::Reader;
pub(crate) use usage::{read_spent, write_last, write_spent};
pub(crate) use write_ask::write_ask;
pub(crate) use write_reply::{id as reply_id, write_reply};
pub(crate) use write_turn::{BRIDGE, placeholder};
pub(crate) use writer::Writer;

use crate::talk::Finish;

/// What OpenAI calls an end; `calls`: whether tools were called before it.
pub(crate) fn finish_reason(finish: &Finish, calls: bool) -> &'static str {
    match finish {
        Finish::Length | Finish::Context => "length",
        Finish::Filtered | Finish::Refused => "content_filter",
        Finish::Tools => "tool_calls",
        Finish::Stop | Finish::Sequence(_) | Finish::Paused | Finish::Malformed => {
            if calls {
                "tool_calls"
            } else {
                "stop"
            }
        }
    }
}

/// The same, read; none where the answer broke off. Servers that say `stop` after tool calls mean those.
///
/// A word that is not known is an end: each server has its own for one (`eos_token`, `COMPLETE`, `stop_sequence`), and what they have in common
/// is that they are said of whole answers. What is said of others is a short list of plain words.
pub(crate) fn finish(reason: &str, calls: bool) -> Option<Finish> {
    Some(match reason {
        "stop" | "eos" | "end_turn" if calls => Finish::Tools,
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "model_context_window_exceeded" => Finish::Context,
        "tool_calls" | "function_call" => Finish::Tools,
        "content_filter" | "sensitive" => Finish::Filtered,
        _ if BROKEN
            .iter()
            .any(|broken| reason.eq_ignore_ascii_case(broken)) =>
        {
            return None;
        }
        _ => Finish::Stop,
    })
}

/// Mistral's and OpenRouter's `error`, DeepSeek's `insufficient_system_resource`, Zhipu's `network_error`, SGLang's and vLLM's `abort`, and words
/// that can mean nothing else.
const BROKEN: [&str; 10] = [
    "error",
    "insufficient_system_resource",
    "network_error",
    "server_error",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "failed",
    "timeout",
];

/// What is told of it.
pub(crate) fn broken(reason: &str) -> String {
    format!("it broke off (finish_reason {reason})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_broke_off_has_no_end_and_a_word_that_nobody_knows_is_one() {
        for reason in ["error", "ERROR", "insufficient_system_resource", "abort"] {
            assert_eq!(finish(reason, true), None, "{reason}");
        }
        for reason in ["stop", "eos_token", "COMPLETE", "errorless", ""] {
            assert_eq!(finish(reason, false), Some(Finish::Stop), "{reason}");
        }
    }
}
