//! Ids of what a provider keeps for one account: which of them a request of the Responses API names, and how an id says whose it is.
//!
//! An answer's id goes to the caller with a seal behind it, eight bytes that stand for a channel and a credential; when it comes back, the
//! seal says where the call must go, and the provider is given its own id again.
//!
//! Called before a channel is chosen, and by whoever relays such an answer. Must never change a byte beside the ids.

mod renames;

pub use renames::Renames;

use crate::json::{members, string};
use crate::walk::Walk;
use std::ops::Range;

/// What stands between a provider's id and its seal.
const MARK: &str = "_px";
/// The length of a seal, in hexadecimal digits.
pub const SEAL: usize = 16;

/// Something that a request says a provider keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The member that says so.
    pub param: &'static str,
    /// The provider's id, without a seal.
    pub id: String,
    /// Whose it is, where it came through here.
    pub seal: Option<String>,
    /// The bytes of the body that spell it, with its quotes; none where there is nothing to replace.
    pub span: Option<Range<usize>>,
}

/// What a request of the Responses API names: an answer, a conversation, an item of one.
pub fn kept(body: &[u8]) -> Vec<Kept> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Vec::new();
    };
    let names = ["previous_response_id", "conversation", "input"];
    let [answer, conversation, input] = members(text, names).unwrap_or_default();
    let object = |spelt: &&str| spelt.starts_with('{');
    let within = conversation.filter(object);
    let within = within.and_then(|object| members(object, ["id"])?[0]);
    let named = [
        ("previous_response_id", answer),
        ("conversation", within.or(conversation)),
    ];
    let found = named.into_iter().filter_map(|(param, spelt)| {
        let (id, seal) = parted(string(spelt)?);
        let span = spelt.and_then(|spelt| place(text, spelt));
        Some(Kept {
            param,
            id,
            seal,
            span,
        })
    });
    found.chain(input.and_then(item)).collect()
}

/// The first item that is named and not given.
fn item(input: &str) -> Option<Kept> {
    let mut walk = Walk::open(input.as_bytes(), b'[').ok()?;
    while let Some(at) = walk.element().ok()? {
        let one = input.get(at).filter(|one| one.starts_with('{'));
        let [kind, id] = one
            .and_then(|one| members(one, ["type", "id"]))
            .unwrap_or_default();
        if kind == Some("\"item_reference\"") {
            return Some(Kept {
                param: "input",
                id: string(id)?,
                seal: None,
                span: None,
            });
        }
    }
    None
}

/// Where a part of `text` stands in it.
fn place(text: &str, part: &str) -> Option<Range<usize>> {
    let from = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (from + part.len() <= text.len()).then_some(from..from + part.len())
}

/// A provider's id with its seal.
pub fn sealed(id: &str, seal: &str) -> String {
    format!("{id}{MARK}{seal}")
}

/// A caller's id without its seal, and the seal.
fn parted(id: String) -> (String, Option<String>) {
    let parts = id.rsplit_once(MARK);
    let is_seal =
        |seal: &str| seal.len() == SEAL && seal.bytes().all(|digit| digit.is_ascii_hexdigit());
    match parts.filter(|(own, seal)| !own.is_empty() && is_seal(seal)) {
        Some((own, seal)) => (own.to_owned(), Some(seal.to_owned())),
        None => (id, None),
    }
}

/// The id of an answer, of which there may be only the beginning.
pub fn answer_id(answer: &[u8]) -> Option<String> {
    let text = beginning(answer);
    let mut walk = Walk::open(text.as_bytes(), b'{').ok()?;
    while let Some((spelt, value)) = walk.member().ok()? {
        if text.get(spelt.inner) == Some("id") {
            return plain(string(text.get(value))?);
        }
    }
    None
}

/// The id of an answer whose stream begins so: its first events tell.
pub fn stream_id(events: &[u8]) -> Option<String> {
    let data = beginning(events)
        .lines()
        .filter_map(|line| line.strip_prefix("data:"));
    let mut answers = data.filter_map(|data| members(data.trim(), ["response"])?[0]);
    answers.find_map(|answer| plain(string(members(answer, ["id"])?[0])?))
}

/// As much of it as is text.
fn beginning(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
    }
}

/// An id that is spelt as it is, with and without its seal; any other is left alone.
fn plain(id: String) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (!id.is_empty() && id.len() <= 512 && id.bytes().all(fits)).then_some(id)
}

#[cfg(test)]
mod tests;
