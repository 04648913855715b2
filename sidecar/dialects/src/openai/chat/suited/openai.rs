//! A chat that was written for Mistral, as OpenAI takes it: its SDK says by other names what both have, and always says `safe_prompt: false`
//! (mistralai 3.7, client/models/chatcompletionrequest.py), and OpenAI answers 400 "Unrecognized request argument" to either. Called by
//! `suited`; what OpenAI has nothing for is left to it to refuse.

use super::with;
use crate::json::members;
use crate::json::sift::{Keep, object};

const MARKS: [&[u8]; 4] = [
    b"\"random_seed\"",
    b"\"safe_prompt\"",
    b"\"prompt_mode\"",
    b"\"any\"",
];

pub(super) fn suited(text: &str) -> Option<String> {
    let holds = |mark: &&[u8]| memchr::memmem::find(text.as_bytes(), mark).is_some();
    if !MARKS.iter().any(holds) {
        return None;
    }
    let [own, seed] = members(text, ["seed", "random_seed"])?;
    let sifted = object(text, |name, value| match (name, value) {
        ("random_seed", _) | ("safe_prompt", "false" | "null") | ("prompt_mode", "null") => {
            Keep::Out
        }
        // In place of a `null`, which another of that name would stand beside.
        ("seed", _) if own.is_none() && seed.is_some() => Keep::Out,
        ("tool_choice", "\"any\"") => Keep::Instead("\"required\"".to_owned()),
        _ => Keep::As,
    })?;
    match seed.filter(|_| own.is_none()) {
        Some(seed) => Some(with(&sifted, &format!("\"seed\":{seed}"))),
        None => Some(sifted),
    }
}
