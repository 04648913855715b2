//! Gemini's stream, into pieces. Called by `translate`.
//!
//! Each event is a whole answer with what is new. Nothing says that the stream is over: it is when its bytes end and each candidate has
//! said why it ended. A call of a tool comes whole.

use super::answer::{Answer, Call, Candidate, Fault, Piece as Part, UsageMetadata};
use super::read_reply::own_seal;
use super::shown::{Shown, shown};
use super::{finish, ids, logprobs};
use crate::Event;
use crate::talk::{Finish, Kind, Piece, Sealed, Source};
use crate::text::Text;
use crate::translate::Unreadable;

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    begun: bool,
    seed: u64,
    calls: usize,
    candidates: Vec<State>,
    usage: Option<UsageMetadata>,
    failed: bool,
}

/// What has come of one candidate.
#[derive(Debug, Default)]
struct State {
    blocks: u32,
    open: Option<Open>,
    calls_tools: bool,
    /// Something that is no thought.
    said: bool,
    finished: bool,
}

/// The block that is open: the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
}

impl State {
    fn block(&self) -> u32 {
        self.blocks.saturating_sub(1)
    }

    fn open(&mut self, choice: u32, kind: Open, pieces: &mut Vec<Piece>) {
        if self.open == Some(kind) {
            return;
        }
        let name = match kind {
            Open::Text => Kind::Text,
            Open::Thinking => Kind::Thinking,
        };
        self.begin(choice, name, pieces);
        self.open = Some(kind);
    }

    fn begin(&mut self, choice: u32, kind: Kind, pieces: &mut Vec<Piece>) {
        self.close(choice, pieces);
        let block = self.blocks;
        self.blocks += 1;
        pieces.push(Piece::Open {
            choice,
            block,
            kind,
        });
    }

    fn close(&mut self, choice: u32, pieces: &mut Vec<Piece>) {
        if self.open.take().is_some() {
            let block = self.block();
            pieces.push(Piece::Close { choice, block });
        }
    }
}

impl Reader {
    /// One event of it.
    pub(crate) fn read(&mut self, event: &Event, pieces: &mut Vec<Piece>) {
        if self.failed {
            return;
        }
        let answer = match serde_json::from_slice::<Answer<'_>>(&event.data) {
            Ok(answer) => answer,
            // What is no object is no answer, whoever wrote it: a proxy's `[DONE]`.
            Err(_) if !event.data.trim_ascii_start().starts_with(b"{") => return,
            Err(_) => return self.fail(unreadable(), pieces),
        };
        if let Some(fault) = answer.error {
            return self.fail(fault, pieces);
        }
        self.usage = answer.usage_metadata.or(self.usage);
        if !self.begun {
            self.begin(&answer, &event.data, pieces);
        }
        let is_blocked = answer
            .prompt_feedback
            .is_some_and(|feedback| feedback.block_reason.is_some());
        let candidates = answer.candidates.unwrap_or_default();
        if is_blocked && candidates.is_empty() {
            self.end(0, Finish::Filtered, pieces);
        }
        for candidate in candidates {
            self.candidate(candidate, pieces);
        }
    }

    /// The end of its bytes.
    pub(crate) fn finish(&mut self, pieces: &mut Vec<Piece>) {
        let is_whole = !self.candidates.is_empty() && self.candidates.iter().all(|of| of.finished);
        if self.failed || !is_whole {
            return;
        }
        if let Some(usage) = self.usage {
            pieces.push(Piece::Spent(usage.spent()));
        }
        pieces.push(Piece::End);
    }

    fn begin(&mut self, answer: &Answer<'_>, data: &[u8], pieces: &mut Vec<Piece>) {
        self.begun = true;
        let id = answer.response_id.as_deref().unwrap_or_default();
        self.seed = ids::seed(if id.is_empty() { data } else { id.as_bytes() });
        pieces.push(Piece::Begin {
            id: id.to_owned(),
            model: answer
                .model_version
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            created: None,
            spent: self.usage.map(|usage| usage.spent()),
        });
    }

    fn fail(&mut self, fault: Fault<'_>, pieces: &mut Vec<Piece>) {
        self.failed = true;
        let status = fault.status.map(Text::own);
        pieces.push(Piece::Error {
            status: fault.code,
            code: status.clone(),
            kind: status,
            message: fault.message.map(Text::own).unwrap_or_default(),
        });
    }

    fn refuse(&mut self, unreadable: Unreadable, pieces: &mut Vec<Piece>) {
        self.failed = true;
        pieces.push(unreadable.into());
    }

    fn state(&mut self, choice: u32) -> Option<&mut State> {
        let place = usize::try_from(choice)
            .ok()
            .filter(|place| *place < MOST_ANSWERS)?;
        if self.candidates.len() <= place {
            self.candidates.resize_with(place + 1, State::default);
        }
        self.candidates.get_mut(place)
    }

    fn candidate(&mut self, candidate: Candidate<'_>, pieces: &mut Vec<Piece>) {
        let choice = candidate.index.unwrap_or(0);
        if self.state(choice).is_none_or(|state| state.finished) {
            return;
        }
        let parts = candidate
            .content
            .and_then(|content| content.parts)
            .unwrap_or_default();
        for part in parts {
            self.part(part, choice, pieces);
        }
        if self.failed {
            return;
        }
        let cited = candidate
            .citation_metadata
            .and_then(|cited| cited.citation_sources);
        for citation in cited
            .iter()
            .flatten()
            .filter_map(|citation| citation.annotation())
        {
            let Some(state) = self.state(choice) else {
                return;
            };
            state.open(choice, Open::Text, pieces);
            let block = state.block();
            pieces.push(Piece::Citation {
                choice,
                block,
                citation,
            });
        }
        if let Some(logprobs) = candidate.logprobs_result.and_then(logprobs::read) {
            pieces.push(Piece::Logprobs { choice, logprobs });
        }
        if let Some(reason) = candidate.finish_reason {
            let Some(state) = self.state(choice) else {
                return;
            };
            if !state.said && finish::is_failure(&reason) {
                return self.refuse(finish::failure(&reason), pieces);
            }
            let finish = finish::read(&reason, state.calls_tools);
            self.end(choice, finish, pieces);
        }
    }

    fn end(&mut self, choice: u32, finish: Finish, pieces: &mut Vec<Piece>) {
        let Some(state) = self.state(choice) else {
            return;
        };
        if !std::mem::replace(&mut state.finished, true) {
            state.close(choice, pieces);
            pieces.push(Piece::Finish { choice, finish });
        }
    }

    fn part(&mut self, mut part: Part<'_>, choice: u32, pieces: &mut Vec<Piece>) {
        match shown(&part) {
            Ok(Shown::Nothing) => {}
            Ok(Shown::Text(text)) => part.text = Some(text),
            Ok(Shown::Image(source)) => self.image(source, choice, pieces),
            Err(unreadable) => return self.refuse(unreadable, pieces),
        }
        let mut sealed = part.thought_signature.map(own_seal);
        if let Some(call) = part.function_call {
            self.call(&call, sealed.take(), choice, pieces);
        }
        let Some(state) = self.state(choice) else {
            return;
        };
        if let Some(text) = part.text.filter(|text| !text.is_empty()) {
            let kind = match part.thought {
                Some(true) => Open::Thinking,
                _ => Open::Text,
            };
            state.said |= kind == Open::Text;
            state.open(choice, kind, pieces);
            let (block, text) = (state.block(), text.own());
            pieces.push(Piece::Text {
                choice,
                block,
                text,
            });
        }
        if let Some(sealed) = sealed {
            state.open(choice, Open::Thinking, pieces);
            let block = state.block();
            pieces.push(Piece::Seal {
                choice,
                block,
                sealed,
            });
            state.close(choice, pieces);
        }
    }

    fn image(&mut self, source: Source, choice: u32, pieces: &mut Vec<Piece>) {
        let Some(state) = self.state(choice) else {
            return;
        };
        state.begin(choice, Kind::Image { source }, pieces);
        state.said = true;
        let block = state.block();
        pieces.push(Piece::Close { choice, block });
    }

    /// Its seal comes before its arguments: some APIs have a place for it only before the call.
    fn call(
        &mut self,
        call: &Call<'_>,
        sealed: Option<Sealed>,
        choice: u32,
        pieces: &mut Vec<Piece>,
    ) {
        let given = call.id.as_deref().filter(|id| !id.is_empty());
        let id = given.map_or_else(|| ids::of_answer(self.seed, self.calls), str::to_owned);
        self.calls += 1;
        let Some(state) = self.state(choice) else {
            return;
        };
        let name = call.name.to_string();
        state.begin(choice, Kind::ToolCall { id, name }, pieces);
        (state.calls_tools, state.said) = (true, true);
        let (block, text) = (state.block(), call.arguments());
        pieces.extend(sealed.map(|sealed| Piece::Seal {
            choice,
            block,
            sealed,
        }));
        pieces.push(Piece::Arguments {
            choice,
            block,
            text,
        });
        pieces.push(Piece::Close { choice, block });
    }
}

/// More candidates than Google gives; a number beyond is no index.
const MOST_ANSWERS: usize = 64;

/// An answer with a hole is not passed off as whole.
fn unreadable() -> Fault<'static> {
    Fault {
        code: Some(502),
        message: Some("The provider wrote what cannot be read.".into()),
        status: None,
    }
}
