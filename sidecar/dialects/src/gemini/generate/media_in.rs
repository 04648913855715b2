//! Images, documents and sound of a caller's, inline or by address. Called by `turns_in` and `config_in`.

use crate::file::{GOOGLES_FILES, guessed};
use crate::talk::{Ask, Beyond, Block, Source};
use crate::text::Text;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InlineData<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow, default, alias = "display_name")]
    display_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(borrow, default, alias = "mime_type")]
    mime_type: Option<Text<'a>>,
    #[serde(borrow, alias = "file_uri")]
    file_uri: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct MediaResolution<'a> {
    #[serde(borrow, default)]
    pub(super) level: Text<'a>,
}

/// As OpenAI's `detail`.
pub(super) fn detail(level: &str) -> Option<String> {
    match level {
        "MEDIA_RESOLUTION_LOW" => Some("low".into()),
        "MEDIA_RESOLUTION_HIGH" | "MEDIA_RESOLUTION_ULTRA_HIGH" => Some("high".into()),
        _ => None,
    }
}

/// Google reads both alphabets of base64 and its Python SDK writes the one for URLs; others know the plain one alone.
fn plain(data: Text<'_>) -> String {
    let mut data = data.own();
    if data.contains(['-', '_']) {
        data = data.replace('-', "+").replace('_', "/");
    }
    while !data.len().is_multiple_of(4) && !data.ends_with("===") {
        data.push('=');
    }
    data
}

pub(super) fn inline(
    data: InlineData<'_>,
    detail: Option<String>,
    path: &str,
    ask: &mut Ask,
) -> Option<Block> {
    let media_type = data.mime_type.to_ascii_lowercase();
    let (kind, format) = media_type.split_once('/').unwrap_or_default();
    if kind == "audio" {
        let format = match format {
            "mpeg" => "mp3",
            "x-wav" | "wave" => "wav",
            other => other,
        };
        return Some(Block::Audio {
            data: plain(data.data),
            format: format.to_owned(),
        });
    }
    let name = data.display_name.map(Text::own);
    let source = Source::Data {
        media_type: media_type.clone(),
        data: plain(data.data),
    };
    media(&media_type, source, (detail, name), path, ask)
}

pub(super) fn file(
    data: FileData<'_>,
    detail: Option<String>,
    path: &str,
    ask: &mut Ask,
) -> Option<Block> {
    let uri = data.file_uri.own();
    let said = data.mime_type.map(|text| text.to_ascii_lowercase());
    let media_type = said.unwrap_or_else(|| guessed(&uri).unwrap_or("image/*").into());
    let is_stored =
        uri.starts_with(GOOGLES_FILES) || uri.starts_with("gs://") || uri.starts_with("files/");
    let source = match is_stored {
        true => Source::File(uri),
        false => Source::Url(uri),
    };
    media(&media_type, source, (detail, None), path, ask)
}

fn media(
    media_type: &str,
    source: Source,
    (detail, name): (Option<String>, Option<String>),
    path: &str,
    ask: &mut Ask,
) -> Option<Block> {
    if media_type.starts_with("image/") {
        let cache = None;
        return Some(Block::Image {
            source,
            detail,
            cache,
        });
    }
    if media_type == "application/pdf" || media_type.starts_with("text/") {
        let cache = None;
        return Some(Block::Document {
            source,
            name,
            cache,
        });
    }
    let param = path.to_owned();
    ask.beyond.push(Beyond { param });
    None
}
