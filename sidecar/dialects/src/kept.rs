//! Ids of what a provider keeps for one account: which of them a request of the Responses API names, and how an id says whose it is.
//!
//! An answer's id goes to the caller with a seal behind it, eight bytes that stand for a channel and a credential; when it comes back, the
//! seal says where the call must go, and the provider is given its own id again.
//!
//! | what comes back | where the call goes |
//! |---|---|
//! | an answer's id, in `previous_response_id` or a path | to the account of its seal, or nowhere: 400 |
//! | a conversation, a file, an item that is named and not given (`item_reference`) | to the account of its seal; without one to the only account there is, or nowhere: 400 |
//! | a thought (`rs_…`) that is given whole | to the account of its seal first; to any other it goes without the thought, which the caller is told by a header |
//! | a message or a call (`msg_…`, `fc_…`) that is given whole | anywhere: its provider does not look it up |
//! | what was given here to an item of a translated answer (`rs_<uuid>_0`, `msg_…`, `fc_…`) | anywhere: without the thought, and the others without that id, see `state` |
//!
//! The ids of thoughts are sealed because a provider that does not find one answers 404, or 400 where it cannot read what it encrypted; the
//! rest of a conversation says everything that it needs. Not taken: to hold such a call to its account, since an agent could then not go
//! on when that dies; and to seal every item's id, which changes nearly every event of a stream for ids that nobody looks up.
//!
//! Called before a channel is chosen, and by whoever relays such an answer. Must never change a byte beside the ids.

mod renames;
mod stored;

pub use renames::Renames;
pub use stored::{Act, Stored};

use crate::json::sift::{Keep, object};
use crate::json::{members, string};
use crate::walk::Walk;
use memchr::memmem;
use std::ops::Range;

/// What stands between a provider's id and its seal.
pub(crate) const MARK: &str = "_px";
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
            let (id, seal) = parted(string(id)?);
            // `items_for` gives the provider its own id again.
            let span = None;
            return Some(Kept {
                param: "input",
                id,
                seal,
                span,
            });
        }
    }
    None
}

/// Whether an answer is to be written in the background: what it uses is told when it is asked for, if ever.
pub fn in_background(body: &[u8]) -> bool {
    let text = memmem::find(body, b"background").and_then(|_| std::str::from_utf8(body).ok());
    let said = text.and_then(|text| members(text, ["background"]));
    said == Some([Some("true")])
}

/// The seal of the last thought that a request gives back whole: at its account it is still of use.
pub fn thinks_at(body: &[u8]) -> Option<String> {
    memmem::find(body, MARK.as_bytes())?;
    let text = std::str::from_utf8(body).ok()?;
    let input = members(text, ["input"])?[0]?;
    let mut walk = Walk::open(input.as_bytes(), b'[').ok()?;
    let mut last = None;
    while let Some(at) = walk.element().ok()? {
        last = input.get(at).and_then(thought_of).or(last);
    }
    last
}

/// The seal of a thought.
fn thought_of(item: &str) -> Option<String> {
    let [kind, id] = members(item, ["type", "id"])?;
    let seal = || parted(string(id)?).1;
    (kind == Some("\"reasoning\"")).then(seal)?
}

/// An item of a conversation as the account of `seal` may be given it: its own ids without their seals, and no thought of another's.
pub(crate) fn item_for(item: &str, seal: &str) -> Keep {
    let [kind, id] = members(item, ["type", "id"]).unwrap_or_default();
    let Some((id, Some(of))) = string(id).map(parted) else {
        return Keep::As;
    };
    if kind == Some("\"reasoning\"") && of != seal {
        return Keep::Out;
    }
    let own = |name: &str, _: &str| match name {
        "id" => Keep::Instead(format!("\"{id}\"")),
        _ => Keep::As,
    };
    object(item, own).map_or(Keep::As, Keep::Instead)
}

/// The earlier answer that one goes on from, as its provider says; there may be only the beginning of it.
pub fn earlier_id(answer: &[u8]) -> Option<String> {
    let name = b"\"previous_response_id\"";
    let at = memmem::find(answer, name)? + name.len();
    let value = beginning(answer.get(at..)?).trim_start();
    let value = value.strip_prefix(':')?.trim_start().strip_prefix('"')?;
    plain(value.split_once('"')?.0.to_owned())
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
