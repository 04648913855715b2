//! Where an image or a document is, read. Called by `blocks`.

use super::read_ask::beyond;
use crate::json::look::Look;
use crate::talk::{Beyond, Source};
use crate::translate::AskFault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) fn read_source(
    source: Look<'_, '_>,
    others: &mut Vec<Beyond>,
) -> Result<Option<Source>, AskFault> {
    let (mut kind, mut media_type, mut data) = (String::new(), None, None);
    let (mut place, mut file, mut foreign) = (None, None, None);
    source.members(|name, value| {
        match name {
            "type" => {
                kind = value.string()?;
                let known = ["base64", "url", "file", "text"].contains(&kind.as_str());
                foreign = (!known).then(|| beyond(value));
            }
            "media_type" => media_type = Some(value.string()?),
            "data" => data = Some(value.string()?),
            "url" => place = Some(value.string()?),
            "file_id" => file = Some(value.string()?),
            _ => {}
        }
        Ok(())
    })?;
    if let Some(foreign) = foreign {
        others.push(foreign);
        return Ok(None);
    }
    let lacks = |name| move || source.lacks(name);
    let read = match kind.as_str() {
        "base64" => Source::Data {
            media_type: media_type.ok_or_else(lacks("media_type"))?,
            data: data.ok_or_else(lacks("data"))?,
        },
        "text" => Source::Data {
            media_type: "text/plain".to_owned(),
            data: STANDARD.encode(data.ok_or_else(lacks("data"))?),
        },
        "url" => Source::Url(place.ok_or_else(lacks("url"))?),
        "file" => Source::File(file.ok_or_else(lacks("file_id"))?),
        _ => return Err(source.lacks("type")),
    };
    Ok(Some(read))
}
