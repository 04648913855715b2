//! The compiled configuration, and every message between a sidecar and the authority that feeds it.
//!
//! ```text
//! operator --(Configuration, quota answers)--> sidecar        one HTTP/2 stream of JSON lines, `stream`
//! operator --(Bundle in a Secret)-----------> sidecar        boot and fallback, `bundle`
//! sidecar  --(Hello, Ack, Nack, Ask, Reserve, usage)-> operator
//! ```
//!
//! Owned by the reader: the sidecar says what it accepts, the operator depends on it. `purser-compile` writes it,
//! `purser-sidecar` obeys it, `purser-authority` answers its questions.
//!
//! Invariant: plain data and its validation only. No clock, no I/O, no Kubernetes, no async.
//! Invariant: what is a secret (`SecretText`) never prints itself.
//! Invariant: times that cross the wire are ages or remaining times, except moments a person wrote or reads (unix milliseconds).

pub mod bundle;
pub mod calendar;
mod channel;
mod check;
mod configuration;
mod digest;
mod glob;
mod key;
mod name;
mod plan;
pub mod price;
pub mod quota;
pub mod refusals;
mod secret;
pub mod stream;
pub mod usage;
mod validity;

pub use channel::{
    Capability, Channel, ChannelLimits, Credential, Endpoint, Header, Health, Model, Provider,
    Timeouts,
};
pub use check::{Fault, MAX_RESOURCES, check};
pub use configuration::{Configuration, Resource};
pub use digest::{Digest, InvalidDigest};
pub use glob::glob_matches;
pub use key::{Key, Previous, Refusal, Standing};
pub use name::{InvalidName, Name};
pub use plan::{
    Credits, Length, OnAbort, Plan, Resets, Routing, Starts, Validity, WhenQuotaUnreachable,
};
pub use secret::SecretText;
