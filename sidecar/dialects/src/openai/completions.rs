//! OpenAI's completions, for callers: the prompt is what a user says, and what the assistant says goes on from it. Called by `translate`.

mod writer;

pub(crate) use writer::Writer;

use super::chat::{beyond, finish_reason, read_sampling, reply_id, wants_usage, write_spent};
use crate::Wire;
use crate::json::look::Look;
use crate::json::pen::Object;
use crate::talk::{Ask, Block, Reply, Role, Turn};
use crate::translate::{AskFault, Asked};

/// What OpenAI writes where the caller does not say how much.
const DEFAULT_OUTPUT: u64 = 16;

/// Reads a caller's request.
pub(crate) fn read_ask(body: &[u8]) -> Result<Ask, AskFault> {
    let body = Look::body(body)?;
    let mut ask = Ask {
        wire: Wire::Completions,
        ..Ask::default()
    };
    let (mut has_model, mut has_prompt) = (false, false);
    body.members(|name, value| {
        match name {
            "model" => {
                ask.model = value.string()?;
                has_model = true;
            }
            "prompt" => {
                read_prompt(value, &mut ask)?;
                has_prompt = true;
            }
            "stream" => ask.stream = value.boolean()?,
            "stream_options" => ask.wants_usage = wants_usage(value)?,
            "user" => ask.user = Some(value.string()?),
            "echo" if value.text() == "false" => {}
            "suffix" if value.text() == "\"\"" => {}
            "best_of" if value.text() == "1" => {}
            // A number there, and of another shape in the answer.
            "logprobs" => ask.beyond.push(beyond(value)),
            name if read_sampling(&mut ask, name, value)? => {}
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    })?;
    if !has_model {
        return Err(body.lacks("model"));
    }
    if !has_prompt {
        return Err(body.lacks("prompt"));
    }
    ask.sampling.max_output.get_or_insert(DEFAULT_OUTPUT);
    Ok(ask)
}

/// One text. Several would each be answered, and tokens are of another model.
fn read_prompt(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut texts = Vec::new();
    if value.is_string() {
        texts.push(value.string()?);
    } else {
        let mut foreign = false;
        value.elements(|prompt| {
            match prompt.is_string() {
                true => texts.push(prompt.string()?),
                false => foreign = true,
            }
            Ok(())
        })?;
        if foreign || texts.len() > 1 {
            ask.beyond.push(beyond(value));
        }
    }
    ask.turns.push(Turn {
        role: Role::User,
        name: None,
        blocks: texts.into_iter().map(Block::text).collect(),
    });
    Ok(())
}

/// Writes it for the caller.
pub(crate) fn write_reply(reply: &Reply, asked: &Asked) -> Vec<u8> {
    let mut body = Vec::with_capacity(1_024);
    let mut object = Object::open(&mut body);
    object.member("id", &reply_id(&reply.id, asked, "cmpl-"));
    object.member("object", "text_completion");
    object.member("created", &reply.created.unwrap_or(asked.now));
    object.member("model", &asked.model);
    {
        let mut choices = object.list("choices");
        for (index, choice) in reply.choices.iter().enumerate() {
            let mut text = String::new();
            for block in &choice.blocks {
                if let Block::Text { text: said, .. } | Block::Refusal { text: said } = block {
                    text.push_str(said);
                }
            }
            let mut object = choices.object();
            object.member("text", &text);
            object.member("index", &index);
            object.raw("logprobs", "null");
            let finish = choice.finish.as_ref();
            let reason = finish.map_or("stop", |finish| finish_reason(finish, false));
            object.member("finish_reason", reason);
        }
    }
    if let Some(spent) = &reply.spent {
        write_spent(&mut object, spent);
    }
    drop(object);
    body
}
