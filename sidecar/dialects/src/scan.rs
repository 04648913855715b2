//! Reads from a JSON body what a request's walk needs, in one pass, and proves that the body is one JSON object.
//!
//! Called once per request. Refuses what two parsers could read differently: the provider would then run another
//! model than the one that was checked and paid for.

mod seen;

use crate::estimate;
use crate::gemini::config::Generation;
use crate::json;
use crate::openai::output_limit::{Limit, OutputLimits};
use crate::openai::usage_option::StreamOptions;
use crate::walk::{Stuck, Walk};
use seen::Seen;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// More top-level members than any API has; remembering them all to find a duplicate must stay cheap.
pub const MAX_MEMBERS: usize = 1_024;

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The model asked for.
    pub model: Option<Member>,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// How long an answer may be.
    pub limits: OutputLimits,
    /// What a stream is to say beside the answer.
    pub stream_options: Option<StreamOptions>,
    /// The caller's own user.
    pub user: Option<String>,
    /// The caller's hint for prompt caches.
    pub prompt_cache_key: Option<String>,
    /// How many answers.
    pub n: Option<u64>,
    /// How many are written for the best of them to be given.
    pub best_of: Option<u64>,
    /// How many prompts a list of them holds: each is answered.
    pub prompts: Option<u64>,
    /// Which members stand there that may ask more of a model than text.
    pub says: Says,
    /// Whether it is known to hold, within its members, nothing but what a conversation of texts has.
    pub texts_only: bool,
    /// What only Gemini's bodies have; read apart from the scan, where one is.
    pub generation: Option<Box<Generation>>,
}

/// Whether any member stands in a body that may ask more of a model than text; what it says is `needs`' to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Says {
    tools: bool,
    other: bool,
    mistral: bool,
}

impl Says {
    /// None does.
    pub fn is_plain(self) -> bool {
        !self.tools && !self.other
    }

    /// Whether anything is said in a word that among chats Mistral's have alone.
    pub fn has_mistrals_words(self) -> bool {
        self.mistral
    }

    /// Tools do.
    pub fn has_tools(self) -> bool {
        self.tools
    }
}

impl Scan {
    /// How many answers are written and paid for, whether or not they are given.
    pub fn answers(&self) -> u64 {
        let each = self.n.max(self.best_of).unwrap_or(1).max(1);
        each.saturating_mul(self.prompts.unwrap_or(1).max(1))
    }
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
    let text = json::text(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
    let first = text
        .bytes()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    if first != Some(b'{') {
        return Err(not_object(text));
    }
    let mut top = Top::of(text);
    match top.walk() {
        Ok(()) => top.finish(),
        // serde_json says what is wrong, and where.
        Err(Stuck) => {
            let mut top = Top::of(text);
            let mut reader = serde_json::Deserializer::from_str(text);
            let read = reader.deserialize_map(&mut top).and_then(|()| reader.end());
            match read {
                Err(error) if top.fault.is_none() => Err(ScanFault::NotJson(error.to_string())),
                _ => top.finish(),
            }
        }
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
        while let Some(name) = map.next_key::<String>()? {
            let read = member_read(&name);
            let taken = match seen.add(Cow::Owned(name)) {
                Err(fault) => Err(fault),
                Ok(()) => self.take(read, map.next_value::<&RawValue>()?.get()),
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
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    User,
    PromptCacheKey,
    N,
    BestOf,
    Prompt,
    Tools,
    More,
    Mistrals,
    ToolChoice,
}

/// A `match`, since it compares lengths first: this is asked of every member.
fn member_read(name: &str) -> Option<Read> {
    match name {
        "model" => Some(Read::Model),
        "stream" => Some(Read::Stream),
        "stream_options" => Some(Read::StreamOptions),
        "max_tokens" => Some(Read::MaxTokens),
        "max_completion_tokens" => Some(Read::MaxCompletionTokens),
        "max_output_tokens" => Some(Read::MaxOutputTokens),
        "user" => Some(Read::User),
        "prompt_cache_key" => Some(Read::PromptCacheKey),
        "n" => Some(Read::N),
        "best_of" => Some(Read::BestOf),
        "prompt" => Some(Read::Prompt),
        "tools" | "functions" => Some(Read::Tools),
        "tool_choice" => Some(Read::ToolChoice),
        "random_seed" | "safe_prompt" | "prompt_mode" => Some(Read::Mistrals),
        "response_format" | "text" | "reasoning" | "reasoning_effort" | "modalities"
        | "thinking" | "output_format" | "output_config" | "generationConfig"
        | "generation_config" => Some(Read::More),
        _ => None,
    }
}

impl<'a> Top<'a> {
    fn of(text: &'a str) -> Top<'a> {
        let (scan, fault) = (Scan::default(), None);
        Top { text, scan, fault }
    }

    fn finish(self) -> Result<Scan, ScanFault> {
        self.fault.map_or(Ok(self.scan), Err)
    }

    /// Up to the first fault.
    fn walk(&mut self) -> Result<(), Stuck> {
        let mut seen = Seen::default();
        let mut walk = Walk::open(self.text.as_bytes(), b'{')?;
        let mut texts_only = true;
        while let Some((spelt, value)) = walk.member_looked_into()? {
            let name = json::name(self.text, spelt)?;
            texts_only &= !estimate::stands_beside_text(&name);
            let (read, value) = (member_read(&name), self.text.get(value).ok_or(Stuck)?);
            if let Err(fault) = seen.add(name).and_then(|()| self.take(read, value)) {
                self.fault = Some(fault);
                return Ok(());
            }
        }
        self.scan.texts_only = texts_only && walk.has_texts_only();
        walk.end()
    }

    fn take(&mut self, read: Option<Read>, raw: &'a str) -> Result<(), ScanFault> {
        let Some(read) = read else { return Ok(()) };
        let span = crate::json::span(self.text, raw);
        let scan = &mut self.scan;
        match read {
            Read::Model => scan.model = Some(model(raw, span)?),
            Read::Stream => scan.stream = stream(raw)?,
            Read::StreamOptions => scan.stream_options = Some(StreamOptions::read(raw, span)),
            Read::MaxTokens => scan.limits.max_tokens = Some(Limit::read(raw, span)),
            Read::MaxCompletionTokens => {
                scan.limits.max_completion_tokens = Some(Limit::read(raw, span));
            }
            Read::MaxOutputTokens => scan.limits.max_output_tokens = Some(Limit::read(raw, span)),
            Read::User => scan.user = json::string(Some(raw)),
            Read::PromptCacheKey => scan.prompt_cache_key = json::string(Some(raw)),
            Read::N => scan.n = answers(raw),
            Read::BestOf => scan.best_of = answers(raw),
            Read::Prompt => scan.prompts = prompts(raw),
            Read::Tools => scan.says.tools = true,
            Read::More => scan.says.other = true,
            Read::Mistrals => scan.says.mistral = true,
            Read::ToolChoice => scan.says.mistral |= raw == "\"any\"",
        }
        Ok(())
    }
}

fn model(literal: &str, span: Range<usize>) -> Result<Member, ScanFault> {
    if !literal.starts_with('"') {
        return Err(ScanFault::ModelNotString(kind(literal)));
    }
    let value =
        json::decode(literal).map_err(|error| ScanFault::NotJson(format!("in model: {error}")))?;
    Ok(Member { value, span })
}

/// Some servers read a number in quotes as well, and each answer is paid for.
fn answers(raw: &str) -> Option<u64> {
    json::number(Some(raw.trim_matches('"')))
}

/// A list of texts or of lists of tokens holds so many prompts; a text or one list of tokens is one.
fn prompts(raw: &str) -> Option<u64> {
    let mut count = 0;
    let only_prompts = !json::any_element(raw, |element| {
        count += 1;
        !element.starts_with(['"', '['])
    });
    (only_prompts && count > 0).then_some(count)
}

fn stream(raw: &str) -> Result<bool, ScanFault> {
    match raw {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        other => Err(ScanFault::WrongType {
            member: "stream",
            expected: "a boolean",
            found: kind(other),
        }),
    }
}
