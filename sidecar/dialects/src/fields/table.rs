//! What each API can say in a request, how it spells it, and what becomes of it elsewhere: the rows of `docs/translation.md`.
//!
//! Called by the test that writes the page. A refusal is not written here: the page takes it from the writer itself, by translating
//! the samples. Must never hold a member that no reader knows.

mod answers;
mod keeping;
mod writing;

pub use answers::{ANSWERS, Topic};
pub use keeping::KEPT;
pub use writing::{BOOKS, WORDS};

/// One thing that a request can say.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is that API's, or the way to it")]
pub struct Row {
    pub what: &'static str,
    /// Members that say it, as one JSON object; empty where the API has none.
    pub chat: &'static str,
    pub responses: &'static str,
    pub messages: &'static str,
    pub generate: &'static str,
    /// What becomes of it where it is not refused; empty: carried.
    pub to_chat: &'static str,
    pub to_messages: &'static str,
    pub to_generate: &'static str,
}

const ROW: Row = Row {
    what: "",
    chat: "",
    responses: "",
    messages: "",
    generate: "",
    to_chat: "",
    to_messages: "",
    to_generate: "",
};

const HINT: Row = Row {
    to_chat: "hint",
    to_messages: "hint",
    to_generate: "hint",
    ..ROW
};

/// The conversation.
pub const TURNS: &[Row] = &[
    Row {
        what: "instructions",
        chat: r#"{"messages":[{"role":"developer","content":"x"},{"role":"user","content":"x"}]}"#,
        responses: r#"{"instructions":"x"}"#,
        messages: r#"{"system":"x"}"#,
        generate: r#"{"systemInstruction":{"parts":[{"text":"x"}]}}"#,
        to_chat: "`developer` is `system` for all but OpenAI and Azure",
        to_messages: "`system`",
        to_generate: "`systemInstruction`",
    },
    Row {
        what: "instructions within the conversation",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"system","content":"x"}]}"#,
        responses: r#"{"input":[{"role":"user","content":"x"},{"role":"developer","content":"x"}]}"#,
        messages: r#"{"messages":[{"role":"user","content":"x"},{"role":"system","content":"x"}]}"#,
        to_messages: "in place from Claude 4.8 on, after the user and before the assistant or last; else moved to `system`",
        to_generate: "moved to `systemInstruction`",
        ..ROW
    },
    Row {
        what: "who of several speaks",
        chat: r#"{"messages":[{"role":"user","name":"ada","content":"x"}]}"#,
        to_messages: "said: `ada: x`",
        to_generate: "said: `ada: x`",
        ..ROW
    },
    Row {
        what: "an answer that is begun",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"x"}]}"#,
        responses: r#"{"input":[{"role":"user","content":"x"},{"role":"assistant","content":"x"}]}"#,
        messages: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"x"}]}"#,
        generate: r#"{"contents":[{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"x"}]}]}"#,
        to_messages: "up to Claude 4.5; later models are refused it",
        ..ROW
    },
    Row {
        what: "an image, in base64",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}"#,
        responses: r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA=="}]}]}"#,
        messages: r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]}]}"#,
        generate: r#"{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}]}"#,
        ..ROW
    },
    Row {
        what: "an image, by address",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}"#,
        responses: r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://example.com/a.png"}]}]}"#,
        messages: r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}]}"#,
        to_generate: "fetched by the sidecar first, and then in base64",
        ..ROW
    },
    Row {
        what: "a PDF, in base64",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,AA=="}}]}]}"#,
        responses: r#"{"input":[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}]}]}"#,
        messages: r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}]}]}"#,
        generate: r#"{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"application/pdf","data":"AA=="}}]}]}"#,
        to_chat: "`file`; `document_url` for Mistral",
        ..ROW
    },
    Row {
        what: "a document, by address",
        responses: r#"{"input":[{"role":"user","content":[{"type":"input_file","file_url":"https://example.com/a.pdf"}]}]}"#,
        messages: r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}]}]}"#,
        to_chat: "`document_url` for Mistral",
        ..ROW
    },
    Row {
        what: "sound",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]}]}"#,
        generate: r#"{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"audio/wav","data":"AA=="}}]}]}"#,
        to_chat: "`input_audio`, for OpenAI WAV or MP3; for Mistral its data alone",
        ..ROW
    },
    Row {
        what: "a file in the provider's store",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
        messages: r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}"#,
        ..ROW
    },
    Row {
        what: "a tool's answer",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"x"}]}"#,
        responses: r#"{"input":[{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"x"}]}"#,
        messages: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"x"}]}]}"#,
        generate: r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"x"}}}]}]}"#,
        to_chat: "a message each; images are said by the user after the last; an error begins with `Error: `; ids of nine characters for Mistral, where the assistant speaks (`Ok, I understand.`) before a user would right after a tool",
        to_messages: "all of one turn in one user turn, first in it; ids of letters, digits, `_` and `-`",
        ..ROW
    },
    Row {
        what: "thoughts that Anthropic sealed",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"x","thinking_blocks":[{"type":"thinking","thinking":"x","signature":"s"}]},{"role":"user","content":"x"}]}"#,
        messages: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"s"},{"type":"text","text":"x"}]},{"role":"user","content":"x"}]}"#,
        to_chat: "left out, and a header says so",
        to_generate: "left out, and a header says so",
        ..ROW
    },
    Row {
        what: "thoughts without a seal",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"x","reasoning_content":"x"},{"role":"user","content":"x"}]}"#,
        to_messages: "left out, and a header says so",
        to_generate: "left out, and a header says so",
        ..ROW
    },
    Row {
        what: "thoughts of Mistral's, in the content",
        chat: r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"x"}]},{"type":"text","text":"x"}]},{"role":"user","content":"x"}]}"#,
        to_messages: "left out, and a header says so",
        to_generate: "left out, and a header says so",
        ..ROW
    },
    Row {
        what: "where a prompt cache may end",
        chat: r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}]}"#,
        messages: r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}]}"#,
        to_messages: "",
        ..HINT
    },
];

/// Tools, and the shape of the answer.
pub const SHAPE: &[Row] = &[
    Row {
        what: "tools",
        chat: r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#,
        responses: r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]}"#,
        messages: r#"{"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#,
        generate: r#"{"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]}]}"#,
        ..ROW
    },
    Row {
        what: "tools that the provider runs",
        responses: r#"{"tools":[{"type":"web_search"}]}"#,
        messages: r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#,
        generate: r#"{"tools":[{"googleSearch":{}}]}"#,
        ..ROW
    },
    Row {
        what: "exactly by its schema",
        chat: r#"{"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{},"additionalProperties":false}}}]}"#,
        responses: r#"{"tools":[{"type":"function","name":"f","strict":true,"parameters":{"type":"object","properties":{},"additionalProperties":false}}]}"#,
        messages: r#"{"tools":[{"name":"f","strict":true,"input_schema":{"type":"object","properties":{},"additionalProperties":false}}]}"#,
        to_messages: "from Claude 4.5 on; older ones refuse it",
        to_generate: "`VALIDATED`, where the model chooses whether to call",
        ..ROW
    },
    Row {
        what: "a tool must be called",
        chat: r#"{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"}"#,
        responses: r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":"required"}"#,
        messages: r#"{"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}}"#,
        generate: r#"{"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}"#,
        to_chat: "`any` for Mistral",
        to_messages: "`any`; refused while it thinks, and by Claude 5.5 and Fable 5.1",
        to_generate: "`ANY`",
    },
    Row {
        what: "only some may be called",
        chat: r#"{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}}"#,
        responses: r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}}"#,
        generate: r#"{"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}"#,
        to_chat: "`allowed_tools` for OpenAI and Azure; for others the rest of the tools is left out",
        to_messages: "the rest of the tools is left out",
        ..ROW
    },
    Row {
        what: "one call at a time",
        chat: r#"{"tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false}"#,
        responses: r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"parallel_tool_calls":false}"#,
        messages: r#"{"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#,
        to_chat: "`parallel_tool_calls`; DeepSeek does not know it: of its calls the first is given",
        to_messages: "`disable_parallel_tool_use`",
        to_generate: "of its calls the first is given",
        ..ROW
    },
    Row {
        what: "some JSON object",
        chat: r#"{"response_format":{"type":"json_object"}}"#,
        responses: r#"{"text":{"format":{"type":"json_object"}}}"#,
        generate: r#"{"generationConfig":{"responseMimeType":"application/json"}}"#,
        to_messages: "a tool that must be called, whose call is given as the text; refused while it thinks",
        to_generate: "`responseMimeType`",
        ..ROW
    },
    Row {
        what: "JSON by a schema",
        chat: r#"{"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object","properties":{},"additionalProperties":false}}}}"#,
        responses: r#"{"text":{"format":{"type":"json_schema","name":"a","schema":{"type":"object","properties":{},"additionalProperties":false}}}}"#,
        messages: r#"{"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{},"additionalProperties":false}}}}"#,
        generate: r#"{"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{},"additionalProperties":false}}}"#,
        to_chat: "`strict` where every member is required and no other allowed; refused by OpenAI and Azure where it is not of an object",
        to_messages: "`output_config.format` from Claude 4.5 on, each object closed and bounds said in the description; before, and for objects of any members, a tool that must be called",
        to_generate: "`responseSchema` where OpenAPI can say it, else `responseJsonSchema`; refused beside tools before Gemini 3",
    },
];
