//! What a Gemini request says of the length of its answer, and where: `generationConfig`, in either of the spellings that the API takes.
//!
//! Called with the scan of a body that is one JSON object. Must never touch any other member.

use super::generate::within;
use crate::json::{members, number, span};
use crate::openai::output_limit::Limit;
use crate::splice::Edit;
use std::ops::Range;

/// What of `generationConfig` matters before a provider reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// Where the object stands that a limit can be added to.
    object: Option<Range<usize>>,
    /// Each member that limits the answer.
    limits: Vec<Limit>,
    /// Each that says in how many tokens the model may think.
    budgets: Vec<Limit>,
    /// How many answers are asked for.
    pub candidates: Option<u64>,
}

impl Generation {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Generation {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let mut found = Generation::default();
        let objects = members(text, ["generationConfig", "generation_config"]).unwrap_or_default();
        for object in objects.into_iter().flatten() {
            found.object = Some(span(text, object));
            found.within(text, object);
        }
        found
    }

    fn within(&mut self, text: &str, object: &str) {
        let names = [
            "maxOutputTokens",
            "max_output_tokens",
            "candidateCount",
            "candidate_count",
            "thinkingConfig",
            "thinking_config",
        ];
        let Some([first, second, count, count_too, thinks @ ..]) = members(object, names) else {
            return;
        };
        for thinks in thinks.into_iter().flatten() {
            let budgets = members(thinks, ["thinkingBudget", "thinking_budget"]);
            let budgets = budgets.into_iter().flatten().flatten();
            self.budgets
                .extend(budgets.map(|value| Limit::read(value, span(text, value))));
        }
        let limits = [first, second].into_iter().flatten();
        self.limits
            .extend(limits.map(|value| Limit::read(value, span(text, value))));
        self.candidates = number(count).or(number(count_too)).max(self.candidates);
    }

    /// What the caller allows for one answer.
    pub fn tokens(&self) -> Option<u64> {
        self.limits.iter().filter_map(|limit| limit.tokens).max()
    }

    /// The edits after which no answer may be longer than `most`, nor this model's thoughts as long: they count within it.
    pub fn lower(&self, body: &[u8], most: u64, model: &str) -> Vec<Edit> {
        let mut edits = self.limit(body, most);
        if !edits.is_empty() {
            let within = within(most, model);
            let larger = |budget: &&Limit| budget.tokens.is_some_and(|tokens| tokens > within);
            let budgets = self.budgets.iter().filter(larger);
            edits.extend(budgets.map(|budget| edit(budget.span.clone(), within.to_string())));
        }
        edits
    }

    fn limit(&self, body: &[u8], most: u64) -> Vec<Edit> {
        if !self.limits.is_empty() {
            let larger = |limit: &&Limit| limit.tokens.is_none_or(|tokens| tokens > most);
            let edits = self.limits.iter().filter(larger);
            return edits
                .map(|limit| edit(limit.span.clone(), most.to_string()))
                .collect();
        }
        match &self.object {
            Some(object) => {
                let at = object.start + 1;
                let within = body
                    .get(at..object.end.saturating_sub(1))
                    .unwrap_or_default();
                let comma = if within.trim_ascii().is_empty() {
                    ""
                } else {
                    ","
                };
                vec![edit(at..at, format!("\"maxOutputTokens\":{most}{comma}"))]
            }
            None => {
                let Some(at) = body.iter().position(|byte| *byte == b'{') else {
                    return Vec::new();
                };
                let rest = body.get(at + 1..).unwrap_or_default().trim_ascii_start();
                let comma = if rest.first() == Some(&b'}') { "" } else { "," };
                let added = format!("\"generationConfig\":{{\"maxOutputTokens\":{most}}}{comma}");
                vec![edit(at + 1..at + 1, added)]
            }
        }
    }
}

fn edit(span: Range<usize>, text: String) -> Edit {
    Edit {
        span,
        bytes: text.into_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;
    use bytes::Bytes;

    #[test]
    fn a_limit_is_found_lowered_and_added_and_nothing_else_changes() {
        for (body, tokens, lowered) in [
            (
                r#"{"a":1}"#,
                None,
                r#"{"generationConfig":{"maxOutputTokens":9},"a":1}"#,
            ),
            (
                "{ }",
                None,
                r#"{"generationConfig":{"maxOutputTokens":9} }"#,
            ),
            (
                r#"{"generationConfig": { "topK":1 } }"#,
                None,
                r#"{"generationConfig": {"maxOutputTokens":9, "topK":1 } }"#,
            ),
            (
                r#"{"generationConfig":{}}"#,
                None,
                r#"{"generationConfig":{"maxOutputTokens":9}}"#,
            ),
            (
                r#"{"generation_config":{"max_output_tokens":20}}"#,
                Some(20),
                r#"{"generation_config":{"max_output_tokens":9}}"#,
            ),
            (
                r#"{"generationConfig":{"maxOutputTokens":5,"candidateCount":2}}"#,
                Some(5),
                r#"{"generationConfig":{"maxOutputTokens":5,"candidateCount":2}}"#,
            ),
            (
                r#"{"generationConfig":{"maxOutputTokens":-1}}"#,
                None,
                r#"{"generationConfig":{"maxOutputTokens":9}}"#,
            ),
        ] {
            let found = Generation::read(body.as_bytes());
            assert_eq!(found.tokens(), tokens, "{body}");
            let mut edits = found.lower(body.as_bytes(), 9, "gemini-2.5-pro");
            let bytes = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(splice(&bytes, &mut edits), lowered.as_bytes(), "{body}");
        }
        let two = Generation::read(br#"{"generationConfig":{"candidateCount":2}}"#);
        assert_eq!(two.candidates, Some(2));
    }

    /// 2.5 Pro thinks in 128 tokens at least (ai.google.dev/gemini-api/docs/thinking); googleapis/python-genai#811.
    #[test]
    fn what_gemini_thinks_in_is_lowered_with_its_limit() {
        let thinks = |max: u64, budget: i64| {
            format!(
                r#"{{"generation_config":{{"thinking_config":{{"thinkingBudget": {budget}}},"maxOutputTokens":{max}}}}}"#
            )
        };
        for (before, most, model, after) in [
            ((8_000, 2_048), 1_500, "gemini-2.5-pro", (1_500, 1_200)),
            ((8_000, 2_048), 100, "gemini-2.5-pro", (100, 128)),
            ((8_000, 2_048), 100, "gemini-2.5-flash", (100, 80)),
            ((8_000, 50), 100, "gemini-2.5-flash", (100, 50)),
            ((8_000, -1), 100, "gemini-2.5-flash", (100, -1)),
            ((90, 2_048), 100, "gemini-2.5-flash", (90, 2_048)),
        ] {
            let before = Bytes::from(thinks(before.0, before.1));
            let mut edits = Generation::read(&before).lower(&before, most, model);
            let after = thinks(after.0, after.1);
            assert_eq!(splice(&before, &mut edits), after.as_bytes());
        }
    }
}
