//! The token counts of Anthropic and Gemini, brought to OpenAI's way of counting: what was read includes the cached, what was written
//! the thoughts.
//!
//! Called for what an answer says of itself, whole or in pieces. Must never count a token twice, nor leave one out.

use super::{Usage, count};
use crate::json::members;

/// What Anthropic says, a part at a time: the begin of a stream tells what was read, its end what was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Neither from nor into the cache.
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
}

impl Parts {
    /// The counts of a `usage` object, each in place of what was said of it before.
    pub(crate) fn hear(&mut self, text: &str) {
        let names = [
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
        ];
        let Some([input, read, write, output]) = members(text, names) else {
            return;
        };
        self.input = count(input).or(self.input);
        self.cache_read = count(read).or(self.cache_read);
        self.cache_write = count(write).or(self.cache_write);
        self.output = count(output).or(self.output);
    }

    /// All that was said; none: nothing was.
    pub(crate) fn usage(&self) -> Option<Usage> {
        if *self == Parts::default() {
            return None;
        }
        let said = |count: Option<u64>| count.unwrap_or(0);
        let (cached_tokens, cache_write_tokens) = (said(self.cache_read), said(self.cache_write));
        let prompt_tokens = said(self.input)
            .saturating_add(cached_tokens)
            .saturating_add(cache_write_tokens);
        let completion_tokens = said(self.output);
        Some(Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
            cached_tokens,
            cache_write_tokens,
        })
    }
}

/// Gemini's `usageMetadata`.
pub(crate) fn gemini(text: &str) -> Option<Usage> {
    let names = [
        "promptTokenCount",
        "toolUsePromptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
    ];
    let found = members(text, names)?;
    if found.iter().all(Option::is_none) {
        return None;
    }
    let [prompt, tools, cached, candidates, thoughts, total] = found.map(count);
    let sum = |parts: [Option<u64>; 2]| {
        let parts = parts.map(|part| part.unwrap_or(0));
        parts.into_iter().fold(0, u64::saturating_add)
    };
    let (prompt_tokens, completion_tokens) = (sum([prompt, tools]), sum([candidates, thoughts]));
    Some(Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens: total.unwrap_or(prompt_tokens.saturating_add(completion_tokens)),
        cached_tokens: cached.unwrap_or(0),
        cache_write_tokens: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anthropic_read_is_the_sum_of_its_three_counts() {
        let mut parts = Parts::default();
        assert_eq!(parts.usage(), None);
        parts.hear(r#"{"input_tokens":10,"cache_read_input_tokens":200,"cache_creation_input_tokens":30,"output_tokens":1}"#);
        parts.hear(r#"{"output_tokens":42}"#);
        let usage = parts.usage().unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (240, 42));
        assert_eq!((usage.cached_tokens, usage.cache_write_tokens), (200, 30));
        assert_eq!(usage.total_tokens, 282);
    }

    #[test]
    fn what_gemini_wrote_includes_its_thoughts() {
        let usage = gemini(
            r#"{"promptTokenCount":8,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":20,"totalTokenCount":33}"#,
        )
        .unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (8, 25));
        assert_eq!((usage.cached_tokens, usage.total_tokens), (4, 33));
        assert_eq!(usage.tokens().total(), 33);
        assert_eq!(gemini("{}"), None);
    }
}
