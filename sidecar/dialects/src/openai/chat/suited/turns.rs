//! The messages of a chat as Mistral takes them: closed, each with the members of its role (mistralai 3.7, client/models/systemmessage.py,
//! usermessage.py, assistantmessage.py, toolmessage.py), ids of nine characters (research, data-plane 3.7), and no user right after a tool.
//!
//! Called by `mistral`. What a translation would leave out or say otherwise is so here, and what it refuses is refused.

use super::mistral::refused;
use super::parts::{content, with_words};
use crate::json::sift::{Keep, list, object};
use crate::json::{decode, is_empty, members, string};
use crate::openai::chat::BRIDGE;
use crate::openai::tool_id::short;
use crate::translate::Unsayable;
use crate::walk::Walk;

/// The whole list, if anything of it changes.
pub(super) fn turns(value: &str, removed: &mut bool) -> Result<Option<String>, Unsayable> {
    let mut written = Written::default();
    let Ok(mut walk) = Walk::open(value.as_bytes(), b'[') else {
        return Ok(None);
    };
    let mut index = 0;
    loop {
        match walk.element() {
            Ok(Some(at)) => {
                let message = value.get(at).unwrap_or_default();
                written.add(message, sifted(message, index, removed)?);
                index += 1;
            }
            Ok(None) => return Ok(written.done()),
            Err(_) => return Ok(None),
        }
    }
}

/// The list as it grows.
#[derive(Default)]
struct Written {
    messages: Vec<String>,
    changed: bool,
    after_tool: bool,
}

impl Written {
    fn add(&mut self, message: &str, sifted: Option<String>) {
        self.changed |= sifted.is_some();
        let message = sifted.unwrap_or_else(|| message.to_owned());
        let [role, said] = members(&message, ["role", "content"]).unwrap_or_default();
        let interrupts = role == Some("\"user\"") && self.after_tool;
        self.changed |= interrupts;
        let after_tool = role == Some("\"tool\"");
        if interrupts {
            // Words go with the tool's answer, as where a turn is translated; what they cannot stand in comes after a word of the assistant's.
            let tool = self.messages.last_mut();
            if let Some((tool, both)) = tool.zip(said).and_then(|(tool, said)| {
                let both = with_words(tool, said)?;
                Some((tool, both))
            }) {
                *tool = both;
                return;
            }
            let bridge = serde_json::Value::from(BRIDGE);
            let bridge = format!(r#"{{"role":"assistant","content":{bridge}}}"#);
            self.messages.push(bridge);
        }
        self.after_tool = after_tool;
        self.messages.push(message);
    }

    fn done(self) -> Option<String> {
        let changed = self.changed;
        changed.then(|| format!("[{}]", self.messages.join(",")))
    }
}

fn sifted(message: &str, index: usize, removed: &mut bool) -> Result<Option<String>, Unsayable> {
    let names = ["role", "name", "content", "refusal"];
    let [role, name, said, refusal] = members(message, names).unwrap_or_default();
    let Some(known) = role.and_then(known) else {
        return Ok(None);
    };
    let path = format!("messages[{index}]");
    let by = string(name).filter(|_| role != Some("\"tool\""));
    let refusal = refusal.filter(|refusal| !is_empty(Some(refusal)) && is_empty(said));
    let mut fault = None;
    let sifted = object(message, |name, value| {
        let keep = match name {
            "content" if refusal.is_some() => Ok(Keep::Out),
            "content" => content(value, by.as_deref(), &path),
            "role" if value == "\"developer\"" => Ok(Keep::Instead("\"system\"".to_owned())),
            "tool_call_id" => Ok(id(value)),
            "tool_calls" => calls(value, &path, removed),
            name if known.contains(&name) => Ok(Keep::As),
            _ => beside(name, value, removed)
                .then_some(Keep::Out)
                .ok_or_else(|| refused(format!("{path}.{name}"))),
        };
        keep.unwrap_or_else(|why| {
            fault.get_or_insert(why);
            Keep::As
        })
    });
    match (fault, refusal) {
        (Some(fault), _) => Err(fault),
        (None, Some(refusal)) => {
            let message = sifted.as_deref().unwrap_or(message);
            Ok(Some(super::with(
                message,
                &format!("\"content\":{refusal}"),
            )))
        }
        (None, None) => Ok(sifted),
    }
}

/// What a message of that role has.
fn known(role: &str) -> Option<&'static [&'static str]> {
    Some(match role {
        "\"system\"" | "\"developer\"" | "\"user\"" => &["role", "content"],
        "\"assistant\"" => &["role", "content", "tool_calls", "prefix"],
        "\"tool\"" => &["role", "content", "tool_call_id", "name"],
        _ => return None,
    })
}

/// Whether a member that no message has can be left out: what says nothing, what is said otherwise, and thoughts, of which the caller is told.
fn beside(name: &str, value: &str, removed: &mut bool) -> bool {
    let thoughts = [
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking_blocks",
    ];
    if is_empty(Some(value)) {
        return true;
    }
    *removed |= thoughts.contains(&name);
    let others = [
        "name",
        "refusal",
        "annotations",
        "citations",
        "provider_specific_fields",
        "cache_control",
        "parsed",
    ];
    thoughts.contains(&name) || others.contains(&name)
}

/// mistralai 3.7, client/models/toolcall.py and functioncall.py.
fn calls(value: &str, path: &str, removed: &mut bool) -> Result<Keep, Unsayable> {
    if value == "null" {
        return Ok(Keep::Out);
    }
    let (mut index, mut fault) = (0, None);
    let sifted = list(value, |call| {
        let [kind] = members(call, ["type"]).unwrap_or_default();
        if kind == Some("\"custom\"") {
            fault.get_or_insert_with(|| refused(format!("{path}.tool_calls[{index}]")));
        }
        index += 1;
        let sifted = object(call, |name, value| match name {
            "id" => id(value),
            "type" | "index" => Keep::As,
            "function" => {
                let sifted = object(value, |name, _| match name {
                    "name" | "arguments" => Keep::As,
                    _ => Keep::Out,
                });
                sifted.map_or(Keep::As, Keep::Instead)
            }
            // Google's signature.
            _ => {
                *removed |= name == "extra_content";
                Keep::Out
            }
        });
        sifted.map_or(Keep::As, Keep::Instead)
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(sifted.map_or(Keep::As, Keep::Instead)),
    }
}

fn id(value: &str) -> Keep {
    let Ok(id) = decode(value) else {
        return Keep::As;
    };
    let short = short(&id);
    match *short == id {
        true => Keep::As,
        false => Keep::Instead(format!("\"{short}\"")),
    }
}
