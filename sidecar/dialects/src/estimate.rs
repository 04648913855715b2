//! Tokens where nobody has counted them: before a call, to reserve by, and after an answer that says nothing of its usage.
//!
//! Called for calls that are priced or limited by tokens. No tokenizer: each model has its own, and most are not public.
//! Must never make nothing of something; who records an estimate marks it as one.

use crate::Dialect;
use crate::json::{any_element, members};
use crate::walk::{Stuck, Walk};
use aho_corasick::packed::Searcher;
use memchr::memmem::Finder;
use purser_config::Endpoint;
use std::sync::LazyLock;

/// Bytes of text that make a token when too few must not be estimated. English has 4, code and Chinese about 3.
const TEXT: u64 = 3;
/// The same for what was written, where the estimate is to be near.
const WRITTEN: u64 = 4;
/// Tokens of an image, however many bytes it has: providers scale it down to about this.
const IMAGE: u64 = 2_048;
/// Bytes of sound or film that make a token: ten tokens a second, at the lowest bit rates in use.
const SOUND: u64 = 64;
/// Bytes of text that make a token where too many must not be estimated.
const LEAST: u64 = 6;
/// The least tokens of an image: one that is looked at coarsely.
const LEAST_IMAGE: u64 = 85;
/// Bytes between such a member's name and its base64.
const NEAR: usize = 128;
/// How deep strings are looked for; a tool's arguments stand at four.
const DEEP: usize = 8;

/// What is sought in each body or chunk: making a finder costs more than finding.
type Sought = LazyLock<Finder<'static>>;
/// All that may stand beside text, in one search.
static BESIDE: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(names()));
static IMAGE_URL: Sought = LazyLock::new(|| Finder::new("\"image_url\":"));
static VIDEO_URL: Sought = LazyLock::new(|| Finder::new("\"video_url\":"));
static INPUT_AUDIO: Sought = LazyLock::new(|| Finder::new("\"input_audio\":"));
static SOURCE: Sought = LazyLock::new(|| Finder::new("\"source\":"));
static INLINE_DATA: Sought = LazyLock::new(|| Finder::new("\"inlineData\":"));
static INLINE_DATA_SNAKE: Sought = LazyLock::new(|| Finder::new("\"inline_data\":"));
static BASE64: Sought = LazyLock::new(|| Finder::new(";base64,"));
static DATA: Sought = LazyLock::new(|| Finder::new("\"data\":"));
static DELTA: Sought = LazyLock::new(|| Finder::new("\"delta\""));
static CHOICES: Sought = LazyLock::new(|| Finder::new("\"choices\""));
static TEXT_NAME: Sought = LazyLock::new(|| Finder::new("\"text\""));
static PARTS: Sought = LazyLock::new(|| Finder::new("\"parts\""));
static IMAGE_TYPE: Sought = LazyLock::new(|| Finder::new("\"image/"));

/// At most so many tokens does a call read, for what is usually written:
///
/// - a third of the body's bytes, rounded up. Names, brackets and escapes are counted too, which is more than what each
///   message costs beside its text.
/// - each `image_url` is 2,048 tokens, and the base64 of one that is sent in a `data:` URL is not text.
/// - so is each `source` (Anthropic) and `inlineData` (Gemini) with base64 in it.
/// - the base64 of an `input_audio` or a `video_url` is a 64th of its bytes, and so is the whole form of a transcription.
///   Other files count as text.
///
/// What the provider remembers (`previous_response_id`, a stored prompt) is not in the body and not in the estimate. Texts
/// that are all digits or rare signs can have more tokens than this: up to one a byte.
pub fn input(body: &[u8], endpoint: Endpoint) -> u64 {
    let length = body.len() as u64;
    if crate::is_multipart(endpoint) {
        return length.div_ceil(SOUND).max(1);
    }
    Beside::of(body).tokens(length, TEXT, IMAGE)
}

/// The names of all that may stand beside text; a body without them has as many tokens as [`of_text`] says.
pub(crate) fn names() -> [&'static [u8]; 6] {
    [
        &*IMAGE_URL,
        &*VIDEO_URL,
        &*INPUT_AUDIO,
        &*SOURCE,
        &*INLINE_DATA,
        &*INLINE_DATA_SNAKE,
    ]
    .map(Finder::needle)
}

/// Whether what a member of this name holds may count as something else than text.
pub(crate) fn stands_beside_text(name: &str) -> bool {
    matches!(
        name,
        "image_url" | "video_url" | "input_audio" | "source" | "inlineData" | "inline_data"
    )
}

/// What [`input`] and [`input_of`] come to for a body of text alone.
pub fn of_text(body: &[u8]) -> u64 {
    (body.len() as u64).div_ceil(TEXT)
}

/// About so many tokens does a conversation read: a quarter of its text's bytes, rounded up, and 85 an image. A plan's share of a
/// model's context is kept by this number.
pub fn about(body: &[u8]) -> u64 {
    Beside::of(body).tokens(body.len() as u64, WRITTEN, LEAST_IMAGE)
}

/// At least so many tokens does a conversation read, for what is usually written: a sixth of its text's bytes. What has more than a
/// model's whole context by this number is sent to nobody; what has less is the provider's to count.
pub fn at_least(body: &[u8]) -> u64 {
    Beside::of(body).tokens(body.len() as u64, LEAST, LEAST_IMAGE)
}

/// What a body holds beside text, all of it.
#[derive(Default)]
struct Beside {
    images: Sent,
    heard: u64,
}

impl Beside {
    fn of(body: &[u8]) -> Beside {
        // Most bodies hold text alone, which one search for all names tells.
        if BESIDE.as_ref().is_some_and(|any| any.find(body).is_none()) {
            return Beside::default();
        }
        let mut images = Sent::under(&IMAGE_URL, body);
        for given in [&SOURCE, &INLINE_DATA, &INLINE_DATA_SNAKE] {
            let given = Sent::with_bytes(given, body);
            images.count += given.count;
            images.bytes += given.bytes;
        }
        let films = Sent::under(&VIDEO_URL, body);
        let sounds = Sent::under(&INPUT_AUDIO, body);
        let heard = films.bytes.saturating_add(sounds.bytes);
        Beside { images, heard }
    }

    fn tokens(&self, length: u64, text_bytes: u64, image: u64) -> u64 {
        let Beside { images, heard } = self;
        let text = length.saturating_sub(heard.saturating_add(images.bytes));
        (text.div_ceil(text_bytes) + heard.div_ceil(SOUND)).saturating_add(images.count * image)
    }
}

/// The same of a body in any API. Anthropic's `source` and Gemini's `inlineData` hold what is no text: an image is 2,048 tokens, anything
/// else (a PDF, sound, film) a 64th of its bytes.
pub fn input_of(dialect: Dialect, body: &[u8], endpoint: Endpoint) -> u64 {
    let names: &[&Finder<'_>] = match dialect {
        Dialect::OpenAI => return input(body, endpoint),
        Dialect::Anthropic => &[&*SOURCE],
        Dialect::Gemini => &[&*INLINE_DATA, &*INLINE_DATA_SNAKE],
    };
    let (mut images, mut others) = (Sent::default(), 0);
    for name in names {
        let all = Sent::under(name, body);
        let sent = Sent::images_under(name, body);
        others += all.bytes.saturating_sub(sent.bytes);
        images.count += sent.count;
        images.bytes += sent.bytes;
    }
    let text = (body.len() as u64).saturating_sub(images.bytes.saturating_add(others));
    (text.div_ceil(TEXT) + others.div_ceil(SOUND)).saturating_add(images.count * IMAGE)
}

/// What a body holds beside text.
#[derive(Default)]
struct Sent {
    count: u64,
    bytes: u64,
}

impl Sent {
    /// Only those that have bytes there: the name means other things as well.
    fn with_bytes(name: &Finder<'_>, body: &[u8]) -> Sent {
        Sent::counted(name, body, |length| length > 0)
    }

    fn under(name: &Finder<'_>, body: &[u8]) -> Sent {
        Sent::counted(name, body, |_| true)
    }

    /// No byte is looked at twice, however often the name stands there.
    fn counted(name: &Finder<'_>, body: &[u8], counts: impl Fn(usize) -> bool) -> Sent {
        let mut sent = Sent::default();
        let mut rest = body;
        while let Some(at) = name.find(rest) {
            rest = rest.get(at + name.needle().len()..).unwrap_or_default();
            let length = base64(rest);
            sent.count += u64::from(counts(length));
            sent.bytes += length as u64;
            rest = rest.get(length..).unwrap_or_default();
        }
        sent
    }
}

impl Sent {
    /// Those that say of themselves, before their bytes, that they are images.
    fn images_under(name: &Finder<'_>, body: &[u8]) -> Sent {
        let mut sent = Sent::default();
        let mut rest = body;
        while let Some(at) = name.find(rest) {
            rest = rest.get(at + name.needle().len()..).unwrap_or_default();
            let near = rest.get(..rest.len().min(NEAR)).unwrap_or_default();
            let (length, is_image) = (base64(rest), IMAGE_TYPE.find(near).is_some());
            if is_image && length > 0 {
                sent.count += 1;
                sent.bytes += length as u64;
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        sent
    }
}

/// How long the base64 is that begins here or soon, after `data:…;base64,` or as the whole of a `data`. What has another
/// sign in it is text: it would be read as such.
fn base64(value: &[u8]) -> usize {
    let near = value.get(..value.len().min(NEAR)).unwrap_or_default();
    let begin = BASE64.find(near).map(|at| at + 8).or_else(|| {
        let after = DATA.find(near)? + 7;
        let quote = memchr::memchr(b'"', near.get(after..)?)?;
        Some(after + quote + 1)
    });
    let payload = begin
        .and_then(|begin| value.get(begin..))
        .unwrap_or_default();
    let end = memchr::memchr(b'"', payload).unwrap_or(0);
    let payload = payload.get(..end).unwrap_or_default();
    let is_base64 = payload.iter().fold(true, |all, byte| {
        all & (byte.is_ascii_alphanumeric()
            | matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\'))
    });
    if is_base64 { end } else { 0 }
}

/// The content that was relayed of one stream, counted as it passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of text, as JSON writes them.
    bytes: u64,
    /// Events with any.
    events: u64,
}

impl Written {
    /// The data of one event: texts, thoughts, refusals, names and arguments of tools.
    pub fn event(&mut self, data: &[u8]) {
        let mut bytes = values(data, &DELTA);
        // Only completions have it there; elsewhere it repeats at the end what was written before.
        if bytes == 0
            && let Some(choices) = CHOICES.find(data)
        {
            bytes = values(data.get(choices..).unwrap_or_default(), &TEXT_NAME);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.events += u64::from(bytes > 0);
    }

    /// The same of Gemini's, whose content stands in the parts of its candidates.
    pub fn candidates(&mut self, data: &[u8]) {
        let bytes = parts(data);
        self.bytes = self.bytes.saturating_add(bytes);
        self.events += u64::from(bytes > 0);
    }

    /// A quarter of the bytes, rounded up, and at least one for each event with content: a provider sends at least a
    /// token at a time.
    pub fn tokens(&self) -> u64 {
        self.bytes.div_ceil(WRITTEN).max(self.events)
    }
}

/// The text of all lists of parts.
fn parts(mut data: &[u8]) -> u64 {
    let mut bytes = 0;
    while let Some(at) = PARTS.find(data) {
        data = data.get(at + PARTS.needle().len()..).unwrap_or_default();
        if let Some(value) = data.trim_ascii_start().strip_prefix(b":") {
            bytes += array(value.trim_ascii_start(), DEEP);
        }
    }
    bytes
}

/// The text in all values of that name. No byte is looked at twice: what stands within a value is part of it.
fn values(mut data: &[u8], name: &Finder<'_>) -> u64 {
    let mut bytes = 0;
    while let Some(at) = name.find(data) {
        data = data.get(at + name.needle().len()..).unwrap_or_default();
        let Some(value) = data.trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let value = value.trim_ascii_start();
        let (within, end) = match value.first() {
            Some(b'{') => object(value, DEEP),
            Some(b'"') => string(value),
            _ => (0, 0),
        };
        bytes += within;
        data = value.get(end..).unwrap_or_default();
    }
    bytes
}

/// The same for an answer that is not a stream: its choices, or the output of a response. What has neither (embeddings,
/// images) writes nothing.
pub fn output(body: &[u8]) -> u64 {
    let json = std::str::from_utf8(body).unwrap_or_default();
    let names = ["choices", "output", "content", "candidates"];
    let Some([choices, output, content, candidates]) = members(json, names) else {
        return 0;
    };
    let written = output.or(content);
    let mut bytes = written.map_or(0, |written| text(written.as_bytes(), DEEP));
    bytes += candidates.map_or(0, |candidates| parts(candidates.as_bytes()));
    any_element(choices.unwrap_or_default(), |choice| {
        let [message, written] = members(choice, ["message", "text"]).unwrap_or_default();
        let written = [message, written].into_iter().flatten();
        bytes += written
            .map(|value| text(value.as_bytes(), DEEP))
            .sum::<u64>();
        false
    });
    bytes.div_ceil(WRITTEN)
}

/// The bytes of the strings in a value, without those that are no content. What stands deeper counts whole.
fn text(value: &[u8], deep: usize) -> u64 {
    match value.first() {
        Some(b'"') => (value.len() as u64).saturating_sub(2),
        Some(b'{' | b'[') if deep == 0 => value.len() as u64,
        Some(b'{') => object(value, deep).0,
        Some(b'[') => array(value, deep),
        _ => 0,
    }
}

/// The same, and where the last of its values ends; of what is no object all is looked at.
fn object(value: &[u8], deep: usize) -> (u64, usize) {
    let (mut bytes, mut end) = (0, 0);
    let Ok(mut walk) = Walk::open(value, b'{') else {
        return (bytes, value.len());
    };
    loop {
        match walk.member() {
            Ok(Some((name, inner))) => {
                end = inner.end;
                if is_content(value.get(name.inner).unwrap_or_default()) {
                    bytes += text(value.get(inner).unwrap_or_default(), deep - 1);
                }
            }
            Ok(None) => return (bytes, end),
            Err(Stuck) => return (bytes, value.len()),
        }
    }
}

fn array(value: &[u8], deep: usize) -> u64 {
    let Ok(mut walk) = Walk::open(value, b'[') else {
        return 0;
    };
    let mut bytes = 0;
    while let Ok(Some(inner)) = walk.element() {
        bytes += text(value.get(inner).unwrap_or_default(), deep - 1);
    }
    bytes
}

/// Whether a member is written by the model, and not about what is.
fn is_content(name: &[u8]) -> bool {
    !matches!(
        name,
        b"role"
            | b"id"
            | b"call_id"
            | b"item_id"
            | b"type"
            | b"object"
            | b"status"
            | b"format"
            | b"signature"
            | b"thoughtSignature"
            | b"mimeType"
            | b"stop_reason"
            | b"encrypted_content"
            | b"data"
            | b"annotations"
            | b"logprobs"
    )
}

/// Between the quotes of the string that begins here, and where it ends.
fn string(text: &[u8]) -> (u64, usize) {
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += found;
        if text.get(at) == Some(&b'"') {
            return (at as u64 - 1, at + 1);
        }
        at += 2;
    }
    (text.len() as u64 - 1, text.len())
}
