//! What a response says again of its request. Called by the sidecar, which has the request, and by both writers of answers. Must never say
//! what the caller did not.

use crate::json::members;
use serde_json::value::RawValue;

/// Members of a request, as they were written; absent: the API's default. No longer than the request, and none for callers of other APIs.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the names are the API's own")]
pub struct Echo {
    pub instructions: Option<Box<RawValue>>,
    pub max_output_tokens: Option<Box<RawValue>>,
    pub metadata: Option<Box<RawValue>>,
    pub parallel_tool_calls: Option<Box<RawValue>>,
    pub reasoning: Option<Box<RawValue>>,
    pub temperature: Option<Box<RawValue>>,
    pub text: Option<Box<RawValue>>,
    pub tool_choice: Option<Box<RawValue>>,
    pub tools: Option<Box<RawValue>>,
    pub top_p: Option<Box<RawValue>>,
    pub user: Option<Box<RawValue>>,
}

const NAMES: [&str; 11] = [
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "user",
];

impl Echo {
    /// Of a request for a response. What cannot be read says nothing.
    pub fn of(body: &[u8]) -> Echo {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let [
            instructions,
            max_output_tokens,
            metadata,
            parallel_tool_calls,
            reasoning,
            temperature,
            text,
            tool_choice,
            tools,
            top_p,
            user,
        ] = members(text, NAMES).unwrap_or_default().map(said);
        Echo {
            instructions,
            max_output_tokens,
            metadata,
            parallel_tool_calls,
            reasoning,
            temperature,
            text,
            tool_choice,
            tools,
            top_p,
            user,
        }
    }
}

fn said(value: Option<&str>) -> Option<Box<RawValue>> {
    let value = value.filter(|value| *value != "null")?;
    RawValue::from_string(on_one_line(value)).ok()
}

/// Without the blanks between values: an event is one line.
fn on_one_line(json: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    let mut line = json.to_owned();
    line.retain(|letter| {
        let keeps = within || !letter.is_ascii_whitespace();
        within ^= letter == '"' && !escaped;
        escaped = within && letter == '\\' && !escaped;
        keeps
    });
    line
}

#[cfg(test)]
mod tests {
    use super::Echo;

    #[test]
    fn what_was_asked_is_said_again_on_one_line() {
        let body =
            b"{\"metadata\": {\n \"a b\": \"c \\\" {\\\\\" \n},\"tools\":null,\r\n\"top_p\": 0.50}";
        let echo = Echo::of(body);
        let text = |value: Option<Box<_>>| {
            value.map(|value: Box<serde_json::value::RawValue>| value.get().to_owned())
        };
        assert_eq!(
            text(echo.metadata).as_deref(),
            Some("{\"a b\":\"c \\\" {\\\\\"}")
        );
        assert_eq!(text(echo.top_p).as_deref(), Some("0.50"));
        assert!(echo.tools.is_none() && echo.user.is_none());
        assert!(Echo::of(b"[1").metadata.is_none());
    }
}
