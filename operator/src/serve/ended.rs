//! Why a stream ends, in words and as a metric's label. `connection` and `work` say it; decides nothing.

use crate::serve::bounds::{LONGEST_ID, LONGEST_INSTANCE};
use crate::serve::lines::TooLong;
use purser_config::stream::SILENCE_MS;

/// Why a stream ended, other than by being closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// It sent or read nothing for too long.
    #[error("the sidecar was silent for {SILENCE_MS} ms")]
    Silent,
    /// The first line was something else.
    #[error(
        "the first line must be a hello with an instance of 1 to {LONGEST_INSTANCE} letters, digits and hyphens, and a spool of at most {LONGEST_ID} plain bytes"
    )]
    NoHello,
    /// A line that is no message.
    #[error("a line is not a message")]
    Malformed(#[from] serde_json::Error),
    /// A line without end.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    /// Nobody reads the answer any more.
    #[error("the sidecar closed the answer")]
    Closed,
    /// A newer connection has its name, or the operator ends.
    #[error("another connection took the sidecar's name, or the operator ends")]
    Replaced,
    /// Not the leader any more.
    #[error("this operator no longer leads")]
    NotLeader,
    /// More than any sidecar says at once.
    #[error("a message holds more than any may: {0}")]
    TooMuch(&'static str),
    /// Usage records of somebody else's calls, or spool.
    #[error("usage records are refused: {0}")]
    Refused(String),
}

impl Ended {
    /// The metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Ended::Silent => "silent",
            Ended::NoHello => "no_hello",
            Ended::Malformed(_) => "malformed",
            Ended::TooLong(_) => "too_long",
            Ended::Broken(_) => "broken",
            Ended::Closed => "closed",
            Ended::Replaced => "replaced",
            Ended::NotLeader => "not_leader",
            Ended::TooMuch(_) => "too_much",
            Ended::Refused(_) => "usage_refused",
        }
    }
}
