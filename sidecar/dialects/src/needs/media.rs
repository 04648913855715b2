//! The images, sounds, films and documents of a request, and the addresses that they are at. Part of `needs`.
//!
//! Looks only where an API has them: what a tool was called with or what stands in a text may look the same and is left alone.
//! Copies no bytes of what is given in base64, but where they are spelt with escapes.

use crate::Wire;
use crate::file::{GOOGLES_FILES, is_base64};
use crate::json::{members, string};
use crate::walk::Walk;
use aho_corasick::packed::Searcher;
use std::sync::LazyLock;

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
const NAMES: [&str; 17] = [
    "\"image_url\"",
    "\"image\"",
    "\"input_image\"",
    "\"input_audio\"",
    "\"audio_url\"",
    "\"video_url\"",
    "\"video\"",
    "\"document\"",
    "\"document_url\"",
    "\"input_file\"",
    "\"file\"",
    "\"file_url\"",
    "\"fileData\"",
    "\"file_data\"",
    "\"inlineData\"",
    "\"inline_data\"",
    "\\u00",
];
static SOUGHT: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(NAMES));

/// A body without these shows nothing.
pub(crate) fn names() -> &'static [&'static str] {
    &NAMES
}

/// Whether the body may hold any: one search.
pub(super) fn may_show(body: &[u8]) -> bool {
    // Without such a searcher on this machine nothing may be missed.
    SOUGHT
        .as_ref()
        .is_none_or(|names| names.find(body).is_some())
}

/// All of them.
pub(super) fn find(wire: Wire, text: &str) -> Vec<Medium> {
    let mut found = Vec::new();
    let (list, inner) = match wire {
        Wire::Chat | Wire::Messages => ("messages", "content"),
        Wire::Responses => ("input", "content"),
        Wire::Generate => ("contents", "parts"),
        Wire::Completions => return found,
    };
    // Instructions may show something too, where they stand apart.
    let apart = [list, "system", "systemInstruction", "system_instruction"];
    let Some([turns, system, camel, snake]) = members(text, apart) else {
        return found;
    };
    let mut looking = Looking {
        wire,
        found: &mut found,
    };
    if wire == Wire::Messages {
        looking.parts(system, "system", DEEP);
    }
    if wire == Wire::Generate {
        for system in [camel, snake].into_iter().flatten() {
            looking.turn(system, "systemInstruction", inner);
        }
    }
    each(turns.unwrap_or_default(), |at, turn| {
        looking.turn(turn, &format!("{list}[{at}]"), inner);
    });
    found
}

/// Where a chat's parts have what stands at an address; the last three are of Mistral, DashScope and those who follow them.
pub(super) const PLACES: [(&str, Sense); 6] = [
    ("image_url", Sense::Image),
    ("audio_url", Sense::Sound),
    ("video_url", Sense::Film),
    ("video", Sense::Film),
    ("document_url", Sense::Document),
    ("file_url", Sense::Document),
];

pub(super) struct Looking<'a> {
    pub(super) wire: Wire,
    pub(super) found: &'a mut Vec<Medium>,
}

impl Looking<'_> {
    fn turn(&mut self, turn: &str, path: &str, inner: &str) {
        let Some([parts, output]) = members(turn, [inner, "output"]) else {
            return;
        };
        self.parts(parts, &format!("{path}.{inner}"), DEEP);
        if self.wire == Wire::Responses {
            let path = format!("{path}.output");
            match output {
                Some(list) if list.starts_with('[') => self.parts(output, &path, DEEP),
                Some(one) => self.responses(one, &path),
                None => {}
            }
        }
    }

    fn parts(&mut self, list: Option<&str>, path: &str, deep: usize) {
        let Some(list) = list.filter(|_| deep > 0) else {
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
        let Some(places) = members(part, PLACES.map(|(name, _)| name)) else {
            return;
        };
        for ((name, sense), place) in PLACES.into_iter().zip(places) {
            let path = format!("{path}.{name}");
            match place {
                Some(list) if list.starts_with('[') => each(list, |at, one| {
                    self.at(sense, Some(one), &format!("{path}[{at}]"));
                }),
                place => self.at(sense, place, &path),
            }
        }
        let [sound, file] = members(part, ["input_audio", "file"]).unwrap_or_default();
        self.sound(sound, path);
        if let Some(file) = file {
            self.lying(Sense::Document, format!("{path}.file"), file);
            let data = members(file, ["file_data"]).and_then(|[data]| data);
            self.bytes(Sense::Document, data, &format!("{path}.file.file_data"));
        }
    }

    fn responses(&mut self, part: &str, path: &str) {
        let names = ["type", "image_url", "input_audio", "file_url", "file_data"];
        let Some([kind, image, sound, file, data]) = members(part, names) else {
            return;
        };
        match string(kind).as_deref() {
            Some("input_image" | "computer_screenshot") if image.is_none() => {
                self.lying(Sense::Image, path.to_owned(), part);
            }
            Some("input_file") if file.is_none() => {
                self.lying(Sense::Document, path.to_owned(), part);
            }
            _ => {}
        }
        // Whatever it is called: a reader may go by the member and not by the type.
        self.at(Sense::Image, image, &format!("{path}.image_url"));
        self.at(Sense::Document, file, &format!("{path}.file_url"));
        self.bytes(Sense::Document, data, &format!("{path}.file_data"));
        self.sound(sound, path);
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
        let [url, content] = members(source, ["url", "content"]).unwrap_or_default();
        match url {
            Some(_) => self.at(sense, url, &format!("{path}.source.url")),
            None => self.lying(sense, format!("{path}.source"), source),
        }
        // A document may be made of blocks, images among them.
        self.parts(content, &format!("{path}.source.content"), deep - 1);
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
        // Where both spellings stand, which of them is read is the provider's to know.
        for inline in [inline, inline_snake].into_iter().flatten() {
            self.add(sense_of(inline), format!("{path}.inlineData"), None);
        }
        for file in [file, file_snake].into_iter().flatten() {
            self.googles(file, path);
        }
        for answer in [answer, answer_snake].into_iter().flatten() {
            let parts = members(answer, ["parts"]).and_then(|[parts]| parts);
            self.parts(parts, &format!("{path}.functionResponse.parts"), deep - 1);
        }
    }

    fn googles(&mut self, file: &str, path: &str) {
        let uris = members(file, ["fileUri", "file_uri"]).unwrap_or_default();
        for uri in uris.into_iter().flatten() {
            // What lies in a store of Google's is named by another scheme.
            let at = string(Some(uri)).filter(|uri| !uri.starts_with("gs://"));
            self.found.push(Medium {
                path: format!("{path}.fileData.fileUri"),
                sense: sense_of(file),
                file: at.clone().filter(|uri| uri.starts_with(GOOGLES_FILES)),
                url: at,
            });
        }
    }

    fn sound(&mut self, sound: Option<&str>, path: &str) {
        let Some(sound) = sound else { return };
        let path = format!("{path}.input_audio");
        self.add(Sense::Sound, path.clone(), None);
        // Mistral takes it without an object around it.
        match members(sound, ["data"]) {
            Some([data]) => self.bytes(Sense::Sound, data, &format!("{path}.data")),
            None => self.bytes(Sense::Sound, Some(sound), &path),
        }
    }

    /// What is to be bytes, in base64 or in a data URL. A server may read what is neither as an address.
    pub(super) fn bytes(&mut self, sense: Sense, value: Option<&str>, path: &str) {
        let Some(spelt) = value.filter(|spelt| spelt.starts_with('"')) else {
            return;
        };
        let inner = spelt.trim_matches('"');
        if inner.is_empty() || is_base64(inner) || starts_data(inner) {
            return;
        }
        // It may be spelt with escapes, as PHP writes each `/`.
        if string(value).is_some_and(|text| !is_base64(&text)) {
            self.at(sense, value, path);
        }
    }

    /// What stands at an address: the address itself, or an object with a `url`.
    pub(super) fn at(&mut self, sense: Sense, value: Option<&str>, path: &str) {
        let Some(value) = value else { return };
        let (spelt, path) = if value.starts_with('{') {
            let url = members(value, ["url"]).and_then(|[url]| url);
            (url, format!("{path}.url"))
        } else {
            (Some(value), path.to_owned())
        };
        // The bytes of a picture are not copied to see that they are none.
        let is_here = |spelt: &&str| starts_data(spelt.trim_start_matches(['"', ' ']));
        let url = string(spelt.filter(|spelt| !is_here(spelt)));
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

/// Whether it is a data URL.
fn starts_data(text: &str) -> bool {
    let start = text.get(..5);
    start.is_some_and(|start| start.eq_ignore_ascii_case("data:"))
}

/// Each element. An object that stands where a list belongs is one of one: Google reads it so.
pub(super) fn each<'a>(list: &'a str, mut look: impl FnMut(usize, &'a str)) {
    if list.starts_with('{') {
        return look(0, list);
    }
    let Ok(mut walk) = Walk::open(list.as_bytes(), b'[') else {
        return;
    };
    let mut at = 0;
    while let Ok(Some(place)) = walk.element() {
        look(at, list.get(place).unwrap_or_default());
        at += 1;
    }
}
