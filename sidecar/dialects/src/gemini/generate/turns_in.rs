//! A caller's `contents` and `systemInstruction`, into turns. Called by `read_ask`.
//!
//! Google lets calls and their results go without ids: a call is given its place in the conversation, a result the id of the first call of
//! its name that has none yet.

use super::ids;
use super::lenient::List;
use super::media_in::{FileData, InlineData, MediaResolution, detail, file, inline};
use super::part::compact;
use super::read_ask::{Rest, beyond, fault, part};
use crate::Dialect;
use crate::talk::{Ask, Block, Role, Sealed, Turn};
use crate::text::Text;
use crate::translate::AskFault;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    role: Option<Text<'a>>,
    #[serde(borrow, default)]
    parts: Option<List<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(borrow, default, alias = "thought_signature")]
    thought_signature: Option<Text<'a>>,
    #[serde(borrow, default, alias = "inline_data")]
    inline_data: Option<InlineData<'a>>,
    #[serde(borrow, default, alias = "file_data")]
    file_data: Option<FileData<'a>>,
    #[serde(borrow, default, alias = "function_call")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(borrow, default, alias = "function_response")]
    function_response: Option<FunctionResponse<'a>>,
    #[serde(borrow, default, alias = "media_resolution")]
    media_resolution: Option<MediaResolution<'a>>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct FunctionResponse<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    parts: Option<List<'a>>,
}

/// The two members that Google reads of what a function answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered<'a> {
    #[serde(borrow, default)]
    output: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<Text<'a>>,
}

/// The calls that have no result yet, and how many there have been.
#[derive(Default)]
struct Calls {
    count: usize,
    open: Vec<(String, String)>,
}

impl Calls {
    fn called(&mut self, id: Option<Text<'_>>, name: &str) -> String {
        let given = id.filter(|id| !id.is_empty()).map(Text::own);
        let id = given.unwrap_or_else(|| ids::of_history(self.count));
        self.count += 1;
        self.open.push((id.clone(), name.to_owned()));
        id
    }

    fn answered(&mut self, id: Option<Text<'_>>, name: &str) -> Option<String> {
        let given = id.filter(|id| !id.is_empty());
        let place = self.open.iter().position(|(open, of)| match &given {
            Some(id) => **id == *open,
            None => of == name,
        });
        match place {
            Some(place) => Some(self.open.remove(place).0),
            None => given.map(Text::own),
        }
    }
}

/// The instructions.
pub(super) fn system(raw: &RawValue, ask: &mut Ask) -> Result<(), AskFault> {
    let path = "systemInstruction";
    // A bare text is no Content, but the SDKs' documentation shows one, and they send what they are given.
    if raw.get().starts_with('"') {
        let text: Text<'_> = part(path, raw)?;
        ask.turns
            .push(turn(Role::System, vec![Block::text(text.own())]));
        return Ok(());
    }
    let content: Content<'_> = part(path, raw)?;
    let mut blocks = Vec::new();
    read_parts(path, &content, ask, (&mut blocks, &mut Calls::default()))?;
    if !blocks.is_empty() {
        ask.turns.push(turn(Role::System, blocks));
    }
    Ok(())
}

/// The conversation.
pub(super) fn read(contents: &[&RawValue], ask: &mut Ask) -> Result<(), AskFault> {
    if contents.is_empty() {
        return Err(AskFault {
            param: Some("contents".into()),
            message: "contents is missing or empty".into(),
        });
    }
    let mut calls = Calls::default();
    for (index, raw) in contents.iter().enumerate() {
        let path = format!("contents[{index}]");
        let content: Content<'_> = part(&path, raw)?;
        let role = match content.role.as_deref() {
            None | Some("" | "user" | "function" | "tool") => Role::User,
            Some("model") => Role::Assistant,
            Some(other) => {
                return Err(fault(
                    &format!("{path}.role"),
                    &format!("it is {other:?}, not user or model"),
                ));
            }
        };
        turn_of(role, &path, &content, ask, &mut calls)?;
    }
    Ok(())
}

fn turn(role: Role, blocks: Vec<Block>) -> Turn {
    Turn {
        role,
        name: None,
        blocks,
    }
}

/// Google's SDKs keep each answer of a stream as a content of its own: what a model says at once is one turn, and a word that is cut between
/// two of them is one word. So are the results of calls one turn, as others want them.
fn turn_of(
    role: Role,
    path: &str,
    content: &Content<'_>,
    ask: &mut Ask,
    calls: &mut Calls,
) -> Result<(), AskFault> {
    let goes_on = role == Role::Assistant;
    let last = ask.turns.pop_if(|last| goes_on && last.role == role);
    let mut blocks = last.map_or_else(Vec::new, |last| last.blocks);
    let before = blocks.len();
    read_parts(path, content, ask, (&mut blocks, calls))?;
    join_text(&mut blocks, before);
    let is_result = |block: Option<&Block>| matches!(block, Some(Block::ToolResult { .. }));
    match ask.turns.last_mut() {
        Some(last) if is_result(blocks.first()) && is_result(last.blocks.last()) => {
            last.blocks.extend(blocks);
        }
        _ => ask.turns.push(turn(role, blocks)),
    }
    Ok(())
}

/// The text that begins there goes on with what stands before it.
fn join_text(blocks: &mut Vec<Block>, at: usize) {
    let at = at.min(blocks.len());
    let (before, from) = blocks.split_at_mut(at);
    if let (Some(Block::Text { text, .. }), Some(Block::Text { text: more, .. })) =
        (before.last_mut(), from.first())
    {
        text.push_str(more);
        blocks.remove(at);
    }
}

fn read_parts(
    within: &str,
    content: &Content<'_>,
    ask: &mut Ask,
    (blocks, calls): (&mut Vec<Block>, &mut Calls),
) -> Result<(), AskFault> {
    for (index, raw) in content.parts.iter().flat_map(|list| &list.0).enumerate() {
        let path = format!("{within}.parts[{index}]");
        let read: Part<'_> = part(&path, raw)?;
        beyond(ask, &read.rest, &path, &["partMetadata", "part_metadata"]);
        push(read, &path, ask, (blocks, calls))?;
    }
    Ok(())
}

/// One part becomes one block, or two where a text is signed.
fn push(
    part: Part<'_>,
    path: &str,
    ask: &mut Ask,
    (blocks, calls): (&mut Vec<Block>, &mut Calls),
) -> Result<(), AskFault> {
    let mut signature = part.thought_signature.filter(|text| !text.is_empty());
    if let Some(call) = part.function_call {
        blocks.push(Block::ToolCall {
            id: calls.called(call.id, &call.name),
            name: call.name.own(),
            arguments: compact(call.args.map_or("{}", RawValue::get)),
            sealed: signature.take().map(|text| Sealed::given(HOME, &text)),
            cache: None,
        });
    }
    if let Some(response) = part.function_response {
        blocks.push(result(response, path, ask, calls)?);
    }
    let detail = part
        .media_resolution
        .and_then(|resolution| detail(&resolution.level));
    let path_of = |member: &str| format!("{path}.{member}");
    if let Some(data) = part.inline_data {
        blocks.extend(inline(data, detail, &path_of("inlineData"), ask));
    } else if let Some(data) = part.file_data {
        blocks.extend(file(data, detail, &path_of("fileData"), ask));
    }
    match (part.text, part.thought.unwrap_or(false)) {
        (Some(text), true) => {
            thought(text, signature, blocks);
            return Ok(());
        }
        (Some(text), false) if !text.is_empty() => blocks.push(Block::text(text.own())),
        _ => {}
    }
    // The seal of a text before it, or of thoughts that are not shown.
    if let Some(shown) = signature {
        blocks.push(Sealed::thoughts(HOME, String::new(), &shown));
    }
    Ok(())
}

const HOME: Dialect = Dialect::Gemini;

/// Thoughts come back in the parts that they were streamed in, and the seal in the last of them.
fn thought(text: Text<'_>, signature: Option<Text<'_>>, blocks: &mut Vec<Block>) {
    let mut all = String::new();
    if let Some(Block::Thinking { text, sealed: None }) = blocks.last_mut() {
        all = std::mem::take(text);
        blocks.pop();
    }
    all.push_str(&text);
    blocks.push(match signature {
        Some(shown) => Sealed::thoughts(HOME, all, &shown),
        None => Block::Thinking {
            text: all,
            sealed: None,
        },
    });
}

fn result(
    response: FunctionResponse<'_>,
    path: &str,
    ask: &mut Ask,
    calls: &mut Calls,
) -> Result<Block, AskFault> {
    let path = format!("{path}.functionResponse");
    let unasked = || fault(&path, &"it answers no functionCall before it");
    let id = calls
        .answered(response.id, &response.name)
        .ok_or_else(unasked)?;
    let raw = response.response.map_or("{}", RawValue::get);
    let (text, is_error) = match serde_json::from_str(raw) {
        Ok(Answered {
            output: Some(text),
            error: None,
        }) => (text.own(), false),
        Ok(Answered {
            output: None,
            error: Some(text),
        }) => (text.own(), true),
        _ => (compact(raw), false),
    };
    let mut within = vec![Block::text(text)];
    let parts = Content {
        role: None,
        parts: response.parts,
    };
    read_parts(&path, &parts, ask, (&mut within, &mut Calls::default()))?;
    Ok(Block::ToolResult {
        id,
        name: Some(response.name.own()),
        blocks: within,
        is_error,
        cache: None,
    })
}
