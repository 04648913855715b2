//! The conversation, written as messages. Called by `write_ask`.
//!
//! Tools answer in messages of their own, which follow the call at once; what they show beside text, which those cannot hold, is
//! said by the user after the last of them. Thoughts go only to a provider that asks for them (DeepSeek).

use crate::fields;
use crate::json::pen::{List, Object};
use crate::openai::tool_id;
use crate::provider::{Documents, Quirks};
use crate::talk::{Ask, Block, Role, Source, Turn};
use crate::translate::Unsayable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

pub(super) struct Turns<'w, 'a> {
    ask: &'a Ask,
    quirks: &'a Quirks,
    list: List<'w>,
    /// What tools showed, to be said by the user.
    shown: Vec<&'a Block>,
    /// The last message was a tool's.
    after_tool: bool,
    removed_state: bool,
}

impl<'w, 'a> Turns<'w, 'a> {
    pub(super) fn open(ask: &'a Ask, quirks: &'a Quirks, list: List<'w>) -> Turns<'w, 'a> {
        Turns {
            ask,
            quirks,
            list,
            shown: Vec::new(),
            after_tool: false,
            removed_state: false,
        }
    }

    /// Whether thoughts were left out.
    pub(super) fn close(mut self) -> Result<bool, Unsayable> {
        let last = self.ask.turns.len().saturating_sub(1);
        self.write_user(last, None, Vec::new())?;
        let begun = self.ask.turns.last();
        // In whichever API: a chat answers anew, and the caller would join two beginnings.
        if begun.is_some_and(|turn| turn.role == Role::Assistant) {
            return Err(self.unsayable(last, "it does not continue what the assistant began"));
        }
        Ok(self.removed_state)
    }

    pub(super) fn write(&mut self, index: usize, turn: &'a Turn) -> Result<(), Unsayable> {
        match turn.role {
            Role::User => self.write_user_turn(index, turn),
            Role::Assistant => {
                self.write_user(index, None, Vec::new())?;
                self.write_assistant(index, turn)
            }
            Role::System | Role::Developer => {
                self.write_user(index, None, Vec::new())?;
                self.write_instructions(index, turn)
            }
        }
    }

    fn unsayable(&self, index: usize, why: &str) -> Unsayable {
        Unsayable {
            param: fields::turn(self.ask, index),
            why: why.into(),
        }
    }

    fn write_instructions(&mut self, index: usize, turn: &Turn) -> Result<(), Unsayable> {
        let Some(texts) = texts(&turn.blocks) else {
            return Err(self.unsayable(index, "instructions are text"));
        };
        let role = match turn.role {
            Role::Developer if self.quirks.developer => "developer",
            _ => "system",
        };
        self.after_tool = false;
        let mut message = self.list.object();
        message.member("role", role);
        message.some("name", turn.name.as_ref());
        write_texts(&mut message, &texts, self.quirks);
        Ok(())
    }

    fn write_user_turn(&mut self, index: usize, turn: &'a Turn) -> Result<(), Unsayable> {
        let (results, said): (Vec<&Block>, Vec<&Block>) = turn
            .blocks
            .iter()
            .partition(|block| matches!(block, Block::ToolResult { .. }));
        if !self.after_tool && !results.is_empty() {
            self.write_user(index, None, Vec::new())?;
        }
        let also = match texts(said.iter().copied()) {
            Some(also) if !self.quirks.user_after_tool && !results.is_empty() => also,
            _ => Vec::new(),
        };
        let last = results.len().saturating_sub(1);
        for (at, result) in results.into_iter().enumerate() {
            let also = if at == last { also.as_slice() } else { &[] };
            self.write_result(index, result, also)?;
        }
        if said.is_empty() || !also.is_empty() {
            return Ok(());
        }
        self.write_user(index, turn.name.as_ref(), said)
    }

    fn write_result(
        &mut self,
        index: usize,
        result: &'a Block,
        also: &[&str],
    ) -> Result<(), Unsayable> {
        let Block::ToolResult {
            id,
            blocks,
            is_error,
            ..
        } = result
        else {
            return Ok(());
        };
        let mut texts = Vec::new();
        for block in blocks {
            match block {
                Block::Text { text, .. } => texts.push(text.as_str()),
                Block::Image { .. } | Block::Document { .. } => self.shown.push(block),
                _ => return Err(self.unsayable(index, "a tool answers in text there")),
            }
        }
        // Each is a text of its own, as every other API has them.
        let mut text = texts.join("\n");
        if *is_error {
            text.insert_str(0, "Error: ");
        }
        if text.is_empty() && !blocks.is_empty() {
            text.push_str("The user shows it next.");
        }
        for said in also {
            text.push_str("\n\n");
            text.push_str(said);
        }
        self.after_tool = true;
        let mut message = self.list.object();
        message.member("role", "tool");
        message.member("tool_call_id", fit(id, self.quirks).as_ref());
        message.member("content", &text);
        Ok(())
    }

    /// What tools showed, and what the user said.
    fn write_user(
        &mut self,
        index: usize,
        name: Option<&String>,
        said: Vec<&'a Block>,
    ) -> Result<(), Unsayable> {
        let mut blocks = std::mem::take(&mut self.shown);
        blocks.extend(said);
        if blocks.is_empty() {
            return Ok(());
        }
        self.after_tool = false;
        let texts = texts(blocks.iter().copied());
        let mut message = self.list.object();
        message.member("role", "user");
        message.some("name", name);
        if let Some(texts) = texts {
            write_texts(&mut message, &texts, self.quirks);
            return Ok(());
        }
        let mut parts = message.list("content");
        for block in blocks {
            write_part(&mut parts, block, self.quirks).map_err(|why| Unsayable {
                param: fields::turn(self.ask, index),
                why: why.into(),
            })?;
        }
        Ok(())
    }

    fn write_assistant(&mut self, index: usize, turn: &Turn) -> Result<(), Unsayable> {
        let mut said = Said::default();
        for block in &turn.blocks {
            match block {
                Block::Text { text, .. } => said.text.push_str(text),
                Block::Refusal { text } => said.refusal.push_str(text),
                Block::Thinking { text, .. } => said.thoughts.push_str(text),
                Block::Redacted { .. } => self.removed_state = true,
                Block::ToolCall { .. } => said.calls.push(block),
                _ => return Err(self.unsayable(index, "an assistant says text there")),
            }
        }
        let echoes = self.quirks.echoes_reasoning && !said.calls.is_empty();
        self.removed_state |= !echoes && !said.thoughts.is_empty();
        self.removed_state |= said.calls.iter().any(|call| {
            matches!(
                call,
                Block::ToolCall {
                    sealed: Some(_),
                    ..
                }
            )
        });
        if said.text.is_empty() && said.refusal.is_empty() && said.calls.is_empty() {
            return Ok(());
        }
        self.after_tool = false;
        let mut message = self.list.object();
        message.member("role", "assistant");
        message.some("name", turn.name.as_ref());
        if echoes {
            message.member("reasoning_content", &said.thoughts());
        }
        said.write(&mut message, self.quirks);
        Ok(())
    }
}

/// What an assistant said at once.
#[derive(Default)]
struct Said<'a> {
    text: String,
    refusal: String,
    thoughts: String,
    calls: Vec<&'a Block>,
}

impl Said<'_> {
    /// Its thoughts; where they are gone, what it did, since DeepSeek answers 400 to a turn with calls and no thoughts, its V4 Pro to empty
    /// ones too (NousResearch/hermes-agent#18263). One placeholder for all turns would be shorter, and it then falls silent at times
    /// (Lingtai-AI/lingtai-kernel#9).
    fn thoughts(&self) -> Cow<'_, str> {
        match self.calls.first() {
            Some(Block::ToolCall {
                name, arguments, ..
            }) if self.thoughts.is_empty() => placeholder(name, arguments).into(),
            _ => self.thoughts.as_str().into(),
        }
    }

    fn write(&self, message: &mut Object<'_>, quirks: &Quirks) {
        match self.text.is_empty() {
            true => message.raw("content", "null"),
            false => message.member("content", &self.text),
        }
        if !self.refusal.is_empty() {
            message.member("refusal", &self.refusal);
        }
        if self.calls.is_empty() {
            return;
        }
        let mut calls = message.list("tool_calls");
        for call in &self.calls {
            if let Block::ToolCall {
                id,
                name,
                arguments,
                ..
            } = call
            {
                let mut call = calls.object();
                call.member("id", fit(id, quirks).as_ref());
                call.member("type", "function");
                let mut function = call.object("function");
                function.member("name", name);
                function.member("arguments", arguments);
            }
        }
    }
}

/// What stands for the thoughts of a turn that made this call.
pub(crate) fn placeholder(name: &str, arguments: &str) -> String {
    let asked: String = arguments.chars().take(200).collect();
    format!("{name}({asked})")
}

fn fit<'i>(id: &'i str, quirks: &Quirks) -> Cow<'i, str> {
    match quirks.short_tool_ids {
        true => tool_id::short(id),
        false => tool_id::bounded(id),
    }
}

/// If there is nothing else.
fn texts<'b>(blocks: impl IntoIterator<Item = &'b Block>) -> Option<Vec<&'b str>> {
    let text = |block: &'b Block| match block {
        Block::Text { text, .. } => Some(text.as_str()),
        _ => None,
    };
    blocks.into_iter().map(text).collect()
}

fn write_texts(message: &mut Object<'_>, texts: &[&str], quirks: &Quirks) {
    if texts.len() < 2 || !quirks.text_parts {
        return message.member("content", &texts.join("\n\n"));
    }
    let mut parts = message.list("content");
    for text in texts {
        let mut part = parts.object();
        part.member("type", "text");
        part.member("text", text);
    }
}

fn write_part(parts: &mut List<'_>, block: &Block, quirks: &Quirks) -> Result<(), &'static str> {
    match block {
        Block::Text { text, .. } => {
            let mut part = parts.object();
            part.member("type", "text");
            part.member("text", text);
        }
        Block::Image { source, detail, .. } => {
            let url = url(source).ok_or("its store holds no files of another's")?;
            let mut part = parts.object();
            part.member("type", "image_url");
            let mut image = part.object("image_url");
            image.member("url", url.as_ref());
            image.some("detail", detail.as_ref());
        }
        Block::Document { source, name, .. } => {
            return write_document(parts, source, name.as_ref(), quirks);
        }
        Block::Audio { data, format } => {
            let mut part = parts.object();
            part.member("type", "input_audio");
            let mut sound = part.object("input_audio");
            sound.member("data", data);
            sound.member("format", format);
        }
        _ => return Err("a user does not say that there"),
    }
    Ok(())
}

pub(super) fn url(source: &Source) -> Option<Cow<'_, str>> {
    match source {
        Source::Url(url) => Some(url.into()),
        Source::Data { media_type, data } => {
            Some(format!("data:{media_type};base64,{data}").into())
        }
        Source::File(_) => None,
    }
}

fn write_document(
    parts: &mut List<'_>,
    source: &Source,
    name: Option<&String>,
    quirks: &Quirks,
) -> Result<(), &'static str> {
    if let Some(text) = plain_text(source) {
        let mut part = parts.object();
        part.member("type", "text");
        let titled = name.map(|name| format!("{name}\n\n{text}"));
        part.member("text", &titled.unwrap_or(text));
        return Ok(());
    }
    let url = url(source).ok_or("its store holds no files of another's")?;
    match (quirks.documents, source) {
        (Documents::File, Source::Data { .. }) => {
            let mut part = parts.object();
            part.member("type", "file");
            let mut file = part.object("file");
            file.member("filename", name.map_or("document.pdf", String::as_str));
            file.member("file_data", url.as_ref());
        }
        (Documents::Url, _) => {
            let mut part = parts.object();
            part.member("type", "document_url");
            part.some("document_name", name);
            part.member("document_url", url.as_ref());
        }
        (Documents::File, _) => return Err("it takes documents in base64 only"),
        (Documents::None, _) => return Err("it takes no documents"),
    }
    Ok(())
}

/// A document that is text says it.
fn plain_text(source: &Source) -> Option<String> {
    match source {
        Source::Data { media_type, data } if media_type == "text/plain" => {
            String::from_utf8(STANDARD.decode(data).ok()?).ok()
        }
        _ => None,
    }
}
