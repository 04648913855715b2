//! The rows of how an answer is written, and of bookkeeping. Called by the table. Must never hold a member that no reader knows.

use super::{HINT, ROW, Row};

/// How it writes.
pub const WORDS: &[Row] = &[
    Row {
        what: "the longest answer",
        chat: r#"{"max_completion_tokens":100}"#,
        responses: r#"{"max_output_tokens":100}"#,
        messages: r#"{"max_tokens":100}"#,
        generate: r#"{"generationConfig":{"maxOutputTokens":100}}"#,
        to_chat: "`max_completion_tokens` for OpenAI, Azure and xAI, else `max_tokens`; lowered to the plan's",
        to_messages: "`max_tokens`; lowered to the plan's; absent: the plan's or model's, else 4,096",
        to_generate: "`maxOutputTokens`; lowered to the plan's",
    },
    Row {
        what: "where to stop",
        chat: r#"{"stop":"x"}"#,
        messages: r#"{"stop_sequences":["x"]}"#,
        generate: r#"{"generationConfig":{"stopSequences":["x"]}}"#,
        to_chat: "`stop`; more than 4 (OpenAI, Azure) or 16 are refused, and all by models that think (OpenAI's from o3 on while they do, xAI's)",
        to_messages: "`stop_sequences`; blanks are refused",
        to_generate: "`stopSequences`",
        ..ROW
    },
    Row {
        what: "temperature",
        chat: r#"{"temperature":0.5}"#,
        responses: r#"{"temperature":0.5}"#,
        messages: r#"{"temperature":0.5}"#,
        generate: r#"{"generationConfig":{"temperature":0.5}}"#,
        to_chat: "carried; refused by OpenAI's models while they think",
        to_messages: "up to 1, and up to Claude 4.6; refused above, while it thinks, and with `top_p` from 4.1 on",
        ..ROW
    },
    Row {
        what: "top_p",
        chat: r#"{"top_p":0.5}"#,
        responses: r#"{"top_p":0.5}"#,
        messages: r#"{"top_p":0.5}"#,
        generate: r#"{"generationConfig":{"topP":0.5}}"#,
        to_chat: "carried; refused by OpenAI's models while they think",
        to_messages: "up to Claude 4.6; refused later and while it thinks",
        ..ROW
    },
    Row {
        what: "top_k",
        chat: r#"{"top_k":5}"#,
        messages: r#"{"top_k":5}"#,
        generate: r#"{"generationConfig":{"topK":5}}"#,
        to_messages: "up to Claude 4.6; refused later and while it thinks",
        ..ROW
    },
    Row {
        what: "min_p",
        chat: r#"{"min_p":0.1}"#,
        ..ROW
    },
    Row {
        what: "penalties, which only models take that do not think",
        chat: r#"{"frequency_penalty":0.5}"#,
        generate: r#"{"generationConfig":{"frequencyPenalty":0.5}}"#,
        ..ROW
    },
    Row {
        what: "a seed",
        chat: r#"{"seed":7}"#,
        generate: r#"{"generationConfig":{"seed":7}}"#,
        to_chat: "`random_seed` for Mistral",
        ..ROW
    },
    Row {
        what: "several answers",
        chat: r#"{"n":2}"#,
        generate: r#"{"generationConfig":{"candidateCount":2}}"#,
        to_generate: "`candidateCount`",
        ..ROW
    },
    Row {
        what: "log probabilities",
        chat: r#"{"logprobs":true,"top_logprobs":2}"#,
        responses: r#"{"top_logprobs":2,"include":["message.output_text.logprobs"]}"#,
        generate: r#"{"generationConfig":{"responseLogprobs":true,"logprobs":2}}"#,
        to_chat: "carried; refused by OpenAI's models while they think",
        ..ROW
    },
    Row {
        what: "biased tokens",
        chat: r#"{"logit_bias":{"50256":-100}}"#,
        to_chat: "refused by all but OpenAI, Azure and open servers",
        ..ROW
    },
    Row {
        what: "how long-winded",
        chat: r#"{"verbosity":"low"}"#,
        responses: r#"{"text":{"verbosity":"low"}}"#,
        ..ROW
    },
    Row {
        what: "how hard to think",
        chat: r#"{"reasoning_effort":"high"}"#,
        responses: r#"{"reasoning":{"effort":"high"}}"#,
        messages: r#"{"output_config":{"effort":"high"}}"#,
        generate: r#"{"generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}}}"#,
        to_chat: "`reasoning_effort`, the nearest that the model knows by its name (OpenAI, Azure, xAI, Mistral), `low` to `high` where that says nothing; nothing for models that think as they like (`grok-4`); refused by models that never think, but for Anthropic's effort, which is a wish there; `thinking` and it for DeepSeek; `enable_thinking` and `thinking_budget` for DashScope, whose open models are refused it where no stream is asked for",
        to_messages: "`adaptive` and an effort from Claude 4.6 on; before, a budget: 1,024 low, 4,096 medium, 16,384 high, 32,768 above, at most four fifths of `max_tokens`",
        to_generate: "`thinkingLevel` or `thinkingBudget`, by the model, the latter at most four fifths of `maxOutputTokens`",
    },
    Row {
        what: "how many tokens to think",
        messages: r#"{"thinking":{"type":"enabled","budget_tokens":3000},"max_tokens":9000}"#,
        generate: r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":3000}}}"#,
        to_chat: "an effort: below 2,048 low, up to 8,192 medium, else high, and the nearest that the model knows; `thinking_budget` for DashScope",
        to_messages: "`budget_tokens` up to Claude 4.5; later, the effort that it is worth",
        ..ROW
    },
    Row {
        what: "not to think",
        chat: r#"{"reasoning_effort":"none"}"#,
        responses: r#"{"reasoning":{"effort":"none"}}"#,
        messages: r#"{"thinking":{"type":"disabled"}}"#,
        generate: r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}"#,
        to_chat: "`none`, or the least effort of a model that always thinks; nothing for models that never do or cannot be told, nor where the name does not say which it is; `thinking: disabled` for DeepSeek, `enable_thinking: false` for DashScope",
        to_messages: "`disabled`; refused by models that always think",
        ..ROW
    },
];

/// Bookkeeping.
pub const BOOKS: &[Row] = &[
    Row {
        what: "the caller's user",
        chat: r#"{"user":"u"}"#,
        responses: r#"{"user":"u"}"#,
        messages: r#"{"metadata":{"user_id":"u"}}"#,
        to_chat: "`user` for OpenAI, Azure and xAI, up to 64 characters; a hint for others",
        to_messages: "`metadata.user_id`",
        to_generate: "hint",
        ..ROW
    },
    Row {
        what: "tags",
        chat: r#"{"metadata":{"a":"b"}}"#,
        responses: r#"{"metadata":{"a":"b"}}"#,
        ..HINT
    },
    Row {
        what: "the tier of service",
        chat: r#"{"service_tier":"flex"}"#,
        responses: r#"{"service_tier":"flex"}"#,
        messages: r#"{"service_tier":"auto"}"#,
        ..HINT
    },
    Row {
        what: "what prompt caches go by",
        chat: r#"{"prompt_cache_key":"k","prompt_cache_retention":"24h"}"#,
        responses: r#"{"prompt_cache_key":"k"}"#,
        ..HINT
    },
    Row {
        what: "who to blame",
        chat: r#"{"safety_identifier":"s"}"#,
        responses: r#"{"safety_identifier":"s"}"#,
        ..HINT
    },
    Row {
        what: "what it will probably say",
        chat: r#"{"prediction":{"type":"content","content":"x"}}"#,
        ..HINT
    },
    Row {
        what: "to store the answer",
        chat: r#"{"store":true}"#,
        responses: r#"{"store":true}"#,
        ..ROW
    },
    Row {
        what: "not to store it",
        chat: r#"{"store":false}"#,
        responses: r#"{"store":false}"#,
        ..HINT
    },
    Row {
        what: "a member that nobody knows",
        chat: r#"{"frobnicate":1}"#,
        responses: r#"{"frobnicate":1}"#,
        messages: r#"{"frobnicate":1}"#,
        generate: r#"{"frobnicate":1}"#,
        ..ROW
    },
];
