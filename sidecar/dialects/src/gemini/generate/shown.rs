//! What a part of an answer shows that is neither text nor a call. Called by both readers of answers.
//!
//! | part | becomes |
//! |---|---|
//! | `inlineData` of an image | an image, where the caller's API has a place for one (a chat's `images`); else the answer is unusable |
//! | other `inlineData`, `fileData` | unusable: no other API has a place for it |
//! | `executableCode`, `codeExecutionResult` | text, each in a fence of its own: it was not asked for, and can be read |
//!
//! Must never pass over what an answer holds: an empty answer that was paid for helps nobody.

use super::answer::Piece;
use crate::talk::Source;
use crate::text::Text;
use crate::translate::Unreadable;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What of a part must be shown beside its text. Images that a model only thinks of are not of the answer.
pub(super) enum Shown<'a> {
    Nothing,
    Image(Source),
    Text(Text<'a>),
}

/// Bytes, here or in Google's store.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Media<'a> {
    #[serde(borrow)]
    mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

/// A program that Google runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Code<'a> {
    #[serde(borrow)]
    language: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

/// What it put out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ran<'a> {
    #[serde(borrow)]
    output: Option<Text<'a>>,
}

/// What a part shows.
pub(super) fn shown<'a>(part: &Piece<'a>) -> Result<Shown<'a>, Unreadable> {
    let (inline, stored) = (part.inline_data, part.file_data);
    let (code, ran) = (part.executable_code, part.code_execution_result);
    let all = [inline, stored, code, ran];
    if part.thought == Some(true) || all.iter().all(Option::is_none) {
        return Ok(Shown::Nothing);
    }
    if let Some(media) = inline {
        return image(read(media)).map(Shown::Image);
    }
    if let Some(media) = stored {
        return Err(foreign(read::<Media<'_>>(media).mime_type.as_deref()));
    }
    let text = code.map(|code| program(&read(code)));
    let text = text.or_else(|| ran.map(|ran| output(&read(ran))));
    Ok(Shown::Text(text.unwrap_or_default().into()))
}

fn read<'a, T: Default + Deserialize<'a>>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn image(media: Media<'_>) -> Result<Source, Unreadable> {
    match (media.mime_type, media.data) {
        (Some(kind), Some(data)) if kind.starts_with("image/") => Ok(Source::Data {
            media_type: kind.own(),
            data: data.own(),
        }),
        (kind, _) => Err(foreign(kind.as_deref())),
    }
}

fn foreign(kind: Option<&str>) -> Unreadable {
    let kind = kind.unwrap_or("a file");
    Unreadable(format!(
        "it holds {kind}, for which the caller's API has no place"
    ))
}

fn program(code: &Code<'_>) -> String {
    let language = match code.language.as_deref() {
        None | Some("LANGUAGE_UNSPECIFIED") => String::new(),
        Some(language) => language.to_ascii_lowercase(),
    };
    fenced(&language, code.code.as_deref().unwrap_or_default())
}

fn output(ran: &Ran<'_>) -> String {
    fenced("", ran.output.as_deref().unwrap_or_default())
}

/// In a fence that is longer than any within.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|sign| sign != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("\n{fence}{language}\n{text}{end}{fence}\n")
}
