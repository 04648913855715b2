//! The parts of what is said in a message, written. Called by `write_turn`. Must never look at another message.

use crate::json::pen::{List, Object};
use crate::provider::{Documents, Quirks};
use crate::talk::{Block, Source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Names who speaks; where no message has that member, gives it back, to be said.
pub(super) fn said_by<'n>(
    message: &mut Object<'_>,
    name: Option<&'n String>,
    quirks: &Quirks,
) -> Option<&'n str> {
    if quirks.names {
        message.some("name", name);
        return None;
    }
    name.map(String::as_str)
}

/// With who says it before it, as for the other APIs that have no names of participants.
fn spoken<'t>(by: &mut Option<&str>, text: &'t str) -> Cow<'t, str> {
    match by.take() {
        Some(name) => format!("{name}: {text}").into(),
        None => text.into(),
    }
}

pub(super) fn write_texts(
    message: &mut Object<'_>,
    texts: &[&str],
    mut by: Option<&str>,
    quirks: &Quirks,
) {
    if texts.len() < 2 || !quirks.text_parts {
        return message.member("content", &spoken(&mut by, &texts.join("\n\n")));
    }
    let mut parts = message.list("content");
    for text in texts {
        let mut part = parts.object();
        part.member("type", "text");
        part.member("text", &spoken(&mut by, text));
    }
}

pub(super) fn write_part(
    parts: &mut List<'_>,
    block: &Block,
    (by, quirks): (&mut Option<&str>, &Quirks),
) -> Result<(), &'static str> {
    match block {
        Block::Text { text, .. } => {
            let mut part = parts.object();
            part.member("type", "text");
            part.member("text", &spoken(by, text));
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
        Block::Audio { format, .. }
            if quirks.plain_audio && !matches!(format.as_str(), "wav" | "mp3") =>
        {
            return Err("it takes wav and mp3");
        }
        Block::Audio { data, format } => {
            let mut part = parts.object();
            part.member("type", "input_audio");
            if quirks.bare_audio {
                part.member("input_audio", data);
                return Ok(());
            }
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
