//! Turns, written as Gemini's `contents` and `systemInstruction`. Called by `write_ask`.
//!
//! Turns of one side that follow each other are one content: Google wants them to alternate, and the results of parallel calls together.
//! Results stand in a content of their own, before what the user says beside them.

use super::part::{
    Content, FileData, FunctionCall, FunctionResponse, InlineData, MediaResolution, Part, Response,
    object,
};
use super::silence::Silence;
use super::thinking::Family;
use super::write_ask::unsayable;
use crate::Dialect;
use crate::fields;
use crate::file::{GOOGLES_FILES, guessed};
use crate::talk::{Ask, Block, Role, Sealed, Source, Turn};
use crate::text::Text;
use crate::translate::Unsayable;
use std::collections::HashMap;

/// Google's own word for "this call was not made by Gemini; do not validate it" (ai.google.dev/gemini-api/docs/thought-signatures).
pub(crate) const NOT_OURS: &str = "skip_thought_signature_validator";

pub(super) struct Turns<'a> {
    pub(super) contents: Vec<Content<'a>>,
    pub(super) system: Option<Content<'a>>,
    pub(super) removed_state: bool,
}

struct Writing<'a> {
    family: Family,
    contents: Vec<Content<'a>>,
    system: Vec<Part<'a>>,
    /// Of calls, by their ids.
    names: HashMap<&'a str, &'a str>,
    /// The last content holds results, and nothing else may.
    after_results: bool,
    /// A seal that came alone: of the call that follows it, else of the text before it.
    seal: Option<&'a str>,
    removed_state: bool,
    /// How many parts of the conversation.
    written: usize,
}

pub(super) fn write(ask: &Ask, family: Family) -> Result<Turns<'_>, Unsayable> {
    let mut writing = Writing {
        family,
        contents: Vec::new(),
        system: Vec::new(),
        names: HashMap::new(),
        after_results: false,
        seal: None,
        removed_state: false,
        written: 0,
    };
    let mut silence = Silence::default();
    for (index, turn) in ask.turns.iter().enumerate() {
        let before = writing.written;
        writing.turn(turn, &fields::turn(ask, index))?;
        silence.hear(turn.role, index, writing.written > before);
    }
    match silence.turn() {
        Some(index) => Err(unsayable(
            fields::turn(ask, index),
            "Gemini's API takes no empty turn",
        )),
        None => Ok(writing.done()),
    }
}

impl<'a> Writing<'a> {
    fn done(mut self) -> Turns<'a> {
        if self.family.is_third() {
            self.contents.iter_mut().for_each(excuse);
        }
        let (mut contents, mut system) = (self.contents, self.system);
        // Google answers nobody who has not spoken.
        if contents.is_empty() {
            contents.push(Content {
                role: Some("user"),
                parts: std::mem::take(&mut system),
            });
        }
        let system = (!system.is_empty()).then_some(Content {
            role: None,
            parts: system,
        });
        Turns {
            contents,
            system,
            removed_state: self.removed_state,
        }
    }

    fn turn(&mut self, turn: &'a Turn, path: &str) -> Result<(), Unsayable> {
        match turn.role {
            Role::System | Role::Developer => {
                let mut name = turn.name.as_deref();
                for block in &turn.blocks {
                    let Block::Text { text, .. } = block else {
                        return Err(unsayable(path, "instructions are text"));
                    };
                    self.system.push(Part::text(spoken(name.take(), text)));
                }
            }
            Role::Assistant => {
                self.after_results = false;
                let mut name = turn.name.as_deref();
                for block in &turn.blocks {
                    self.said(block, &mut name, path)?;
                }
                self.seal();
            }
            Role::User => {
                let is_result = |block: &&Block| matches!(block, Block::ToolResult { .. });
                for block in turn.blocks.iter().filter(is_result) {
                    self.result(block, path)?;
                }
                let mut name = turn.name.as_deref();
                for block in turn.blocks.iter().filter(|block| !is_result(block)) {
                    if let Some(part) = self.media(block, &mut name, path)? {
                        let apart = std::mem::take(&mut self.after_results);
                        self.push("user", part, apart);
                    }
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, role: &'static str, part: Part<'a>, apart: bool) {
        self.written += 1;
        match self.contents.last_mut() {
            Some(last) if last.role == Some(role) && !apart => last.parts.push(part),
            _ => self.contents.push(Content {
                role: Some(role),
                parts: vec![part],
            }),
        }
    }

    /// What the model said.
    fn said(
        &mut self,
        block: &'a Block,
        name: &mut Option<&'a str>,
        path: &str,
    ) -> Result<(), Unsayable> {
        let part = match block {
            Block::ToolCall {
                id,
                name,
                arguments,
                sealed,
                ..
            } => {
                self.names.insert(id, name);
                let why = "a call's arguments are a JSON object there";
                let args = object(arguments).ok_or_else(|| unsayable(path, why))?;
                let own = self.own(sealed.as_ref());
                if own.is_some() {
                    self.seal();
                }
                Some(Part {
                    function_call: Some(FunctionCall { id, name, args }),
                    thought_signature: own.or_else(|| self.seal.take()).map(Text::from),
                    ..Part::default()
                })
            }
            Block::Thinking { text, sealed } => self.thought(text, sealed.as_ref()),
            Block::Redacted { .. } => {
                self.removed_state = true;
                None
            }
            Block::Refusal { text } => Some(Part::text(text.as_str())),
            other => self.media(other, name, path)?,
        };
        if let Some(part) = part {
            self.seal();
            self.push("model", part, false);
        }
        Ok(())
    }

    /// A seal of Gemini's; another's stays here.
    fn own(&mut self, sealed: Option<&'a Sealed>) -> Option<&'a str> {
        let sealed = sealed?;
        if sealed.origin != Dialect::Gemini {
            self.removed_state = true;
            return None;
        }
        Some(&sealed.data)
    }

    /// Thoughts without a seal of Gemini's are not taken back.
    fn thought(&mut self, text: &'a str, sealed: Option<&'a Sealed>) -> Option<Part<'a>> {
        let Some(signature) = self.own(sealed) else {
            self.removed_state |= !text.is_empty();
            return None;
        };
        if text.is_empty() {
            self.seal();
            self.seal = Some(signature);
            return None;
        }
        Some(Part {
            thought: true,
            thought_signature: Some(signature.into()),
            ..Part::text(text)
        })
    }

    /// Gives the seal that came alone to the text before it, or to an empty one.
    fn seal(&mut self) {
        let Some(signature) = self.seal.take() else {
            return;
        };
        let last = self
            .contents
            .last_mut()
            .filter(|last| last.role == Some("model"));
        let part = last.and_then(|last| last.parts.last_mut());
        let text = part.filter(|part| part.text.is_some() && part.thought_signature.is_none());
        match text {
            Some(part) => part.thought_signature = Some(signature.into()),
            None => {
                let part = Part {
                    thought_signature: Some(signature.into()),
                    ..Part::text("")
                };
                self.push("model", part, false);
            }
        }
    }

    fn result(&mut self, block: &'a Block, path: &str) -> Result<(), Unsayable> {
        let Block::ToolResult {
            id,
            name,
            blocks,
            is_error,
            ..
        } = block
        else {
            return Ok(());
        };
        let name = name
            .as_deref()
            .or_else(|| self.names.get(id.as_str()).copied());
        let name = name.ok_or_else(|| {
            let why = format!("it wants the tool's name, and no call before has the id {id:?}");
            unsayable(path, why)
        })?;
        let (mut texts, mut parts) = (Vec::new(), Vec::new());
        for block in blocks {
            match block {
                Block::Text { text, .. } => texts.push(text.as_str()),
                _ if !self.family.is_third() => {
                    let why = "tools answer its models before 3 with text alone";
                    return Err(unsayable(path, why));
                }
                other => parts.extend(self.media(other, &mut None, path)?),
            }
        }
        let function_response = Some(FunctionResponse {
            id,
            name,
            response: response(&texts, *is_error),
            parts,
        });
        let part = Part {
            function_response,
            ..Part::default()
        };
        let apart = !self.after_results;
        self.after_results = true;
        self.push("user", part, apart);
        Ok(())
    }

    /// Text, images, documents, sound. Who of several speaks is told with the first text.
    fn media(
        &self,
        block: &'a Block,
        name: &mut Option<&'a str>,
        path: &str,
    ) -> Result<Option<Part<'a>>, Unsayable> {
        Ok(Some(match block {
            Block::Text { text, .. } if text.is_empty() => return Ok(None),
            Block::Text { text, .. } => Part::text(spoken(name.take(), text)),
            Block::Image { source, detail, .. } => Part {
                media_resolution: self.resolution(detail.as_deref()),
                ..self.source(source, path)?
            },
            Block::Document { source, .. } => self.source(source, path)?,
            Block::Audio { data, format } => Part {
                inline_data: Some(InlineData {
                    mime_type: format!("audio/{format}").into(),
                    data,
                }),
                ..Part::default()
            },
            Block::Refusal { text } => Part::text(text.as_str()),
            _ => return Err(unsayable(path, "it cannot stand there")),
        }))
    }

    /// Only models from 3 on take one for each image.
    fn resolution(&self, detail: Option<&str>) -> Option<MediaResolution> {
        let level = match detail? {
            "low" => "MEDIA_RESOLUTION_LOW",
            "high" | "original" => "MEDIA_RESOLUTION_HIGH",
            _ => return None,
        };
        self.family.is_third().then_some(MediaResolution { level })
    }

    fn source(&self, source: &'a Source, path: &str) -> Result<Part<'a>, Unsayable> {
        let file = |file_uri: &'a str| Part {
            file_data: Some(FileData {
                mime_type: guessed(file_uri),
                file_uri,
            }),
            ..Part::default()
        };
        match source {
            Source::Data { media_type, data } => Ok(Part {
                inline_data: Some(InlineData {
                    mime_type: readable(media_type, path)?.into(),
                    data,
                }),
                ..Part::default()
            }),
            Source::Url(_) if self.family == Family::Thoughtless => {
                Err(unsayable(path, "its models before 2.5 take no addresses"))
            }
            Source::Url(url) => Ok(file(url)),
            // Google's own, and no other address: nobody has looked whether one may be opened.
            Source::File(uri) if uri.starts_with(GOOGLES_FILES) || uri.starts_with("gs://") => {
                Ok(file(uri))
            }
            Source::File(_) => Err(unsayable(path, "its store holds no files of another's")),
        }
    }
}

/// A medium's type as Google's API takes it, which reads few kinds of images.
fn readable<'a>(media_type: &'a str, path: &str) -> Result<&'a str, Unsayable> {
    match media_type {
        "image/jpg" => Ok("image/jpeg"),
        "image/png" | "image/jpeg" | "image/webp" | "image/heic" | "image/heif" => Ok(media_type),
        other if other.starts_with("image/") => {
            let why =
                format!("it reads images in PNG, JPEG, WebP, HEIC and HEIF, and this is {other}");
            Err(unsayable(path, &why))
        }
        other => Ok(other),
    }
}

/// As Google's API has no names of participants.
fn spoken<'a>(name: Option<&str>, text: &'a str) -> Text<'a> {
    match name {
        Some(name) => format!("{name}: {text}").into(),
        None => text.into(),
    }
}

/// Text that is a JSON object is one; other text is the output, or the error.
fn response<'a>(texts: &[&'a str], is_error: bool) -> Response<'a> {
    let text: Text<'a> = match texts {
        [one] => (*one).into(),
        many => many.join("\n").into(),
    };
    if is_error {
        return Response::Error { error: text };
    }
    if let [one] = texts
        && let Ok(raw) = serde_json::from_str::<&serde_json::value::RawValue>(one.trim())
        && raw.get().starts_with('{')
    {
        return Response::Object(raw);
    }
    Response::Output { output: text }
}

/// The first call of a turn must be signed. One that was made elsewhere says so.
fn excuse(content: &mut Content<'_>) {
    let mut calls = content
        .parts
        .iter_mut()
        .filter(|part| part.function_call.is_some());
    if let Some(first) = calls.next() {
        first
            .thought_signature
            .get_or_insert_with(|| NOT_OURS.into());
    }
}
