//! What is given in a body that is no conversation's: one to be counted, moderated, embedded or drawn. Part of `needs`.
//!
//! What is counted stands where its conversation has it. The other APIs differ from server to server and hold no texts in objects, so
//! there every member of such a name is taken for one, wherever it stands.

use super::Medium;
use super::media::{Looking, PLACES, Sense, each, find, may_show};
use crate::json::{members, name, string};
use crate::walk::Walk;
use crate::{Dialect, Wire};
use purser_config::Endpoint;

/// How deep it is looked: no API has them deeper.
const DEEP: usize = 12;

/// All images, sounds, films and documents of a body at an endpoint that has no [`Wire`].
pub fn media_beside(dialect: Dialect, endpoint: Endpoint, body: &[u8]) -> Vec<Medium> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    if !may_show(body) {
        return Vec::new();
    }
    match (endpoint, dialect) {
        (Endpoint::CountTokens, Dialect::OpenAI) => find(Wire::Responses, text),
        (Endpoint::CountTokens, Dialect::Anthropic) => find(Wire::Messages, text),
        (Endpoint::CountTokens, Dialect::Gemini) => to_generate(text),
        _ => {
            let mut found = Vec::new();
            let wire = Wire::Chat;
            let mut looking = Looking {
                wire,
                found: &mut found,
            };
            looking.anywhere(text, "", DEEP);
            found
        }
    }
}

/// Google counts contents, or a request that holds them.
fn to_generate(text: &str) -> Vec<Medium> {
    let mut found = find(Wire::Generate, text);
    let names = ["generateContentRequest", "generate_content_request"];
    let within = members(text, names).unwrap_or_default();
    for request in within.into_iter().flatten() {
        found.extend(find(Wire::Generate, request).into_iter().map(|one| Medium {
            path: format!("{}.{}", names[0], one.path),
            ..one
        }));
    }
    found
}

impl Looking<'_> {
    fn anywhere(&mut self, value: &str, path: &str, deep: usize) {
        if deep == 0 {
            return;
        }
        if value.starts_with('[') {
            return each(value, |at, one| {
                self.anywhere(one, &format!("{path}[{at}]"), deep - 1);
            });
        }
        let Ok(mut walk) = Walk::open(value.as_bytes(), b'{') else {
            return;
        };
        while let Ok(Some((spelt, place))) = walk.member() {
            let Ok(member) = name(value, spelt) else {
                return;
            };
            let path = match path {
                "" => member.to_string(),
                path => format!("{path}.{member}"),
            };
            let inner = value.get(place).unwrap_or_default();
            match sense(&member) {
                Some(sense) => self.given(sense, inner, &path),
                None => self.anywhere(inner, &path, deep - 1),
            }
        }
    }

    /// An address, bytes, an object with either, or a list of those.
    fn given(&mut self, sense: Sense, value: &str, path: &str) {
        match value.get(..1) {
            Some("[") => each(value, |at, one| {
                self.given(sense, one, &format!("{path}[{at}]"));
            }),
            Some("{") => self.at(sense, Some(value), path),
            // What lies in a store of Google's is named by another scheme.
            _ if string(Some(value)).is_some_and(|text| text.starts_with("gs://")) => {}
            _ => self.bytes(sense, Some(value), path),
        }
    }
}

/// That of what a member of this name holds.
fn sense(name: &str) -> Option<Sense> {
    let more = [
        ("image", Sense::Image),
        ("fileUri", Sense::Document),
        ("file_uri", Sense::Document),
    ];
    let mut all = PLACES.iter().chain(&more);
    all.find(|(known, _)| *known == name)
        .map(|(_, sense)| *sense)
}
