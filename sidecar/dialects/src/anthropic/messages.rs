//! Anthropic's messages, read and written. Called by `translate`, for callers and for Anthropic.

mod blocks;
mod read_ask;
mod read_reply;
mod reader;
mod source;
mod thinks;
mod tools;
mod usage;
mod write_ask;
mod write_blocks;
mod write_reply;
mod write_turns;
mod writer;

pub(crate) use read_ask::read_ask;
pub(crate) use read_reply::read_reply;
pub(crate) use reader::Reader;
pub(crate) use write_ask::write_ask;
pub(crate) use write_reply::write_reply;
pub(crate) use writer::Writer;

use crate::talk::Finish;

/// The tool by which a model gives an answer in JSON that it could not be bound to otherwise. Its calls are read as that answer.
const ANSWER: &str = "purser_answer";

/// What Anthropic calls an end; `calls`: whether tools were called before it.
fn stop_reason(finish: &Finish, calls: bool) -> &'static str {
    match finish {
        Finish::Length => "max_tokens",
        Finish::Context => "model_context_window_exceeded",
        Finish::Sequence(Some(_)) => "stop_sequence",
        Finish::Tools => "tool_use",
        Finish::Filtered | Finish::Refused => "refusal",
        Finish::Paused => "pause_turn",
        Finish::Stop | Finish::Sequence(None) | Finish::Malformed => {
            if calls {
                "tool_use"
            } else {
                "end_turn"
            }
        }
    }
}

/// The same, read. `answered`: the only tool was [`ANSWER`].
fn finish(reason: &str, sequence: Option<String>, answered: bool) -> Finish {
    match reason {
        "max_tokens" => Finish::Length,
        "model_context_window_exceeded" => Finish::Context,
        "stop_sequence" => Finish::Sequence(sequence),
        "tool_use" if answered => Finish::Stop,
        "tool_use" => Finish::Tools,
        "pause_turn" => Finish::Paused,
        "refusal" => Finish::Refused,
        _ => Finish::Stop,
    }
}
