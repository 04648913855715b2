//! What a provider keeps or alone decides: state, seals, filters, media. Called by `table`.

use super::{HINT, ROW, Row};

const LEFT_OUT: &str = "left out, and a header says so";

/// What belongs to one provider.
pub const KEPT: &[Row] = &[
    Row {
        what: "a call that Gemini signed",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"AA=="}}}]},{"role":"tool","tool_call_id":"a","content":"x"}]}"#,
        responses: r#"{"input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"encrypted_content":"purser:gemini:AA=="},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"x"}]}"#,
        messages: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"purser:gemini:call:a:AA=="},{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]}]}"#,
        generate: r#"{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"AA=="}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}"#,
        to_chat: LEFT_OUT,
        to_messages: LEFT_OUT,
        to_generate: "`thoughtSignature`; a call that Gemini 3 did not make gets Google's placeholder",
    },
    Row {
        what: "reasoning that OpenAI encrypted",
        responses: r#"{"input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"encrypted_content":"gAAAAA"},{"role":"assistant","content":"x"},{"role":"user","content":"x"}]}"#,
        to_chat: LEFT_OUT,
        to_messages: LEFT_OUT,
        to_generate: LEFT_OUT,
        ..ROW
    },
    Row {
        what: "an answer that the provider remembers",
        responses: r#"{"previous_response_id":"resp_1"}"#,
        ..ROW
    },
    Row {
        what: "a conversation that it remembers",
        responses: r#"{"conversation":"conv_1"}"#,
        ..ROW
    },
    Row {
        what: "an item that it remembers",
        responses: r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#,
        ..ROW
    },
    Row {
        what: "a prompt that it keeps",
        responses: r#"{"prompt":{"id":"pmpt_1"}}"#,
        generate: r#"{"cachedContent":"cachedContents/1"}"#,
        ..ROW
    },
    Row {
        what: "work in the background",
        responses: r#"{"background":true}"#,
        ..ROW
    },
    Row {
        what: "to be shortened where it is too long",
        responses: r#"{"truncation":"auto"}"#,
        ..ROW
    },
    Row {
        what: "filters of what may be said",
        generate: r#"{"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_LOW_AND_ABOVE"}]}"#,
        ..ROW
    },
    Row {
        what: "no such filters",
        generate: r#"{"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]}"#,
        ..HINT
    },
    Row {
        what: "labels",
        generate: r#"{"labels":{"a":"b"}}"#,
        ..HINT
    },
    Row {
        what: "how fine images are seen",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}]}]}"#,
        responses: r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"low"}]}]}"#,
        generate: r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}],"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"}}"#,
        to_chat: "`detail`",
        to_messages: "hint",
        to_generate: "`mediaResolution` of each image from Gemini 3 on; a hint before",
        ..ROW
    },
    Row {
        what: "thoughts to be shown",
        responses: r#"{"reasoning":{"summary":"auto"}}"#,
        generate: r#"{"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#,
        to_chat: "hint: a chat shows what it has",
        to_messages: "shown where it thinks",
        to_generate: "`includeThoughts`",
        ..ROW
    },
    Row {
        what: "an answer that is not text",
        chat: r#"{"modalities":["text","audio"],"audio":{"voice":"v","format":"wav"}}"#,
        generate: r#"{"generationConfig":{"responseModalities":["IMAGE"]}}"#,
        ..ROW
    },
];
