//! The token counts of a message. Called by readers and writers of answers. Anthropic counts what its cache read and wrote beside the
//! rest of the input; everybody else, and `talk`, within it.

use crate::Usage;
use crate::json::pen::Object;
use crate::json::{members, number};
use crate::talk::Spent;

/// What was counted so far. A later count replaces an earlier one; what it does not name stays.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    any: bool,
    input: u64,
    read: u64,
    written: u64,
    output: u64,
    thinking: u64,
}

impl Counts {
    pub(super) fn read(&mut self, usage: &str) {
        let names = [
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
            "output_tokens_details",
        ];
        let Some([input, read, written, output, details]) = members(usage, names) else {
            return;
        };
        let thinking = details.and_then(|details| members(details, ["thinking_tokens"]));
        let [thinking] = thinking.unwrap_or_default();
        for (raw, count) in [
            (input, &mut self.input),
            (read, &mut self.read),
            (written, &mut self.written),
            (output, &mut self.output),
            (thinking, &mut self.thinking),
        ] {
            if let Some(said) = number(raw) {
                (self.any, *count) = (true, said);
            }
        }
    }

    pub(super) fn spent(&self) -> Option<Spent> {
        let prompt = self
            .input
            .saturating_add(self.read)
            .saturating_add(self.written);
        self.any.then(|| Spent {
            usage: Usage {
                prompt_tokens: prompt,
                completion_tokens: self.output,
                total_tokens: prompt.saturating_add(self.output),
                cached_tokens: self.read,
                cache_write_tokens: self.written,
            },
            reasoning_tokens: self.thinking,
        })
    }
}

/// Writes them. What is not known is nothing: Anthropic's callers want numbers.
pub(super) fn write_usage(object: &mut Object<'_>, spent: Option<&Spent>) {
    let spent = spent.copied().unwrap_or_default();
    let usage = spent.usage;
    let cached = usage.cached_tokens.saturating_add(usage.cache_write_tokens);
    let mut counts = object.object("usage");
    counts.member("input_tokens", &usage.prompt_tokens.saturating_sub(cached));
    counts.member("cache_creation_input_tokens", &usage.cache_write_tokens);
    counts.member("cache_read_input_tokens", &usage.cached_tokens);
    counts.member("output_tokens", &usage.completion_tokens);
    if spent.reasoning_tokens > 0 {
        let mut details = counts.object("output_tokens_details");
        details.member("thinking_tokens", &spent.reasoning_tokens);
    }
}
