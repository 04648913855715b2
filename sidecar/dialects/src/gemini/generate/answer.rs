//! An answer of Gemini's, and a stream's chunk, which is one too. Called by both readers; borrowed, since a stream has many.

use crate::Usage;
use crate::talk::Spent;
use crate::text::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    pub(super) prompt_feedback: Option<PromptFeedback<'a>>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    #[serde(borrow)]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<Fault<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow, default)]
    pub(super) block_reason: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fault<'a> {
    #[serde(default)]
    pub(super) code: Option<u16>,
    #[serde(borrow, default)]
    pub(super) message: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Said<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    pub(super) logprobs_result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citation_metadata: Option<Citations<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<Piece<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    pub(super) thought: Option<bool>,
    #[serde(borrow)]
    pub(super) thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function_call: Option<Call<'a>>,
    /// What is rare is read by `shown`, and costs nothing here.
    #[serde(borrow)]
    pub(super) inline_data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) file_data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) executable_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) code_execution_result: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

impl Call<'_> {
    /// Its arguments as one JSON object.
    pub(super) fn arguments(&self) -> String {
        super::part::compact(self.args.map_or("{}", RawValue::get))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Citations<'a> {
    #[serde(borrow, alias = "citations")]
    pub(super) citation_sources: Option<Vec<Citation<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Citation<'a> {
    pub(super) start_index: Option<u64>,
    pub(super) end_index: Option<u64>,
    #[serde(borrow)]
    pub(super) uri: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) title: Option<Text<'a>>,
}

impl Citation<'_> {
    /// In the form of OpenAI's annotations, which `talk` carries.
    pub(super) fn annotation(&self) -> Option<serde_json::Value> {
        let url = self.uri.as_deref()?;
        Some(serde_json::json!({
            "type": "url_citation",
            "start_index": self.start_index.unwrap_or(0),
            "end_index": self.end_index.unwrap_or(0),
            "url": url,
            "title": self.title.as_deref().unwrap_or(url),
        }))
    }
}

/// Null is as good as absent, as the SDKs have it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageMetadata {
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    total_token_count: Option<u64>,
}

impl UsageMetadata {
    /// Thoughts are counted beside the candidates, not within them.
    pub(super) fn spent(&self) -> Spent {
        let sum = |counts: [Option<u64>; 2]| {
            let counts = counts.into_iter().flatten();
            counts.fold(0, u64::saturating_add)
        };
        let written = sum([self.candidates_token_count, self.thoughts_token_count]);
        let read = sum([self.prompt_token_count, self.tool_use_prompt_token_count]);
        let all = read.saturating_add(written);
        Spent {
            usage: Usage {
                prompt_tokens: read,
                completion_tokens: written,
                total_tokens: self.total_token_count.unwrap_or(0).max(all),
                cached_tokens: self.cached_content_token_count.unwrap_or(0),
                cache_write_tokens: 0,
            },
            reasoning_tokens: self.thoughts_token_count.unwrap_or(0),
        }
    }
}
