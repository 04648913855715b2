//! Reads from a JSON body what a request's walk needs, in one pass, and proves that the body is one JSON object.
//!
//! Called once per request. Refuses what two parsers could read differently: the provider would then run another
//! model than the one that was checked and paid for.

use crate::json;
use serde::de::{DeserializeSeed, Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// More top-level members than any API has; remembering them all to find a duplicate must stay cheap.
pub const MAX_MEMBERS: usize = 1_024;
/// Up to here duplicates are sought by comparing with each; above, by hash.
const FEW: usize = 24;

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The model asked for.
    pub model: Option<Member>,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    pub max_tokens: Option<u64>,
    /// The caller's own user.
    pub user: Option<String>,
    /// The caller's hint for prompt caches.
    pub prompt_cache_key: Option<String>,
    /// How many answers.
    pub n: Option<u64>,
}

/// A string and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Decoded.
    pub value: String,
    /// The bytes of the body that spell it; in JSON with its quotes.
    pub span: Range<usize>,
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanFault {
    /// With line and column.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, of that kind.
    #[error("the body is {0}, expected a JSON object")]
    NotObject(&'static str),
    /// A form that is not to be read in one way only.
    #[error("the body is not multipart/form-data: {0}")]
    NotMultipart(&'static str),
    /// That member stands twice.
    #[error("the body has the member {0:?} more than once")]
    Duplicate(String),
    /// More than [`MAX_MEMBERS`].
    #[error("the body has more than {MAX_MEMBERS} members")]
    TooManyMembers,
    /// It is of that kind.
    #[error("model is {0}, expected a string")]
    ModelNotString(&'static str),
    /// Another member that we must understand.
    #[error("{member} is {found}, expected {expected}")]
    WrongType {
        /// Its name.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
}

impl ScanFault {
    /// OpenAI's `code` for it.
    pub fn code(&self) -> &'static str {
        match self {
            ScanFault::ModelNotString(_) | ScanFault::WrongType { .. } => "invalid_type",
            _ => "invalid_json",
        }
    }

    /// OpenAI's `param` for it.
    pub fn param(&self) -> Option<&str> {
        match self {
            ScanFault::Duplicate(name) => Some(name),
            ScanFault::ModelNotString(_) => Some("model"),
            ScanFault::WrongType { member, .. } => Some(member),
            _ => None,
        }
    }
}

/// What the body says, if it is one JSON object without duplicate members. Whether it must name a model is the
/// caller's to know.
pub fn scan_json(body: &[u8]) -> Result<Scan, ScanFault> {
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
    let first = text
        .bytes()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    if first != Some(b'{') {
        return Err(not_object(text));
    }
    let mut top = Top {
        text,
        scan: Scan::default(),
        fault: None,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_map(&mut top).and_then(|()| reader.end());
    let Top { scan, fault, .. } = top;
    match (fault, read) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) => Err(ScanFault::NotJson(error.to_string())),
        (None, Ok(())) => Ok(scan),
    }
}

/// What a JSON text is, by how it begins.
fn kind(text: &str) -> &'static str {
    match text.trim_start().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

fn not_object(text: &str) -> ScanFault {
    if text.is_empty() {
        return ScanFault::NotJson("the body is empty".into());
    }
    if text.starts_with('\u{feff}') {
        return ScanFault::NotJson("a byte order mark at line 1 column 1".into());
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => ScanFault::NotObject(kind(text)),
        Err(error) => ScanFault::NotJson(error.to_string()),
    }
}

fn not_utf8(body: &[u8], at: usize) -> ScanFault {
    let before = body.get(..at).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = at - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
    ScanFault::NotJson(format!("invalid UTF-8 at line {line} column {column}"))
}

/// The top-level object being read.
struct Top<'a> {
    text: &'a str,
    scan: Scan,
    fault: Option<ScanFault>,
}

impl<'a> Visitor<'a> for &mut Top<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            let read = member_read(&key);
            let taken = match (seen.add(key), read) {
                (Err(fault), _) => Err(fault),
                (Ok(()), Some(read)) => self.take(read, map.next_value::<&RawValue>()?),
                (Ok(()), None) => map.next_value::<IgnoredAny>().map(|_| Ok(()))?,
            };
            if let Err(fault) = taken {
                self.fault = Some(fault);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// A member that is read.
#[derive(Clone, Copy)]
enum Read {
    Model,
    Stream,
    MaxTokens,
    User,
    PromptCacheKey,
    N,
}

/// A `match`, since it compares lengths first: this is asked of every member.
fn member_read(name: &str) -> Option<Read> {
    match name {
        "model" => Some(Read::Model),
        "stream" => Some(Read::Stream),
        "max_tokens" | "max_completion_tokens" | "max_output_tokens" => Some(Read::MaxTokens),
        "user" => Some(Read::User),
        "prompt_cache_key" => Some(Read::PromptCacheKey),
        "n" => Some(Read::N),
        _ => None,
    }
}

impl<'a> Top<'a> {
    fn take(&mut self, read: Read, raw: &'a RawValue) -> Result<(), ScanFault> {
        match read {
            Read::Model => self.scan.model = Some(self.model(raw)?),
            Read::Stream => self.scan.stream = stream(raw)?,
            Read::User => self.scan.user = json::string(Some(raw)),
            Read::PromptCacheKey => self.scan.prompt_cache_key = json::string(Some(raw)),
            Read::N => self.scan.n = json::number(Some(raw)),
            // None is less than Some.
            Read::MaxTokens => {
                self.scan.max_tokens = self.scan.max_tokens.max(json::number(Some(raw)))
            }
        }
        Ok(())
    }

    fn model(&self, raw: &'a RawValue) -> Result<Member, ScanFault> {
        let literal = raw.get();
        if !literal.starts_with('"') {
            return Err(ScanFault::ModelNotString(kind(literal)));
        }
        let value = json::decode(literal)
            .map_err(|error| ScanFault::NotJson(format!("in model: {error}")))?;
        // The literal is borrowed from the body, so the distance of their addresses is its place.
        let start = (literal.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        Ok(Member {
            value,
            span: start..start + literal.len(),
        })
    }
}

fn stream(raw: &RawValue) -> Result<bool, ScanFault> {
    match raw.get() {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        other => Err(ScanFault::WrongType {
            member: "stream",
            expected: "a boolean",
            found: kind(other),
        }),
    }
}

/// The names seen so far.
#[derive(Default)]
struct Seen<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    fn add(&mut self, key: Cow<'a, str>) -> Result<(), ScanFault> {
        if self.few.contains(&key) || (!self.many.is_empty() && self.many.contains(&key)) {
            return Err(ScanFault::Duplicate(key.chars().take(128).collect()));
        }
        if self.few.len() < FEW {
            if self.few.capacity() == 0 {
                self.few.reserve_exact(FEW);
            }
            self.few.push(key);
        } else if self.many.len() + FEW < MAX_MEMBERS {
            self.many.insert(key);
        } else {
            return Err(ScanFault::TooManyMembers);
        }
        Ok(())
    }
}

/// A key, borrowed from the body unless it holds escapes.
struct Key<'a>(Cow<'a, str>);

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, key: D) -> Result<Key<'de>, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}
