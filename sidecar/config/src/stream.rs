//! The one stream between a sidecar and the operator: `POST /v1/stream` on port 8443, HTTP/2 over TLS, JSON lines both ways.
//!
//! The sidecar opens it with its ServiceAccount token and a `Hello`; the operator answers with a whole `Snapshot`, then
//! `Change`s. Either side sends `Ping` when it has been silent for [`PING_MS`], and gives the connection up after
//! [`SILENCE_MS`]. Lines longer than [`MAX_LINE`] end the connection.
//!
//! The shared gateway asks two things beside its stream, with the same token: [`REVIEW_PATH`] and [`CERTIFICATE_PATH`].

use crate::quota::{Ask, Grant, Hold, Reserve, Reserved, Return, Settle, Share, TokenUse, Use};
use crate::refusals::Refusal;
use crate::usage::Batch;
use crate::{Configuration, Fault, Name, Resource, SecretText};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The path of the stream.
pub const PATH: &str = "/v1/stream";
/// Where the shared gateway asks whose token a caller's is: `POST`, a [`Review`], answered by a [`Reviewed`].
pub const REVIEW_PATH: &str = "/v1/review";
/// Where the shared gateway gets the certificate that it shows its callers: `POST` without a body, answered by a [`Certificate`].
pub const CERTIFICATE_PATH: &str = "/v1/certificate";
/// The longest [`Review`], in bytes.
pub const MAX_REVIEW: usize = 64 << 10;
/// The header of the stream's request by which a sidecar says that it understands [`FromOperator::Inquire`]: who does not say so is never
/// asked, and an operator that does not know it passes it over.
pub const INQUIRES: &str = "purser-inquires";
/// The header of the stream's answer by which an operator says that it understands [`FromSidecar::Spool`]: who does not say so is never
/// told, and a sidecar that does not know it passes it over.
pub const HEARS_OF_SPOOLS: &str = "purser-hears-of-spools";
/// The same of [`FromSidecar::Uses`] and of [`goes_on`](crate::quota::Settle::goes_on).
pub const HEARS_OF_USES: &str = "purser-hears-of-uses";
/// The audience that the sidecar's token must carry.
pub const AUDIENCE: &str = "purser.dev/operator";
/// Silence after which a side sends `Ping`, in milliseconds.
pub const PING_MS: u64 = 1_000;
/// Silence after which the other side counts as gone, in milliseconds.
pub const SILENCE_MS: u64 = 4_000;
/// The longest line, in bytes.
pub const MAX_LINE: usize = 64 << 20;

/// The highest `resourceVersion` that was seen of each watch: `ApiKey`, or `ApiKey/shop` where namespaces are watched one by one.
pub type Seen = BTreeMap<String, u64>;

/// A published configuration: when, and what. Equal where both are, whatever may be claimed of it by `seen`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// When the operator published it, in unix milliseconds; never goes back.
    pub published_ms: u64,
    /// SHA-256 of the configuration's JSON, as 64 hexadecimal digits: equal contents have equal hashes.
    pub hash: String,
    /// How much of the cluster it may be made from: a replica that has seen less of it could bring back what is deleted.
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    pub seen: Seen,
}

impl Version {
    /// Claims as much as this one does, too.
    pub fn claims(&mut self, seen: &Seen) {
        for (watch, version) in seen {
            let known = self.seen.entry(watch.clone()).or_default();
            *known = (*known).max(*version);
        }
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        (self.published_ms, &self.hash) == (other.published_ms, &other.hash)
    }
}

impl Eq for Version {}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.published_ms, &self.hash).cmp(&(other.published_ms, &other.hash))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What a sidecar says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromSidecar {
    /// First line of every connection.
    Hello(Hello),
    /// The version is in force, whole.
    Ack(Version),
    /// The version is in force but for these resources, whose previous versions stay.
    Nack {
        /// The version that was refused in part.
        version: Version,
        /// What was wrong with what.
        faults: Vec<Fault>,
    },
    /// Questions for the authority, answered by an `Answer` of the same number.
    Ask {
        /// Rises by one with each message of a connection.
        seq: u64,
        /// At least one.
        asks: Vec<Ask>,
    },
    /// Uses of shares, made because answers came late or not at all, on a connection that lives: to be counted beside what was granted. Each is
    /// told once. Only for whoever said [`HEARS_OF_USES`].
    Uses(Vec<Use>),
    /// Grants that were not used.
    Return(Vec<Return>),
    /// What calls need beyond their window, answered by a `Reserved` of the same number.
    Reserve {
        /// Rises by one with each message of a connection; `Ask` counts in the same row.
        seq: u64,
        /// At least one.
        reserves: Vec<Reserve>,
    },
    /// Calls that ended, or go on without an answer.
    Settle(Vec<Settle>),
    /// Usage records, answered by `Kept`.
    Usage(Batch),
    /// The shares that now bind this sidecar: `Shares` is told again until it is heard.
    SharesHeld(Vec<Share>),
    /// How this process finds each channel that it has called: whole after each `Hello`, and again, whole, when it changed,
    /// at most once in [`PING_MS`].
    Health(Vec<ChannelHealth>),
    /// Calls that this process refused: each key and code whole after each `Hello`, and again, whole, when one more was refused; at most
    /// once in [`PING_MS`], and at most [`MOST_TOLD`](crate::refusals::MOST_TOLD) of them.
    Refused(Vec<Refusal>),
    /// What came of an `Inquire`.
    Inquired(Inquired),
    /// How this process's usage spool is: where something is wrong with it, and again, whole, when that changed; at most once in
    /// [`PING_MS`]. Only for whoever said [`HEARS_OF_SPOOLS`].
    Spool(SpoolHealth),
    /// I am here.
    Ping,
}

/// What a channel's provider answered to the question which models it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inquired {
    /// The number of the `Inquire`.
    pub id: u64,
    /// Whether it answered as it should.
    pub works: bool,
    /// What it said, or why nothing came.
    pub message: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What is wrong with a process's usage spool, and what to do; nothing, where both are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoolHealth {
    /// Why calls cannot be recorded now, so that those that cost credits are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses: Option<String>,
    /// Which records of an earlier process were damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// What one process found of one channel that it has called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelHealth {
    /// Which.
    pub channel: Name,
    /// Whether a call for any of its models would be sent to it.
    pub works: bool,
    /// What is wrong with it, or with a part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
}

/// One thing that is wrong with a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// What.
    pub ailment: Ailment,
    /// The credential (`secret-name/data-key`) or the model that it is about; the whole channel when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// For how long it has been so, in milliseconds.
    pub for_ms: u64,
}

/// The ways in which a channel fails, those first that only a person can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ailment {
    /// The provider refuses the credential.
    AuthFailed,
    /// The account has no credit left.
    OutOfMoney,
    /// The provider does not know the model.
    ModelUnknown,
    /// Calls failed, and for now none is sent.
    CircuitOpen,
}

/// Who a sidecar is and what it knows, so that a new authority can take over where the old one ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Chosen at start-up, random; one per process.
    pub instance: String,
    /// The version in force, if any.
    pub version: Option<Version>,
    /// Its own admissions of the last 60 s and a margin.
    pub uses: Vec<Use>,
    /// The shares it holds.
    pub shares: Vec<Share>,
    /// What its calls hold that are under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The tokens its calls occupy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenUse>,
    /// Its spool, and after a dot the life of this process on it; empty: it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub spool: String,
}

/// What the operator says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromOperator {
    /// Everything this sidecar may know.
    Snapshot {
        /// Its version.
        version: Version,
        /// The ServiceAccount of the token, by which the pod's own key is found.
        service_account: String,
        /// The whole configuration of the token's namespace.
        configuration: Configuration,
    },
    /// What became different since the last `Snapshot` or `Change` of this connection.
    Change {
        /// The version that results.
        version: Version,
        /// Resources that are new or different.
        set: Configuration,
        /// Resources that are gone.
        gone: Vec<Resource>,
    },
    /// The authority's answers to one `Ask`, in its order.
    Answer {
        /// The number of the `Ask`.
        seq: u64,
        /// The authority's term: grants of an older one are void.
        epoch: u64,
        /// One per question.
        grants: Vec<Grant>,
    },
    /// The authority's answers to one `Reserve`, in its order.
    Reserved {
        /// The number of the `Reserve`.
        seq: u64,
        /// The authority's term.
        epoch: u64,
        /// One per reserve.
        answers: Vec<Reserved>,
    },
    /// Every record of the spool up to this number is in the ledger, for ever.
    Kept {
        /// Which spool.
        spool: String,
        /// The last record's number; 0: none.
        upto: u64,
    },
    /// Shares for the time without an authority, replacing those of the same keys.
    Shares(Vec<Share>),
    /// A person asks whether a channel's provider answers, which an `Inquired` of the same number tells. Only for whoever said [`INQUIRES`].
    Inquire {
        /// Chosen by the operator.
        id: u64,
        /// Which channel.
        channel: Name,
    },
    /// I am here.
    Ping,
}

/// The token of a pod that calls the shared gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// As it came: its audience is [`AUDIENCE`], as that of the pod's own stream.
    pub token: SecretText,
}

/// Who that pod is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// The namespace of its ServiceAccount.
    pub namespace: String,
    /// The ServiceAccount's name.
    pub service_account: String,
}

/// A certificate for the shared gateway's names, of the operator's authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The leaf, then what it chains to, as PEM.
    pub chain_pem: String,
    /// Its key, as PEM.
    pub key_pem: SecretText,
    /// After how long to ask for the next one, in milliseconds.
    pub renew_after_ms: u64,
}
