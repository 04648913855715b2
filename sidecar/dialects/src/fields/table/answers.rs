//! Answers of providers, and where each API shows what they say: the sections on answers of `docs/translation.md`.
//!
//! Called by the test that writes the page, which gives each sample to every caller. What comes out is not written here. Must never hold
//! an answer that no reader knows.

use crate::Wire;

/// One thing that answers say, and where it stands in those of a chat, responses, messages and Gemini, by JSON pointers.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Topic {
    pub title: &'static str,
    pub stands: [&'static [&'static str]; 4],
    /// What a provider says, in which API, and the members of the answer that say it.
    pub samples: &'static [(&'static str, Wire, &'static str)],
}

/// What answers say, one topic after the other.
pub const ANSWERS: &[Topic] = &[ENDS, USED, CITED, REFUSED, LIKELY, CALLED, THOUGHT];

const ENDS: Topic = Topic {
    title: "Why an answer ended",
    stands: [
        &["/choices/0/finish_reason"],
        &["/status", "/incomplete_details/reason", "/error/code"],
        &["/stop_reason", "/stop_sequence"],
        &["/candidates/0/finishReason", "/promptFeedback/blockReason"],
    ],
    samples: &[
        (
            "`stop`",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#,
        ),
        (
            "`length`",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"length"}]}"#,
        ),
        (
            "`tool_calls`",
            Wire::Chat,
            r#"{"choices":[{"message":{"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
        ),
        (
            "`content_filter`",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"content_filter"}]}"#,
        ),
        (
            "`end_turn`",
            Wire::Messages,
            r#"{"stop_reason":"end_turn"}"#,
        ),
        (
            "`stop_sequence`",
            Wire::Messages,
            r#"{"stop_reason":"stop_sequence","stop_sequence":"END"}"#,
        ),
        (
            "`max_tokens`",
            Wire::Messages,
            r#"{"stop_reason":"max_tokens"}"#,
        ),
        (
            "`model_context_window_exceeded`",
            Wire::Messages,
            r#"{"stop_reason":"model_context_window_exceeded"}"#,
        ),
        (
            "`tool_use`",
            Wire::Messages,
            r#"{"content":[{"type":"tool_use","id":"a","name":"f","input":{}}],"stop_reason":"tool_use"}"#,
        ),
        ("`refusal`", Wire::Messages, r#"{"stop_reason":"refusal"}"#),
        (
            "`pause_turn`",
            Wire::Messages,
            r#"{"stop_reason":"pause_turn"}"#,
        ),
        (
            "`STOP`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#,
        ),
        (
            "`STOP` after a call",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}]}"#,
        ),
        (
            "`MAX_TOKENS`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"MAX_TOKENS"}]}"#,
        ),
        (
            "`SAFETY`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"SAFETY"}]}"#,
        ),
        (
            "`RECITATION`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"RECITATION"}]}"#,
        ),
        (
            "`OTHER`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"OTHER"}]}"#,
        ),
        (
            "`MALFORMED_FUNCTION_CALL`",
            Wire::Generate,
            r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#,
        ),
        (
            "a blocked prompt",
            Wire::Generate,
            r#"{"candidates":[],"promptFeedback":{"blockReason":"SAFETY"}}"#,
        ),
    ],
};

const USED: Topic = Topic {
    title: "What an answer used",
    stands: [&["/usage"], &["/usage"], &["/usage"], &["/usageMetadata"]],
    samples: &[
        (
            "10 read, 4 of them cached; 6 written, 2 of them thoughts",
            Wire::Chat,
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        ),
        (
            "the same of DeepSeek, which counts the cached apart",
            Wire::Chat,
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":16,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6,"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        ),
        (
            "3 read, 4 more from a cache and 3 more into it; 6 written",
            Wire::Messages,
            r#"{"usage":{"input_tokens":3,"cache_read_input_tokens":4,"cache_creation_input_tokens":3,"output_tokens":6}}"#,
        ),
        (
            "10 read, 4 of them cached; 4 written and 2 thoughts",
            Wire::Generate,
            r#"{"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":4,"thoughtsTokenCount":2,"totalTokenCount":16}}"#,
        ),
    ],
};

const CITED: Topic = Topic {
    title: "Where it comes from",
    stands: [
        &["/choices/0/message/annotations"],
        &["/output/0/content/0/annotations"],
        &["/content/0/citations"],
        &[
            "/candidates/0/citationMetadata",
            "/candidates/0/groundingMetadata",
        ],
    ],
    samples: &[
        (
            "`annotations`",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":"x","annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"https://a.example","title":"A"}}]},"finish_reason":"stop"}]}"#,
        ),
        (
            "`citations` of a page",
            Wire::Messages,
            r#"{"content":[{"type":"text","text":"x","citations":[{"type":"web_search_result_location","url":"https://a.example","title":"A","cited_text":"x","encrypted_index":"e"}]}]}"#,
        ),
        (
            "`citations` of a document",
            Wire::Messages,
            r#"{"content":[{"type":"text","text":"x","citations":[{"type":"char_location","cited_text":"x","document_index":0,"document_title":"A","start_char_index":0,"end_char_index":1}]}]}"#,
        ),
        (
            "`groundingMetadata`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP","groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}}],"groundingSupports":[{"segment":{"endIndex":1,"text":"x"},"groundingChunkIndices":[0]}]}}]}"#,
        ),
        (
            "`citationMetadata`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP","citationMetadata":{"citationSources":[{"startIndex":0,"endIndex":1,"uri":"https://a.example"}]}}]}"#,
        ),
    ],
};

const REFUSED: Topic = Topic {
    title: "That the model would not",
    stands: [
        &["/choices/0/message/content", "/choices/0/message/refusal"],
        &["/output/0/content/0"],
        &["/content/0", "/stop_reason"],
        &["/candidates/0/content/parts/0"],
    ],
    samples: &[
        (
            "`refusal`",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}"#,
        ),
        (
            "`stop_reason: refusal`, with words",
            Wire::Messages,
            r#"{"content":[{"type":"text","text":"No."}],"stop_reason":"refusal"}"#,
        ),
    ],
};

const LIKELY: Topic = Topic {
    title: "Log probabilities",
    stands: [
        &["/choices/0/logprobs"],
        &["/output/0/content/0/logprobs"],
        &[],
        &["/candidates/0/avgLogprobs", "/candidates/0/logprobsResult"],
    ],
    samples: &[
        (
            "`logprobs`",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop","logprobs":{"content":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[{"token":"y","logprob":-1.5,"bytes":[121]}]}],"refusal":null}}]}"#,
        ),
        (
            "`logprobsResult`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP","avgLogprobs":-0.5,"logprobsResult":{"chosenCandidates":[{"token":"x","tokenId":1,"logProbability":-0.5}],"topCandidates":[{"candidates":[{"token":"y","tokenId":2,"logProbability":-1.5}]}]}}]}"#,
        ),
    ],
};

const CALLED: Topic = Topic {
    title: "What it is called, and when it was made",
    stands: [
        &["/id", "/created", "/model"],
        &["/id", "/created_at", "/model", "/output/0/id"],
        &["/id", "/model"],
        &["/responseId", "/createTime", "/modelVersion"],
    ],
    samples: &[
        (
            "`id`, `created`",
            Wire::Chat,
            r#"{"id":"chatcmpl-1","created":1700000000}"#,
        ),
        ("`id`", Wire::Messages, r#"{"id":"msg_1"}"#),
        ("`responseId`", Wire::Generate, r#"{"responseId":"r1"}"#),
        ("nothing", Wire::Generate, r#"{"responseId":null}"#),
    ],
};

const THOUGHT: Topic = Topic {
    title: "What it thought",
    stands: [
        &[
            "/choices/0/message/reasoning_content",
            "/choices/0/message/thinking_blocks",
            "/choices/0/message/tool_calls/0/extra_content",
        ],
        &["/output/0/summary/0/text", "/output/0/encrypted_content"],
        &["/content/0", "/content/1"],
        &["/candidates/0/content/parts/0"],
    ],
    samples: &[
        (
            "`reasoning_content`",
            Wire::Chat,
            r#"{"choices":[{"message":{"reasoning_content":"hm","content":"x"},"finish_reason":"stop"}]}"#,
        ),
        (
            "Mistral's `thinking` parts",
            Wire::Chat,
            r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"x"}]},"finish_reason":"stop"}]}"#,
        ),
        (
            "`thinking` with a signature",
            Wire::Messages,
            r#"{"content":[{"type":"thinking","thinking":"hm","signature":"S"},{"type":"text","text":"x"}]}"#,
        ),
        (
            "`redacted_thinking`",
            Wire::Messages,
            r#"{"content":[{"type":"redacted_thinking","data":"R"},{"type":"text","text":"x"}]}"#,
        ),
        (
            "a part with `thought`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"x"}]},"finishReason":"STOP"}]}"#,
        ),
        (
            "a call with a `thoughtSignature`",
            Wire::Generate,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"a","name":"f","args":{}},"thoughtSignature":"AA=="}]},"finishReason":"STOP"}]}"#,
        ),
    ],
};
