//! The sections on answers: each sample is read as its provider wrote it and written for every caller. Called by `translation_page`.

use purser_dialects::Wire;
use purser_dialects::fields::table::ANSWERS;
use purser_dialects::translate::{Asked, Unreadable, read_reply, write_reply};
use serde_json::{Value, json};
use std::fmt::Write as _;

const TO: [(Wire, &str); 4] = [
    (Wire::Chat, "Chat"),
    (Wire::Responses, "Responses"),
    (Wire::Messages, "Messages"),
    (Wire::Generate, "Gemini"),
];

pub(crate) fn write(page: &mut String) {
    page.push_str(HEAD);
    for topic in ANSWERS {
        write!(page, "\n### {}\n\n", topic.title).unwrap();
        page.push_str(
            "| who | says | Chat | Responses | Messages | Gemini |\n|---|---|---|---|---|---|\n",
        );
        for (says, from, members) in topic.samples {
            let answer = whole(*from, members);
            let cells = TO.iter().enumerate().map(|(at, (to, _))| match to == from {
                true => "as it is".to_owned(),
                false => cell(topic.stands[at], (*from, *to), &answer),
            });
            let cells: Vec<_> = cells.collect();
            writeln!(page, "| {} | {says} | {} |", who(*from), cells.join(" | ")).unwrap();
        }
    }
}

fn who(from: Wire) -> &'static str {
    match from {
        Wire::Messages => "Anthropic",
        Wire::Generate => "Gemini",
        Wire::Chat | Wire::Completions | Wire::Responses => "a chat",
    }
}

/// A whole answer with these members.
fn whole(wire: Wire, members: &str) -> Vec<u8> {
    let mut answer = match wire {
        Wire::Messages => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "p", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        Wire::Generate => {
            json!({"responseId": "r1", "modelVersion": "p", "candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP"}]})
        }
        Wire::Chat | Wire::Completions | Wire::Responses => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "p", "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]})
        }
    };
    let members: Value = serde_json::from_str(members).unwrap();
    for (name, value) in members.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer.to_string().into_bytes()
}

/// What stands there in the answer that the caller gets.
fn cell(stands: &[&str], (from, to): (Wire, Wire), answer: &[u8]) -> String {
    let asked = Asked {
        model: "m".into(),
        request_id: "req_0".into(),
        now: 1_767_225_600,
        wants_usage: true,
        ..Asked::default()
    };
    let given = match read_reply(from, answer).and_then(|reply| write_reply(to, &reply, &asked)) {
        Ok(given) => serde_json::from_slice::<Value>(&given).unwrap(),
        Err(Unreadable(why)) => return format!("**another channel**: {why}"),
    };
    let shown = stands.iter().filter_map(|pointer| {
        let value = given.pointer(pointer)?;
        let name = pointer
            .rsplit('/')
            .find(|part| part.parse::<u8>().is_err())?;
        let empty = value.is_null() || value == &json!([]);
        (!empty).then(|| match value {
            Value::Object(_) => format!("`{value}`"),
            _ => format!("`{name}: {}`", value.to_string().trim_matches('"')),
        })
    });
    match shown.collect::<Vec<_>>().join(", ") {
        shown if shown.is_empty() => "–".to_owned(),
        shown => shown,
    }
}

const HEAD: &str = "
## What an answer says

Whole answers, each given to the caller of every API; a stream says the same in its own events. What an API has no place for is not shown
(–), and what cannot be given at all goes to **another channel**, or is 502 where there is none. Ids and times are the provider's where it has
them and the caller's API a place for them, else they are made of the request's id (`req_0` here) and its time; the model is called as the
caller called it. Responses are always named and dated by Purser, since nobody keeps them.
";
