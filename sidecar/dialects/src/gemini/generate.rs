//! Gemini's `generateContent`, read and written. Called by `translate`.
//!
//! ```text
//! caller  --body--> read_ask (turns_in, config_in, tools_in) --Ask--> write_ask (turns_out, config_out, tools_out) --body--> provider
//! caller <--body--- write_reply <--Reply-- read_reply <--body-- provider
//! caller <--events- writer      <--Piece-- reader     <--events-- provider
//! ```
//!
//! `answer` is what both readers of answers see, `shown` what stands in one beside text and calls, `part` what a turn is made of, `held` what a stream holds until it ends, `schema`, `thinking`, `finish` and `logprobs` what has two
//! spellings, `lenient` what Google reads beside what its reference says. As Google does, requests are read in camelCase and in snake_case,
//! and written in camelCase.

mod answer;
mod config_in;
mod config_out;
mod finish;
mod held;
mod ids;
mod lenient;
mod logprobs;
mod media_in;
mod part;
mod read_ask;
mod read_reply;
mod reader;
mod schema;
mod shown;
mod silence;
mod thinking;
mod tools_in;
mod tools_out;
mod turns_in;
mod turns_out;
mod write_ask;
mod write_reply;
mod writer;

pub(crate) use read_ask::read_ask;
pub(crate) use read_reply::read_reply;
pub(crate) use reader::Reader;
pub(in crate::gemini) use thinking::within;
pub(crate) use turns_out::NOT_OURS;
pub(crate) use write_ask::write_ask;
pub(crate) use write_reply::write_reply;
pub(crate) use writer::Writer;

/// Whether the first call of a turn must be signed: by models from 3 on.
pub(crate) fn wants_signatures(model: &str) -> bool {
    thinking::Family::of(model).is_third()
}
