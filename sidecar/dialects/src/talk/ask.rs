//! One request. Written by the reader of the caller's API, read by the writer of the provider's. Must never hold what only one API means.

use crate::json::members;
use crate::{Dialect, Wire};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

/// One request for an answer.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// How the caller wrote it: refusals name its members as they are spelt there.
    pub wire: Wire,
    /// The model, by the caller's name for it.
    pub model: String,
    /// Whether the answer is to come in pieces.
    pub stream: bool,
    /// Whether a stream is to end with its usage. Only OpenAI's chat callers can say no.
    pub wants_usage: bool,
    /// Instructions and conversation, in order. Tool results are blocks of user turns.
    pub turns: Vec<Turn>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub choose: Option<Choose>,
    /// Whether it may call several at once; absent: the API's default.
    pub parallel_tools: Option<bool>,
    /// How it picks its words.
    pub sampling: Sampling,
    /// What shape the answer must have.
    pub format: Format,
    /// Whether and how much it thinks first; absent: the model's default.
    pub reasoning: Option<Reasoning>,
    /// The caller's own user.
    pub user: Option<String>,
    /// Members that were set to something and have no place here: the writer refuses them.
    pub beyond: Vec<Beyond>,
}

/// A member of a request that only its own API understands, and that changes what is answered. Hints, which change only cost,
/// speed or bookkeeping (`service_tier`, `prompt_cache_key`, `metadata`, …), are left out by readers and are not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Its path, as the caller would look for it: `web_search_options`, `messages[3].content[0].file.file_id`.
    pub param: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the APIs' own")]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
}

/// What one of them says at once.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who.
    pub role: Role,
    /// OpenAI's `name` of a participant.
    pub name: Option<String>,
    /// What, in order.
    pub blocks: Vec<Block>,
}

/// A part of a turn or of an answer.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the variants say what their fields hold")]
pub enum Block {
    Text {
        text: String,
        /// Anthropic's `cache_control`, as written: a prompt cache may end here.
        cache: Option<Box<RawValue>>,
        /// Where it comes from: citations or annotations, as that API wrote them.
        citations: Vec<Value>,
    },
    Image {
        source: Source,
        /// OpenAI's `detail`.
        detail: Option<String>,
        cache: Option<Box<RawValue>>,
    },
    /// A PDF or another document.
    Document {
        source: Source,
        name: Option<String>,
        cache: Option<Box<RawValue>>,
    },
    /// Sound; `format` is `wav`, `mp3`, ….
    Audio { data: String, format: String },
    /// The model calls a tool.
    ToolCall {
        id: String,
        name: String,
        /// One JSON object, as text.
        arguments: String,
        /// Gemini's `thoughtSignature` of the call.
        sealed: Option<Sealed>,
        cache: Option<Box<RawValue>>,
    },
    /// What a tool answered; in user turns.
    ToolResult {
        /// The call's.
        id: String,
        /// The tool's, where the API says it; else found by `id` in the turns before.
        name: Option<String>,
        /// Text, images, documents.
        blocks: Vec<Block>,
        is_error: bool,
        cache: Option<Box<RawValue>>,
    },
    /// What the model thought, or a summary of it.
    Thinking {
        text: String,
        sealed: Option<Sealed>,
    },
    /// Thoughts that only their origin can read.
    Redacted { sealed: Sealed },
    /// Why the model would not answer.
    Refusal { text: String },
}

impl Block {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Block {
        Block::Text {
            text: text.into(),
            cache: None,
            citations: Vec::new(),
        }
    }
}

/// A signature or ciphertext of a provider's. It returns to its origin unchanged, and goes nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Whose API made it.
    pub origin: Dialect,
    /// As it made it.
    pub data: String,
}

/// Where the bytes of an image or document are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the fields' own")]
pub enum Source {
    /// Here, in base64.
    Data { media_type: String, data: String },
    /// At an address.
    Url(String),
    /// In the provider's store.
    File(String),
}

/// A function that the model may call.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are the fields' own")]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    /// JSON Schema of its arguments, as written: models write members in the order of their schema. Absent: it takes none.
    pub parameters: Option<Box<RawValue>>,
    pub strict: Option<bool>,
    pub cache: Option<Box<RawValue>>,
}

/// Whether a tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choose {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Any,
    /// This one.
    Tool(String),
    /// At least one (`required`), or as it likes, of these.
    Among {
        /// Their names.
        names: Vec<String>,
        /// Whether one must be.
        required: bool,
    },
}

/// How the model picks its words. Numbers stay as written. What stands at its API's default is read as absent.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the names are the APIs' own")]
pub struct Sampling {
    /// The most tokens of an answer, thoughts included.
    pub max_output: Option<u64>,
    pub stop: Vec<String>,
    pub temperature: Option<Number>,
    pub top_p: Option<Number>,
    pub top_k: Option<u64>,
    pub min_p: Option<Number>,
    pub frequency_penalty: Option<Number>,
    pub presence_penalty: Option<Number>,
    pub seed: Option<i64>,
    /// How many answers; absent: one.
    pub n: Option<u64>,
    /// Log probabilities, and of how many alternatives.
    pub logprobs: Option<u64>,
    pub logit_bias: Option<Value>,
}

impl Sampling {
    /// `temperature` and `top_p`, but for 1: what says no more than the API does by itself is carried by omission, since newer models refuse
    /// the members.
    pub(crate) fn warmth(&self) -> [Option<&Number>; 2] {
        let told = |number: &&Number| number.as_f64() != Some(1.0);
        [&self.temperature, &self.top_p].map(|number| number.as_ref().filter(told))
    }
}

/// What shape an answer must have.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the names are the APIs' own")]
pub enum Format {
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    JsonSchema {
        name: Option<String>,
        description: Option<String>,
        /// As written: models write members in the order of their schema.
        schema: Box<RawValue>,
        strict: Option<bool>,
    },
}

impl Format {
    /// Whether an answer is an object, as far as the root of its schema says: some APIs take no other.
    pub(crate) fn is_of_an_object(&self) -> bool {
        let Format::JsonSchema { schema, .. } = self else {
            return true;
        };
        match members(schema.get(), ["type"]) {
            Some([Some(kind)]) => kind.contains("\"object\""),
            _ => true,
        }
    }
}

/// How much the model thinks first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// In words.
    pub effort: Option<Effort>,
    /// In tokens. `Some(0)`: not at all.
    pub budget: Option<u64>,
    /// As much as the model likes (Anthropic's `adaptive`, Gemini's -1).
    pub adaptive: bool,
    /// Whether thoughts, or a summary of them, are to be shown.
    pub show: Option<bool>,
}

/// How hard it thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the APIs' own")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}
