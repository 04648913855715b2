//! Mistral's own parts of what its models said, taken out of a chat that goes on elsewhere: thoughts and references stand in `content`, which
//! OpenAI, DeepSeek and xAI answer 400 to (mistralai 3.7, client/models/contentchunk.py).
//!
//! Called by `state` for each message. Must never touch a part that others know.

use crate::json::sift::Keep;
use crate::json::{each_element, members, string};

/// A message's content without them: its texts as one, if nothing else is left, and `null` if nothing is.
pub(super) fn without(content: &str) -> Keep {
    let (mut kept, mut texts, mut found) = (Vec::new(), Some(String::new()), false);
    each_element(content, |part| {
        let [kind, text] = members(part, ["type", "text"]).unwrap_or_default();
        if matches!(kind, Some("\"thinking\"" | "\"reference\"")) {
            found = true;
            return;
        }
        kept.push(part);
        let text = string(text.filter(|_| kind == Some("\"text\"")));
        texts = texts.take().zip(text).map(|(all, text)| all + &text);
    });
    match texts {
        _ if !found => Keep::As,
        _ if kept.is_empty() => Keep::Instead("null".to_owned()),
        Some(text) => Keep::Instead(serde_json::Value::from(text).to_string()),
        None => Keep::Instead(format!("[{}]", kept.join(","))),
    }
}
