//! The token counts of an answer, under OpenAI's two sets of names.

use crate::json::{members, number};
use serde::de::IgnoredAny;

/// What an answer says that it used. `prompt_tokens` includes cached ones, `completion_tokens` reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Read; `input_tokens` of the Responses endpoint.
    pub prompt_tokens: u64,
    /// Written; `output_tokens` of the Responses endpoint.
    pub completion_tokens: u64,
    /// As given, otherwise their sum.
    pub total_tokens: u64,
}

impl Usage {
    /// From the whole body of an answer that is not a stream, in the same pass that proves it whole.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn read_whole(body: &[u8]) -> serde_json::Result<Option<Usage>> {
        let text = std::str::from_utf8(body).unwrap_or_default();
        match members(text, ["usage"]) {
            Some([usage]) => Ok(usage.and_then(Usage::from_object)),
            None => serde_json::from_slice::<IgnoredAny>(body).map(|_| None),
        }
    }

    pub(crate) fn from_object(text: &str) -> Option<Usage> {
        let names = [
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "input_tokens",
            "output_tokens",
        ];
        let [prompt, completion, total, input, output] = members(text, names)?.map(number);
        let (prompt, completion) = (prompt.or(input), completion.or(output));
        if prompt.is_none() && completion.is_none() && total.is_none() {
            return None;
        }
        let (prompt_tokens, completion_tokens) = (prompt.unwrap_or(0), completion.unwrap_or(0));
        let total_tokens = total.unwrap_or(prompt_tokens.saturating_add(completion_tokens));
        Some(Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens,
        })
    }
}
