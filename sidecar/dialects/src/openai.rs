//! OpenAI's API: its endpoints and its error body. Its streams are `sse`'s, since every provider imitates them.

pub mod endpoint;
pub(crate) mod error;
pub mod output_limit;
pub mod usage_option;
