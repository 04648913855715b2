//! What a Gemini request says of the length of its answer, and where: `generationConfig`, in either of the spellings that the API takes.
//!
//! Called with the scan of a body that is one JSON object. Must never touch any other member.

use crate::json::{members, number};
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
        ];
        let Some([first, second, count, count_too]) = members(object, names) else {
            return;
        };
        let limits = [first, second].into_iter().flatten();
        self.limits
            .extend(limits.map(|value| Limit::read(value, span(text, value))));
        self.candidates = number(count).or(number(count_too)).max(self.candidates);
    }

    /// What the caller allows for one answer.
    pub fn tokens(&self) -> Option<u64> {
        self.limits.iter().filter_map(|limit| limit.tokens).max()
    }

    /// The edits after which no answer may be longer than `most`.
    pub fn lower(&self, body: &[u8], most: u64) -> Vec<Edit> {
        let edit = |span: Range<usize>, text: String| Edit {
            span,
            bytes: text.into_bytes().into(),
        };
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

/// The value is borrowed from the body, so the distance of their addresses is its place.
pub(super) fn span(text: &str, value: &str) -> Range<usize> {
    let start = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + value.len()
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
            let mut edits = found.lower(body.as_bytes(), 9);
            let bytes = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(splice(&bytes, &mut edits), lowered.as_bytes(), "{body}");
        }
        let two = Generation::read(br#"{"generationConfig":{"candidateCount":2}}"#);
        assert_eq!(two.candidates, Some(2));
    }
}
