//! What changed, as data: each change of the windows is told as `Debit`s, and the windows that replay them are the same. `windows`
//! makes and replays them, `journal` writes and reads them; times are nanoseconds of the windows' clock.

use crate::Memory;
use crate::window::Owner;
use purser_config::Name;
use serde::{Deserialize, Serialize};

/// What was kept of an authority's last life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// How much of it is known.
    pub memory: Memory,
    /// What it told, the oldest first. Of a time that is not known whole, the days alone.
    pub debits: Vec<Debit>,
}

/// One change. Where it can be, it says what is now, so that saying it twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Debit {
    /// An authority began then that knew nothing of the time before; told with an account, and before all else.
    Forgot(u64),
    /// A process that speaks for its keys, and the number under which the others name it. Its shares follow.
    Sidecar(Sidecar),
    /// That sidecar's process ended; what it held was told before.
    Gone(String),
    /// A share that a sidecar may believe in.
    Share {
        /// Whose.
        sidecar: String,
        /// Of which key.
        key: Name,
        /// How large.
        requests: u32,
    },
    /// More occupies a window.
    Takes(Log, Owner, u64, u64),
    /// Less does: whose, until when, how much.
    Frees(Log, Owner, u64, u64),
    /// All that an owner has in a window: until when, how much.
    Has(Log, Owner, Vec<(u64, u64)>),
    /// A key's day and the requests in it.
    Day(Name, u64, u32),
    /// What a call holds: its key, its id.
    Holds(Name, String, Hold),
    /// It holds nothing any more.
    Ends(Name, String),
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Log {
    /// A key's requests.
    Minute(Name),
    /// A key's tokens.
    Tokens(Name),
    /// A channel's requests.
    Channel(Name),
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The sidecar's name; a process that takes another's name replaces it.
    pub name: String,
    /// The process.
    pub instance: String,
    /// Its number.
    pub owner: Owner,
    /// The namespace that it speaks for; `None`: all.
    pub scope: Option<String>,
    /// Its spool, which one process has at a time; empty: unknown, or none.
    #[serde(default)]
    pub spool: String,
}

/// What one call holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// By whom.
    pub owner: Owner,
    /// When it was first held.
    pub since: u64,
    /// Until when its tokens occupy the minute, and how many; `None`: unknown, or none.
    pub tokens: Option<(u64, u64)>,
    /// Whether it is one of the key's concurrent requests.
    pub slot: bool,
    /// What it holds of channels.
    pub seats: Vec<Seat>,
}

/// What one call holds of one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Which.
    pub channel: Name,
    /// Until when its request occupies the channel's minute.
    pub leaves: Option<u64>,
    /// Whether it is one of the channel's concurrent requests.
    pub slot: bool,
}

impl Hold {
    /// Whether it only occupies windows, which empty by themselves.
    pub(crate) fn fades(&self) -> bool {
        !self.slot && !self.seats.iter().any(|seat| seat.slot)
    }
}
