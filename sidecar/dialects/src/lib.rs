//! Provider wire formats: what callers and providers write, read from bytes and written to bytes.
//!
//! ```text
//! caller --path-->  endpoint          which call is it
//!        --body-->  scan, multipart   its model and limits   --splice--> what this provider must be told instead
//!                   estimate          what it may cost
//!                   needs, schema     what it asks of a model beyond text, and whether its tools' schemas are such
//! provider --stream--> sse::Gate      may it be shown yet    --sse::Tail--> did it end as it should, what did it use
//!                                     --sse::UsageFilter--> without the usage that only we asked for
//!          --error---> upstream_error whose fault is it
//! caller <--> translate <--> provider  where their wires differ: each by way of talk, the common form
//!        --body-->  state             where they do not: without what another provider sealed
//!                   kept              and ids of what a provider keeps, with the seal of who made them
//! us --refusal--> error               in the caller's dialect: openai, anthropic, gemini
//! ```
//!
//! Called by `purser-sidecar`, at every step of a request's walk.
//!
//! Invariant: no I/O, no clock, no async; never tokio, hyper or kube.
//! Invariant: no input panics. Every byte here was written by somebody else.
//! Invariant: memory is bounded by the input, or by [`sse::MAX_LINE`] where the input does not end.
//! Invariant: any way of cutting a stream into chunks gives the same answers.

pub mod address;
mod anthropic;
pub mod count;
pub mod embed;
pub mod endpoint;
pub mod error;
pub mod estimate;
pub mod fields;
mod file;
mod gemini;
mod json;
pub mod kept;
mod marks;
pub mod multipart;
pub mod needs;
pub mod openai;
pub mod provider;
pub mod scan;
pub mod schema;
pub mod splice;
pub mod sse;
pub mod state;
mod stream_error;
pub mod talk;
mod text;
pub mod translate;
pub mod upstream_error;
mod usage;
mod walk;
mod wire;

pub use anthropic::budget::thinks_beyond;
pub use endpoint::{Aim, Route, Unrouted, classify, dialect_of};
pub use error::{ErrorBody, render, render_event, render_responses_event};
pub use gemini::config::Generation;
pub use gemini::name_within;
pub use gemini::path::{Named, Verb};
pub use marks::is_plain;
pub use multipart::{boundary, scan_multipart};
pub use needs::{Medium, Needs, Sense, check_tools, media_beside, needs};
pub use openai::chat::suited::{Suited, is_strict, suited, takes_mistrals_words};
pub use openai::endpoint::{is_multipart, upstream_path};
pub use openai::output_limit::{
    Limit, OutputLimits, limit_messages, limit_output, output_limit, output_limit_member,
    rename_limit,
};
pub use openai::usage_option::{StreamOptions, asks_usage};
pub use scan::{Member, Says, Scan, ScanFault, scan_json};
pub use splice::{Edit, member_first, replace_model, splice};
pub use sse::{
    Array, End, Event, Events, Gate, KEEP_ALIVE, Screen, Tail, TooLong, UsageFilter, Verdict,
    keep_alive,
};
pub use upstream_error::UpstreamError;
pub use usage::{Usage, Whole};
pub use wire::Wire;

/// Which API a caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the APIs' own")]
pub enum Dialect {
    OpenAI,
    Anthropic,
    Gemini,
}

impl Dialect {
    /// As metrics and logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenAI => "openai",
            Dialect::Anthropic => "anthropic",
            Dialect::Gemini => "gemini",
        }
    }
}
