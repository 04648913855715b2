//! The form in which a configuration lies in a Secret, or in any folder: an index and its parts.
//!
//! ```text
//! index.json   {"version":{…},"bytes":123456,"parts":["<sha256 of part-0>", …]}
//! part-0 …     the gzip of the configuration's JSON, cut into pieces of at most PART_BYTES
//! ```
//! The operator writes it, the sidecar reads it; both compress and hash at their own edge.

use crate::stream::Version;
use serde::{Deserialize, Serialize};

/// The data key of the index.
pub const INDEX: &str = "index.json";
/// The largest part, in bytes: a Secret holds at most 1 MiB, base64 included in what the API server counts.
pub const PART_BYTES: usize = 700 << 10;
/// The largest configuration that is unpacked, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// The data key of part `number`.
pub fn part_name(number: usize) -> String {
    format!("part-{number}")
}

/// What the parts are and what they must hash to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The version within.
    pub version: Version,
    /// Length of the JSON before compression.
    pub bytes: usize,
    /// SHA-256 of each part, 64 hexadecimal digits, in order.
    pub parts: Vec<String>,
    /// PEM certificates of the operator's CA, old and new, by which the stream is trusted.
    pub ca_pem: String,
}
