//! OpenAI's API: its endpoints and its error body. Its streams are `sse`'s, since every provider imitates them.

pub(crate) mod chat;
pub(crate) mod completions;
pub mod endpoint;
pub(crate) mod error;
pub(crate) mod models;
pub mod output_limit;
pub(crate) mod responses;
pub(crate) mod tool_id;
pub mod usage_option;
