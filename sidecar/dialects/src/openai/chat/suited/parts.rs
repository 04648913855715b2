//! What a message says, as Mistral takes it: parts with the members of their kind (mistralai 3.7, client/models/textchunk.py, imageurlchunk.py,
//! audiochunk.py, documenturlchunk.py, filechunk.py). Called by `turns`.

use super::mistral::refused;
use crate::json::sift::{Keep, list, object};
use crate::json::{any_element, each_element, members, string};
use crate::translate::Unsayable;
use serde_json::{Value, json};

/// A message's content; who speaks is said, once.
pub(super) fn content(value: &str, by: Option<&str>, path: &str) -> Result<Keep, Unsayable> {
    let mut by = by;
    if value.starts_with('"') {
        let spoken = by.and_then(|by| Some(format!("{by}: {}", string(Some(value))?)));
        return Ok(spoken.map_or(Keep::As, |text| {
            Keep::Instead(Value::from(text).to_string())
        }));
    }
    let (mut index, mut fault) = (0, None);
    let sifted = list(value, |one| {
        let keep = part(one, &mut by).map_err(|()| refused(format!("{path}.content[{index}]")));
        index += 1;
        keep.unwrap_or_else(|why| {
            fault.get_or_insert(why);
            Keep::As
        })
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(sifted.map_or(Keep::As, Keep::Instead)),
    }
}

/// An error: it has no words for it.
fn part(part: &str, by: &mut Option<&str>) -> Result<Keep, ()> {
    let names = ["type", "text", "refusal", "file", "input_audio"];
    let [kind, text, refusal, file, sound] = members(part, names).unwrap_or_default();
    let spoken = |text: Option<&str>, by: &str| Some(format!("{by}: {}", string(text)?));
    let known: &[&str] = match kind {
        Some("\"text\"") => match by.take().and_then(|by| spoken(text, by)) {
            Some(text) => return Ok(instead(&json!({"type": "text", "text": text}))),
            None => &["type", "text"],
        },
        Some("\"refusal\"") => {
            let text = string(refusal).ok_or(())?;
            return Ok(instead(&json!({"type": "text", "text": text})));
        }
        Some("\"image_url\"") => &["type", "image_url"],
        Some("\"file\"") if file.is_some() => return document(file).ok_or(()),
        Some("\"input_audio\"") => match sound.and_then(|sound| members(sound, ["data"])) {
            Some([data]) => {
                let data = string(data).ok_or(())?;
                return Ok(instead(
                    &json!({"type": "input_audio", "input_audio": data}),
                ));
            }
            None => &["type", "input_audio"],
        },
        _ => return Ok(Keep::As),
    };
    let sifted = object(part, |name, _| match known.contains(&name) {
        true => Keep::As,
        false => Keep::Out,
    });
    Ok(sifted.map_or(Keep::As, Keep::Instead))
}

/// A file that is here stands as a document's address; one in OpenAI's store is not in Mistral's.
fn document(file: Option<&str>) -> Option<Keep> {
    let [data, name] = members(file?, ["file_data", "filename"])?;
    let url = string(data).filter(|data| data.starts_with("data:"))?;
    let mut part = json!({"type": "document_url", "document_url": url});
    if let (Some(name), Some(part)) = (string(name), part.as_object_mut()) {
        part.insert("document_name".to_owned(), name.into());
    }
    Some(instead(&part))
}

fn instead(part: &Value) -> Keep {
    Keep::Instead(part.to_string())
}

/// Whether it is nothing but words.
fn is_texts(content: &str) -> bool {
    let is_other = |part: &str| !matches!(members(part, ["type"]), Some([Some("\"text\"")]));
    content.starts_with('"') || (content.starts_with('[') && !any_element(content, is_other))
}

/// A tool's answer with what the user said after it, where both are words.
pub(super) fn with_words(tool: &str, said: &str) -> Option<String> {
    if !is_texts(said) {
        return None;
    }
    object(tool, |name, value| match name {
        "content" if is_texts(value) => {
            let all = format!("{}\n\n{}", texts(value), texts(said));
            Keep::Instead(Value::from(all).to_string())
        }
        _ => Keep::As,
    })
}

fn texts(content: &str) -> String {
    if let Some(text) = string(Some(content)) {
        return text;
    }
    let mut all = Vec::new();
    each_element(content, |part| {
        let [text] = members(part, ["text"]).unwrap_or_default();
        all.extend(string(text));
    });
    all.join("\n\n")
}
