//! Anthropic's whole answer, read. Called by `translate`. What it says that no caller's API knows is passed over.

use super::usage::Counts;
use super::{ANSWER, finish};
use crate::Dialect;
use crate::json::{each_element, members, string};
use crate::talk::{Block, Choice, Finish, Reply, Sealed};
use crate::translate::Unreadable;

/// Reads a provider's whole answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable("it is not UTF-8".into()))?;
    let names = [
        "id",
        "model",
        "content",
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "usage",
    ];
    let Some([id, model, content, reason, sequence, details, usage]) = members(text, names) else {
        return Err(Unreadable("it is not a JSON object".into()));
    };
    let content = content.ok_or_else(|| Unreadable("it has no content".into()))?;
    let (mut blocks, mut answered) = (Vec::new(), false);
    each_element(content, |block| {
        blocks.extend(read_block(block, &mut answered))
    });
    let calls = blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    let reason = string(reason);
    let finish = reason.map(|reason| finish(&reason, string(sequence), answered && !calls));
    if finish == Some(Finish::Refused) && blocks.is_empty() {
        blocks.extend(explanation(details).map(|text| Block::Refusal { text }));
    }
    let mut counts = Counts::default();
    counts.read(usage.unwrap_or_default());
    Ok(Reply {
        id: string(id).unwrap_or_default(),
        model: string(model).unwrap_or_default(),
        created: None,
        choices: vec![Choice {
            blocks,
            finish,
            logprobs: None,
        }],
        spent: counts.spent(),
    })
}

/// Why it refused, where it says so.
pub(super) fn explanation(details: Option<&str>) -> Option<String> {
    let [text] = members(details?, ["explanation"])?;
    string(text)
}

fn read_block(block: &str, answered: &mut bool) -> Option<Block> {
    let [kind] = members(block, ["type"])?;
    match kind? {
        "\"text\"" => read_text(block),
        "\"thinking\"" => read_thinking(block),
        "\"redacted_thinking\"" => {
            let [data] = members(block, ["data"])?;
            let sealed = own(string(data)?);
            Some(Block::Redacted { sealed })
        }
        "\"tool_use\"" => read_call(block, answered),
        _ => None,
    }
}

fn own(data: String) -> Sealed {
    let origin = Dialect::Anthropic;
    Sealed { origin, data }
}

fn read_text(block: &str) -> Option<Block> {
    let [text, citations] = members(block, ["text", "citations"])?;
    let citations = citations.and_then(|raw| serde_json::from_str(raw).ok());
    Some(Block::Text {
        text: string(text)?,
        cache: None,
        citations: citations.unwrap_or_default(),
    })
}

fn read_thinking(block: &str) -> Option<Block> {
    let [text, signature] = members(block, ["thinking", "signature"])?;
    let signature = string(signature).filter(|text| !text.is_empty());
    Some(Block::Thinking {
        text: string(text).unwrap_or_default(),
        sealed: signature.map(own),
    })
}

fn read_call(block: &str, answered: &mut bool) -> Option<Block> {
    let [id, name, input] = members(block, ["id", "name", "input"])?;
    let (name, input) = (string(name)?, input.unwrap_or("{}").to_owned());
    if name == ANSWER {
        let is_first = !std::mem::replace(answered, true);
        return is_first.then(|| Block::text(input));
    }
    Some(Block::ToolCall {
        id: string(id)?,
        name,
        arguments: input,
        sealed: None,
        cache: None,
    })
}
