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
pub(crate) use read_reply::read_reply;
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

/// The same, read. Servers that say `stop` after tool calls mean those.
pub(crate) fn finish(reason: &str, calls: bool) -> Finish {
    match reason {
        "stop" | "eos" | "end_turn" if calls => Finish::Tools,
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::Tools,
        "content_filter" | "sensitive" => Finish::Filtered,
        _ => Finish::Stop,
    }
}
