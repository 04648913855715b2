//! From the caller's wire form to the provider's and back, by way of `talk`.
//!
//! ```text
//! caller --body-->   read_ask   --Ask-->   write_ask    --body-->   provider
//! caller <--body--   write_reply <--Reply-- read_reply  <--body--   provider
//! caller <--events-- Interpreter { writer <--Piece-- reader } <--events-- provider
//! ```
//!
//! Called by the sidecar for pairs that differ. Each arm is one room; none of them knows another.

mod alone;
mod fault;

pub use crate::openai::responses::Echo;
pub use fault::Unfit;

use crate::anthropic::messages;
use crate::gemini::generate;
use crate::openai::{chat, completions, responses};
use crate::provider::Quirks;
use crate::talk::{Ask, Kind, Piece, Reply};
use crate::{ErrorBody, Event, Events, TooLong, Wire};
use alone::Alone;
use std::borrow::Cow;

/// What is wrong with a caller's request: 400 `invalid_request_error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AskFault {
    /// The path of the member at fault.
    pub param: Option<String>,
    /// What is wrong with it, and what is expected.
    pub message: String,
}

/// What a provider's API has no words for: the channel is skipped, and when all are, 400 `unsupported_parameter`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unsayable {
    /// The path of the member in the caller's request.
    pub param: String,
    /// Why that API cannot say it, as half a sentence: "Anthropic's API has no log probabilities".
    pub why: String,
}

/// An answer that cannot be given: it is not what its API writes, it broke off or says nothing, or the caller's API has no place for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer cannot be given: {0}")]
pub struct Unreadable(pub String);

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Whose API it is.
    pub quirks: &'static Quirks,
    /// The provider's name for the model.
    pub model: &'a str,
    /// The most tokens that the answer may have, where plan or model bound it: the caller's own limit is lowered to it, and it is
    /// sent where the caller names none.
    pub most_output: Option<u64>,
}

/// A request as the provider gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its body.
    pub body: Vec<u8>,
    /// Whether thoughts, signatures or ciphertexts of another origin were left out: the caller is told by a header.
    pub removed_state: bool,
}

/// What of the request shapes its answer.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The model by the caller's name; answers say this one.
    pub model: String,
    /// `x-request-id`: ids that a provider does not give are made of it.
    pub request_id: String,
    /// Now, in unix seconds, for answers of providers that do not say.
    pub now: u64,
    /// Whether a chat stream ends with its usage.
    pub wants_usage: bool,
    /// Gemini streams: one JSON array instead of events.
    pub as_array: bool,
    /// Whether no more than one call of a tool is wanted; of more the first is given.
    pub one_call: bool,
    /// Whether each delta of a call needs a name, as Mistral's own SDK does; "" after the first.
    pub names_calls: bool,
    /// What a response says again of its request.
    pub echo: Echo,
}

/// Reads a caller's request. `path_model` and `path_stream` are what a Gemini path says.
///
/// # Errors
/// What is wrong with it.
pub fn read_ask(wire: Wire, body: &[u8], path: Path<'_>) -> Result<Ask, AskFault> {
    match wire {
        Wire::Chat => chat::read_ask(body),
        Wire::Completions => completions::read_ask(body),
        Wire::Responses => responses::read_ask(body),
        Wire::Messages => messages::read_ask(body),
        Wire::Generate => generate::read_ask(body, path),
    }
}

/// What a path says beside the body; empty but for Gemini.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<'a> {
    /// `gemini-2.5-pro` in `/v1beta/models/gemini-2.5-pro:generateContent`.
    pub model: &'a str,
    /// `:streamGenerateContent`.
    pub stream: bool,
}

/// Writes it for a provider, in [`Quirks::wire`].
///
/// # Errors
/// What its API cannot say.
pub fn write_ask(ask: &Ask, target: &Target<'_>) -> Result<Written, Unsayable> {
    match target.quirks.wire {
        Wire::Chat | Wire::Completions => chat::write_ask(ask, target),
        Wire::Responses => responses::write_ask(ask, target),
        Wire::Messages => messages::write_ask(ask, target),
        Wire::Generate => generate::write_ask(ask, target),
    }
}

/// Reads a provider's whole answer.
///
/// # Errors
/// When it is none.
pub fn read_reply(wire: Wire, body: &[u8]) -> Result<Reply, Unreadable> {
    match wire {
        Wire::Chat | Wire::Completions => chat::read_reply(body),
        Wire::Responses => responses::read_reply(body),
        Wire::Messages => messages::read_reply(body),
        Wire::Generate => generate::read_reply(body),
    }
}

/// Writes it for the caller.
///
/// # Errors
/// What the caller's API has no place for.
pub fn write_reply(wire: Wire, reply: &Reply, asked: &Asked) -> Result<Vec<u8>, Unreadable> {
    fault::fits(reply, wire)?;
    let mut reply = Cow::Borrowed(reply);
    if asked.one_call {
        let choices = &mut reply.to_mut().choices;
        choices.iter_mut().for_each(alone::leave_first_call);
    }
    let reply = reply.as_ref();
    Ok(match wire {
        Wire::Chat => chat::write_reply(reply, asked),
        Wire::Completions => completions::write_reply(reply, asked),
        Wire::Responses => responses::write_reply(reply, asked),
        Wire::Messages => messages::write_reply(reply, asked),
        Wire::Generate => generate::write_reply(reply, asked),
    })
}

/// One stream, read and written again as it comes.
#[derive(Debug)]
pub struct Interpreter {
    events: Events,
    reader: Reader,
    writer: Writer,
    pieces: Vec<Piece>,
    /// Bytes of content that the writer keeps, to say them again at an end.
    kept: usize,
    /// An error was written: nothing follows.
    failed: bool,
    /// Where one call at a time is wanted.
    alone: Option<Alone>,
}

/// The most that a writer keeps of one stream, 4 MiB of content, ten times what any model writes: a stream without end must not take memory
/// without end.
const MOST_KEPT: usize = 4 << 20;
/// The longest event that is translated, 16 MiB, as long as a whole answer that is: one may hold a picture.
pub const LONGEST_EVENT: usize = 16 << 20;

#[derive(Debug)]
enum Reader {
    Chat(chat::Reader),
    Responses(responses::Reader),
    Messages(messages::Reader),
    Generate(generate::Reader),
}

#[derive(Debug)]
enum Writer {
    Chat(chat::Writer),
    Completions(completions::Writer),
    Responses(responses::Writer),
    Messages(messages::Writer),
    Generate(generate::Writer),
}

impl Interpreter {
    /// Between a provider's wire and the caller's.
    pub fn new(from: Wire, to: Wire, asked: Asked) -> Interpreter {
        let reader = match from {
            Wire::Chat | Wire::Completions => Reader::Chat(chat::Reader::default()),
            Wire::Responses => Reader::Responses(responses::Reader::default()),
            Wire::Messages => Reader::Messages(messages::Reader::default()),
            Wire::Generate => Reader::Generate(generate::Reader::default()),
        };
        let alone = asked.one_call.then(Alone::default);
        let writer = match to {
            Wire::Chat => Writer::Chat(chat::Writer::new(asked)),
            Wire::Completions => Writer::Completions(completions::Writer::new(asked)),
            Wire::Responses => Writer::Responses(responses::Writer::new(asked)),
            Wire::Messages => Writer::Messages(messages::Writer::new(asked)),
            Wire::Generate => Writer::Generate(generate::Writer::new(asked)),
        };
        Interpreter {
            events: Events::up_to(LONGEST_EVENT),
            reader,
            writer,
            pieces: Vec::new(),
            kept: 0,
            failed: false,
            alone,
        }
    }

    /// What the caller gets for the provider's next bytes; empty: nothing yet.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for event in self.events.push(chunk) {
            match event {
                Ok(event) => self.read(&event),
                Err(TooLong) => self.pieces.push(event_too_long()),
            }
            self.write(&mut out);
        }
        out
    }

    /// The same at the end of the provider's bytes.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(event) = self.events.finish() {
            self.read(&event);
        }
        let pieces = &mut self.pieces;
        match &mut self.reader {
            Reader::Chat(reader) => reader.finish(pieces),
            Reader::Responses(reader) => reader.finish(pieces),
            Reader::Messages(reader) => reader.finish(pieces),
            Reader::Generate(reader) => reader.finish(pieces),
        }
        self.write(&mut out);
        out
    }

    /// The end of a stream that broke off: an error in the caller's form, and nothing that looks like an end.
    pub fn fail(&mut self, error: &ErrorBody<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        self.pieces.clear();
        self.pieces.push(Piece::Error {
            status: Some(error.status),
            code: error.code.map(str::to_owned),
            kind: Some(error.kind.to_owned()),
            message: error.message.to_owned(),
        });
        self.write(&mut out);
        out
    }

    /// Whether an error was written: nothing that follows is for the caller.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    fn read(&mut self, event: &Event) {
        let pieces = &mut self.pieces;
        match &mut self.reader {
            Reader::Chat(reader) => reader.read(event, pieces),
            Reader::Responses(reader) => reader.read(event, pieces),
            Reader::Messages(reader) => reader.read(event, pieces),
            Reader::Generate(reader) => reader.read(event, pieces),
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        // Room for a usual chunk at once: growing by halves costs more than writing it.
        if !self.pieces.is_empty() {
            out.reserve(512);
        }
        for mut piece in self.pieces.drain(..) {
            let passes = |alone: &mut Alone| alone.passes(&piece);
            if self.failed || !self.alone.as_mut().is_none_or(passes) {
                continue;
            }
            fault::fit(&mut piece, &self.writer);
            self.kept += kept(&self.writer, &piece);
            let piece = if self.kept > MOST_KEPT {
                too_long()
            } else {
                piece
            };
            self.failed |= matches!(piece, Piece::Error { .. });
            match &mut self.writer {
                Writer::Chat(writer) => writer.write(&piece, out),
                Writer::Completions(writer) => writer.write(&piece, out),
                Writer::Responses(writer) => writer.write(&piece, out),
                Writer::Messages(writer) => {
                    writer.write(&piece, out);
                    self.failed |= writer.has_failed();
                }
                Writer::Generate(writer) => writer.write(&piece, out),
            }
        }
        if let Writer::Chat(writer) = &mut self.writer {
            writer.settle(out);
        }
    }
}

/// What the writer keeps of a piece: Responses say everything again at the end, Gemini's say calls together there, and a chat says
/// once what belongs to the whole of it.
fn kept(writer: &Writer, piece: &Piece) -> usize {
    match (writer, piece) {
        (Writer::Responses(_), Piece::Text { text, .. } | Piece::Arguments { text, .. }) => {
            text.len()
        }
        (Writer::Generate(writer), piece) => writer.kept(piece),
        (Writer::Messages(writer), piece) => writer.kept(piece),
        (Writer::Chat(_), Piece::Seal { sealed, .. })
        | (
            Writer::Chat(_),
            Piece::Open {
                kind: Kind::Redacted { sealed },
                ..
            },
        ) => sealed.data.len(),
        (Writer::Chat(_), Piece::Citation { citation, .. }) => citation.to_string().len(),
        _ => 0,
    }
}

fn too_long() -> Piece {
    let most = MOST_KEPT >> 20;
    Unreadable(format!(
        "it is longer than the {most} MiB that can be said again at its end"
    ))
    .into()
}

fn event_too_long() -> Piece {
    let most = LONGEST_EVENT >> 20;
    Unreadable(format!(
        "an event of it is longer than the {most} MiB that can be translated"
    ))
    .into()
}
