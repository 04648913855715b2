//! The token counts of a chat. Called by readers and writers of answers.

use crate::Usage;
use crate::json::pen::Object;
use crate::json::{members, number};
use crate::talk::Spent;

/// Reads a `usage`. What a total holds beyond its parts are thoughts, which xAI counts apart.
pub(crate) fn read_spent(usage: &str) -> Option<Spent> {
    let read = Usage::from_object(usage)?;
    let tokens = read.tokens();
    let reasoning = members(
        usage,
        ["completion_tokens_details", "output_tokens_details"],
    )
    .and_then(|[chat, responses]| members(chat.or(responses)?, ["reasoning_tokens"]))
    .and_then(|[tokens]| number(tokens));
    Some(Spent {
        usage: Usage {
            prompt_tokens: tokens.input,
            completion_tokens: tokens.output,
            total_tokens: tokens.input.saturating_add(tokens.output),
            cached_tokens: tokens.cached,
            cache_write_tokens: tokens.cache_write,
        },
        reasoning_tokens: reasoning.unwrap_or(0),
    })
}

/// Writes one.
pub(crate) fn write_spent(object: &mut Object<'_>, spent: &Spent) {
    let usage = &spent.usage;
    let total = usage.prompt_tokens.saturating_add(usage.completion_tokens);
    let mut counts = object.object("usage");
    counts.member("prompt_tokens", &usage.prompt_tokens);
    counts.member("completion_tokens", &usage.completion_tokens);
    counts.member("total_tokens", &total);
    {
        let mut read = counts.object("prompt_tokens_details");
        read.member("cached_tokens", &usage.cached_tokens);
        if usage.cache_write_tokens > 0 {
            read.member("cache_write_tokens", &usage.cache_write_tokens);
        }
    }
    let mut written = counts.object("completion_tokens_details");
    written.member("reasoning_tokens", &spent.reasoning_tokens);
}

/// The chunk that holds nothing but what was used, behind the head of all.
pub(crate) fn write_last(head: &[u8], spent: &Spent, out: &mut Vec<u8>) {
    out.extend_from_slice(head);
    out.push(b']');
    let mut usage = Vec::new();
    write_spent(&mut Object::open(&mut usage), spent);
    // The object's brace gives way to a comma: it goes on where the head stops.
    out.push(b',');
    out.extend_from_slice(usage.get(1..).unwrap_or_default());
    out.extend_from_slice(b"\n\n");
}
