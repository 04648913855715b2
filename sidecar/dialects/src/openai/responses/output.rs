//! A response and the items of its output, as they are written. Called by both writers of answers.

use crate::talk::{Finish, Spent};
use crate::translate::Asked;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One response. What was not asked stands at its default.
#[derive(Debug, Serialize)]
pub(super) struct Response<'a> {
    pub(super) id: String,
    object: &'static str,
    created_at: u64,
    pub(super) status: &'static str,
    background: bool,
    pub(super) error: Option<Failure<'a>>,
    pub(super) incomplete_details: Option<Incomplete>,
    instructions: Option<&'a RawValue>,
    max_output_tokens: Option<&'a RawValue>,
    metadata: Or<'a, Empty>,
    model: &'a str,
    pub(super) output: &'a [Item],
    parallel_tool_calls: Or<'a, bool>,
    previous_response_id: Option<()>,
    reasoning: Or<'a, Reasoning>,
    store: bool,
    temperature: Option<&'a RawValue>,
    text: Or<'a, Text>,
    tool_choice: Or<'a, &'static str>,
    tools: Or<'a, [(); 0]>,
    top_p: Option<&'a RawValue>,
    truncation: &'static str,
    pub(super) usage: Option<Usage>,
    user: Option<&'a RawValue>,
}

/// What was asked, or the default.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Or<'a, D> {
    Asked(&'a RawValue),
    Default(D),
}

impl<'a, D> Or<'a, D> {
    fn of(asked: &'a Option<Box<RawValue>>, default: D) -> Or<'a, D> {
        match asked {
            Some(asked) => Or::Asked(asked),
            None => Or::Default(default),
        }
    }
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
struct Reasoning {
    effort: Option<()>,
    summary: Option<()>,
}

#[derive(Debug, Serialize)]
struct Text {
    format: Kind,
}

#[derive(Debug, Serialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Failure<'a> {
    pub(super) code: &'static str,
    pub(super) message: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Incomplete {
    pub(super) reason: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    input_tokens_details: Read,
    output_tokens: u64,
    output_tokens_details: Wrote,
    total_tokens: u64,
}

#[derive(Debug, Serialize)]
struct Read {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Debug, Serialize)]
struct Wrote {
    reasoning_tokens: u64,
}

impl Usage {
    pub(super) fn of(spent: &Spent) -> Usage {
        let usage = &spent.usage;
        Usage {
            input_tokens: usage.prompt_tokens,
            input_tokens_details: Read {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            output_tokens: usage.completion_tokens,
            output_tokens_details: Wrote {
                reasoning_tokens: spent.reasoning_tokens,
            },
            total_tokens: usage.total_tokens,
        }
    }
}

/// An item of the output.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<Part>,
    },
    FunctionCall {
        id: String,
        status: &'static str,
        call_id: String,
        name: String,
        arguments: String,
    },
    Reasoning {
        id: String,
        summary: Vec<Summary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
}

impl Item {
    fn refuses(&self) -> bool {
        let is_refusal = |part: &Part| matches!(part, Part::Refusal { .. });
        matches!(self, Item::Message { content, .. } if content.iter().any(is_refusal))
    }
}

/// A part of a message.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part {
    OutputText {
        text: String,
        annotations: Vec<Value>,
        logprobs: Vec<Value>,
    },
    Refusal {
        refusal: String,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Summary {
    SummaryText { text: String },
}

pub(super) const IN_PROGRESS: &str = "in_progress";
pub(super) const COMPLETED: &str = "completed";

impl<'a> Response<'a> {
    /// With that output, and not at an end.
    pub(super) fn of(asked: &'a Asked, output: &'a [Item]) -> Response<'a> {
        let echo = &asked.echo;
        let no_reasoning = Reasoning {
            effort: None,
            summary: None,
        };
        let plain = Text {
            format: Kind { kind: "text" },
        };
        Response {
            id: id("resp", asked, None),
            object: "response",
            created_at: asked.now,
            status: IN_PROGRESS,
            background: false,
            error: None,
            incomplete_details: None,
            instructions: echo.instructions.as_deref(),
            max_output_tokens: echo.max_output_tokens.as_deref(),
            metadata: Or::of(&echo.metadata, Empty {}),
            model: &asked.model,
            output,
            parallel_tool_calls: Or::of(&echo.parallel_tool_calls, true),
            previous_response_id: None,
            reasoning: Or::of(&echo.reasoning, no_reasoning),
            store: false,
            temperature: echo.temperature.as_deref(),
            text: Or::of(&echo.text, plain),
            tool_choice: Or::of(&echo.tool_choice, "auto"),
            tools: Or::of(&echo.tools, []),
            top_p: echo.top_p.as_deref(),
            truncation: "disabled",
            usage: None,
            user: echo.user.as_deref(),
        }
    }

    /// At its end.
    pub(super) fn ended(mut self, finish: Option<&Finish>, spent: Option<&Spent>) -> Response<'a> {
        self.usage = spent.map(Usage::of);
        let reason = match finish {
            Some(Finish::Length | Finish::Context) => "max_output_tokens",
            Some(Finish::Filtered) => "content_filter",
            // Where it says that it would not, that is the whole answer.
            Some(Finish::Refused) if !self.output.iter().any(Item::refuses) => "content_filter",
            Some(Finish::Malformed) => {
                self.status = "failed";
                self.error = Some(Failure {
                    code: "server_error",
                    message: "the model wrote a tool call that cannot be read",
                });
                return self;
            }
            _ => {
                self.status = COMPLETED;
                return self;
            }
        };
        self.status = "incomplete";
        self.incomplete_details = Some(Incomplete { reason });
        self
    }
}

/// `resp_…` of a response, `msg_…_0` of its first item.
pub(super) fn id(prefix: &str, asked: &Asked, index: Option<usize>) -> String {
    let request = asked
        .request_id
        .strip_prefix("req_")
        .unwrap_or(&asked.request_id);
    match index {
        Some(index) => format!("{prefix}_{request}_{index}"),
        None => format!("{prefix}_{request}"),
    }
}

/// Whether an item's id is one of these: no provider has it, and OpenAI, which writes no second `_`, answers 404 to a thought that it does not
/// find.
pub(crate) fn is_made(id: &str) -> bool {
    let made = ["rs_", "msg_", "fc_"]
        .into_iter()
        .find_map(|prefix| id.strip_prefix(prefix)?.rsplit_once('_'));
    made.is_some_and(|(request, index)| {
        let is_uuid = request.len() == 36
            && request.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        is_uuid && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// An annotation of this API, where a citation has an address. A chat's is nested, Anthropic's says no place.
pub(super) fn annotation(citation: &Value) -> Option<Value> {
    let inner = citation.get("url_citation").unwrap_or(citation);
    let url = inner.get("url").or_else(|| inner.get("source"))?.as_str()?;
    let place = |name: &str| inner.get(name).and_then(Value::as_u64).unwrap_or(0);
    let title = inner.get("title").and_then(Value::as_str).unwrap_or(url);
    Some(serde_json::json!({
        "type": "url_citation",
        "start_index": place("start_index"),
        "end_index": place("end_index"),
        "url": url,
        "title": title,
    }))
}

/// The list within a chat's `logprobs`.
pub(super) fn logprobs(logprobs: Option<&Value>) -> Cow<'_, [Value]> {
    let content = logprobs.and_then(|logprobs| logprobs.get("content")?.as_array());
    Cow::Borrowed(content.map_or(&[], Vec::as_slice))
}
