//! The images, sounds, films and documents of a request, and the addresses that they are at. Part of `needs`.
//!
//! Looks only where an API has them: what a tool was called with or what stands in a text may look the same and is left alone.
//! Copies no bytes of what is given in base64.

use crate::Wire;
use crate::json::{members, string};
use crate::walk::Walk;
use aho_corasick::packed::Searcher;
use std::sync::LazyLock;

/// Where Google keeps what was uploaded with a key.
const GOOGLES_FILES: &str = "https://generativelanguage.googleapis.com/";
/// How deep parts stand in parts: a tool's result is one level.
const DEEP: usize = 4;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// Where the caller wrote it.
    pub path: String,
    /// For which sense.
    pub sense: Sense,
    /// The address, where it is at one; absent: its bytes are here, or at the provider.
    pub url: Option<String>,
    /// The provider's own name for it, where it lies there.
    pub file: Option<String>,
}

/// For which sense it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sense {
    Image,
    Sound,
    Film,
    Document,
}

/// The names under which they stand in all APIs, and the start of an escape that could spell such a name otherwise.
static NAMES: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    Searcher::new([
        "\"image_url\"",
        "\"image\"",
        "\"input_image\"",
        "\"input_audio\"",
        "\"audio_url\"",
        "\"video_url\"",
        "\"document\"",
        "\"input_file\"",
        "\"file\"",
        "\"fileData\"",
        "\"file_data\"",
        "\"inlineData\"",
        "\"inline_data\"",
        "\\u00",
    ])
});

/// Whether the body may hold any: one search.
pub(super) fn may_show(body: &[u8]) -> bool {
    // Without such a searcher on this machine nothing may be missed.
    NAMES
        .as_ref()
        .is_none_or(|names| names.find(body).is_some())
}

/// All of them.
pub(super) fn find(wire: Wire, text: &str) -> Vec<Medium> {
    let mut found = Vec::new();
    let list = match wire {
        Wire::Chat => "messages",
        Wire::Responses => "input",
        Wire::Messages => "messages",
        Wire::Generate => "contents",
        Wire::Completions => return found,
    };
    let Some([Some(turns)]) = members(text, [list]) else {
        return found;
    };
    let inner = if wire == Wire::Generate {
        "parts"
    } else {
        "content"
    };
    each(turns, |at, turn| {
        let path = format!("{list}[{at}]");
        let Some([parts, output]) = members(turn, [inner, "output"]) else {
            return;
        };
        let mut looking = Looking {
            wire,
            found: &mut found,
        };
        looking.parts(parts, &format!("{path}.{inner}"), DEEP);
        if wire == Wire::Responses {
            let path = format!("{path}.output");
            match output {
                Some(list) if list.starts_with('[') => looking.parts(output, &path, DEEP),
                Some(one) => looking.responses(one, &path),
                None => {}
            }
        }
    });
    found
}

struct Looking<'a> {
    wire: Wire,
    found: &'a mut Vec<Medium>,
}

impl Looking<'_> {
    fn parts(&mut self, list: Option<&str>, path: &str, deep: usize) {
        let Some(list) = list.filter(|list| deep > 0 && list.starts_with('[')) else {
            return;
        };
        each(list, |at, part| {
            let path = format!("{path}[{at}]");
            match self.wire {
                Wire::Chat | Wire::Completions => self.chat(part, &path),
                Wire::Responses => self.responses(part, &path),
                Wire::Messages => self.messages(part, &path, deep),
                Wire::Generate => self.generate(part, &path, deep),
            }
        });
    }

    /// `{"type":"image_url","image_url":{"url"}}`; some servers take the address itself, and sounds and films the same way.
    fn chat(&mut self, part: &str, path: &str) {
        let names = ["image_url", "input_audio", "audio_url", "video_url", "file"];
        let Some([image, sound, sound_url, film, file]) = members(part, names) else {
            return;
        };
        self.at(Sense::Image, image, &format!("{path}.image_url"));
        self.at(Sense::Sound, sound_url, &format!("{path}.audio_url"));
        self.at(Sense::Film, film, &format!("{path}.video_url"));
        if sound.is_some() {
            self.add(Sense::Sound, format!("{path}.input_audio"), None);
        }
        if let Some(file) = file {
            self.lying(Sense::Document, format!("{path}.file"), file);
        }
    }

    fn responses(&mut self, part: &str, path: &str) {
        let names = ["type", "image_url", "input_audio", "file_url"];
        let Some([kind, image, sound, file]) = members(part, names) else {
            return;
        };
        match string(kind).as_deref() {
            Some("input_image" | "computer_screenshot") => {
                self.at(Sense::Image, image, &format!("{path}.image_url"));
                if image.is_none() {
                    self.lying(Sense::Image, path.to_owned(), part);
                }
            }
            Some("input_file") if file.is_none() => {
                self.lying(Sense::Document, path.to_owned(), part);
            }
            Some("input_file") => self.at(Sense::Document, file, &format!("{path}.file_url")),
            _ if sound.is_some() => {
                self.add(Sense::Sound, format!("{path}.input_audio"), None);
            }
            _ => {}
        }
    }

    fn messages(&mut self, part: &str, path: &str, deep: usize) {
        let Some([kind, source, content]) = members(part, ["type", "source", "content"]) else {
            return;
        };
        let sense = match string(kind).as_deref() {
            Some("image") => Sense::Image,
            Some("document") => Sense::Document,
            Some("tool_result") => {
                return self.parts(content, &format!("{path}.content"), deep - 1);
            }
            _ => return,
        };
        let Some(source) = source else { return };
        let url = members(source, ["url"]).and_then(|[url]| url);
        match url {
            Some(_) => self.at(sense, url, &format!("{path}.source.url")),
            None => self.lying(sense, format!("{path}.source"), source),
        }
    }

    fn generate(&mut self, part: &str, path: &str, deep: usize) {
        let names = [
            "inlineData",
            "inline_data",
            "fileData",
            "file_data",
            "functionResponse",
            "function_response",
        ];
        let Some([inline, inline_snake, file, file_snake, answer, answer_snake]) =
            members(part, names)
        else {
            return;
        };
        if let Some(inline) = inline.or(inline_snake) {
            self.add(sense_of(inline), format!("{path}.inlineData"), None);
        }
        if let Some(file) = file.or(file_snake) {
            let uri = members(file, ["fileUri", "file_uri"]);
            let uri = uri.and_then(|[camel, snake]| camel.or(snake));
            // What lies in a store of Google's is named by another scheme.
            let at = string(uri).filter(|uri| !uri.starts_with("gs://"));
            self.found.push(Medium {
                path: format!("{path}.fileData.fileUri"),
                sense: sense_of(file),
                file: at.clone().filter(|uri| uri.starts_with(GOOGLES_FILES)),
                url: at,
            });
        }
        if let Some(answer) = answer.or(answer_snake) {
            let parts = members(answer, ["parts"]).and_then(|[parts]| parts);
            self.parts(parts, &format!("{path}.functionResponse.parts"), deep - 1);
        }
    }

    /// What stands at an address: the address itself, or an object with a `url`.
    fn at(&mut self, sense: Sense, value: Option<&str>, path: &str) {
        let Some(value) = value else { return };
        let (spelt, path) = if value.starts_with('{') {
            let url = members(value, ["url"]).and_then(|[url]| url);
            (url, format!("{path}.url"))
        } else {
            (Some(value), path.to_owned())
        };
        // The bytes of a picture are not copied to see that they are none.
        let is_here = spelt.is_some_and(|spelt| {
            let start = spelt.trim_start_matches(['"', ' ']).get(..5);
            start.is_some_and(|start| start.eq_ignore_ascii_case("data:"))
        });
        let url = string(spelt.filter(|_| !is_here));
        self.add(sense, path, url);
    }

    fn add(&mut self, sense: Sense, path: String, url: Option<String>) {
        let file = None;
        self.found.push(Medium {
            path,
            sense,
            url,
            file,
        });
    }

    /// What may lie at the provider: an object with a `file_id`.
    fn lying(&mut self, sense: Sense, path: String, object: &str) {
        let id = members(object, ["file_id"]).and_then(|[id]| id);
        self.found.push(Medium {
            path,
            sense,
            url: None,
            file: string(id),
        });
    }
}

/// By its media type.
fn sense_of(data: &str) -> Sense {
    let kind = members(data, ["mimeType", "mime_type"]);
    let kind = string(kind.and_then(|[camel, snake]| camel.or(snake)));
    match kind.as_deref().and_then(|kind| kind.split('/').next()) {
        Some("image") => Sense::Image,
        Some("audio") => Sense::Sound,
        Some("video") => Sense::Film,
        _ => Sense::Document,
    }
}

fn each<'a>(list: &'a str, mut look: impl FnMut(usize, &'a str)) {
    let Ok(mut walk) = Walk::open(list.as_bytes(), b'[') else {
        return;
    };
    let mut at = 0;
    while let Ok(Some(place)) = walk.element() {
        look(at, list.get(place).unwrap_or_default());
        at += 1;
    }
}
