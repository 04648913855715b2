//! Why a Redis is not taken, and that one cannot be asked. Made by `link`; read by people, and by the stream. Never holds a password.

use thiserror::Error;

/// Why the windows cannot be kept in this server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RedisError {
    /// The address cannot be read.
    #[error(
        "The address of Redis cannot be read: {why}. It has the form redis://[user:password@]host[:port][/number], rediss:// for TLS."
    )]
    Address {
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers.
    #[error(
        "Redis at {at} cannot be reached: {why}. Check the address, that the server runs, and that this network may reach it."
    )]
    Unreachable {
        /// Where, without a password.
        at: String,
        /// Why.
        why: String,
    },
    /// It answers, and does nothing.
    #[error(
        "Redis at {at} answers with an error: {why}. Look at its memory, its disk and its log; nothing is granted until it works, and nothing is forgotten."
    )]
    Fails {
        /// Where, without a password.
        at: String,
        /// What it says.
        why: String,
    },
    /// It does not know us.
    #[error(
        "Redis at {at} refuses the user or the password. Put the right ones into the address, as redis://user:password@host."
    )]
    Password {
        /// Where.
        at: String,
    },
    /// It knows us, and does not let us.
    #[error(
        "Redis at {at} does not allow a command that is needed: {why}. Allow INFO, TIME, SCRIPT, EVALSHA and the commands of hashes, sets and streams, on all keys of the prefix."
    )]
    Forbidden {
        /// Where.
        at: String,
        /// What it says.
        why: String,
    },
    /// It would forget what was used when it restarts.
    #[error(
        "Redis at {at} keeps no append-only file, so a restart would forget what was used. Set `appendonly yes`."
    )]
    NoAppendOnlyFile {
        /// Where.
        at: String,
    },
    /// It would throw away what was used when memory is short.
    #[error(
        "Redis at {at} may throw keys away (maxmemory-policy {policy}), so limits would be forgotten. Set `maxmemory-policy noeviction`."
    )]
    Evicts {
        /// Where.
        at: String,
        /// Its policy.
        policy: String,
    },
    /// It only follows another.
    #[error("Redis at {at} is a read-only replica. Name the primary's address.")]
    Replica {
        /// Where.
        at: String,
    },
    /// It spreads its keys.
    #[error(
        "Redis at {at} is a node of a Redis Cluster, whose nodes fail one by one. Name a single primary; it may have replicas."
    )]
    Cluster {
        /// Where.
        at: String,
    },
    /// It is still starting.
    #[error(
        "Redis at {at} was still loading its data after {waited_s} s. Start again when it has finished."
    )]
    Loading {
        /// Where.
        at: String,
        /// For how long it was asked again, in seconds.
        waited_s: u64,
    },
}

/// The windows cannot be asked now: no answer in time, an error, or another term has begun. What was asked may have been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "The windows cannot be asked now: Redis did not answer in time, or another term has begun."
)]
pub struct Unreachable;
