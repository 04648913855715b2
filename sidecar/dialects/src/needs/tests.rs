//! Requests as SDKs write them, and what each asks for.

use super::*;
use crate::{Dialect, scan_json};
use purser_config::Endpoint;
use serde_json::{Value, json};

fn of(wire: Wire, body: Value) -> Needs {
    let body = body.to_string();
    let scan = scan_json(body.as_bytes()).unwrap();
    needs(wire, body.as_bytes(), scan.says)
}

fn told(wire: Wire, body: Value) -> String {
    let needs = of(wire, body).of;
    let each = needs
        .iter()
        .map(|(what, param)| format!("{what:?} {param}"));
    each.collect::<Vec<_>>().join(", ")
}

fn urls(wire: Wire, body: Value) -> Vec<(String, Option<String>)> {
    let media = of(wire, body).media;
    media.into_iter().map(|one| (one.path, one.url)).collect()
}

#[test]
fn plain_text_asks_for_nothing() {
    for (wire, body) in [
        (
            Wire::Chat,
            json!({"model": "m", "messages": [{"role": "user", "content": "an image, a file, audio"}], "tools": [],
            "response_format": {"type": "json_object"}, "reasoning_effort": null}),
        ),
        (
            Wire::Responses,
            json!({"model": "m", "input": "hi", "text": {"format": {"type": "text"}}, "reasoning": {"effort": "none"}}),
        ),
        (
            Wire::Messages,
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "thinking": {"type": "disabled"}}),
        ),
        (
            Wire::Generate,
            json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
        ),
    ] {
        assert_eq!(of(wire, body.clone()), Needs::default(), "{body}");
    }
}

#[test]
fn each_api_says_what_it_needs_under_its_own_names() {
    let image = "data:image/png;base64,iVBORw0KGgo=";
    for (wire, body, expected) in [
        (
            Wire::Chat,
            json!({"tools": [{"type": "function"}], "response_format": {"type": "json_schema"}, "reasoning_effort": "low", "modalities": ["text", "audio"]}),
            "Tools tools, JsonSchema response_format, Reasoning reasoning_effort, Audio modalities",
        ),
        (
            Wire::Chat,
            json!({"functions": [{"name": "f"}], "reasoning": {"max_tokens": 100}}),
            "Tools functions, Reasoning reasoning",
        ),
        (
            Wire::Chat,
            json!({"messages": [{"content": "a"}, {"content": [{"type": "text", "text": "b"}, {"type": "image_url", "image_url": {"url": image}}, {"type": "input_audio", "input_audio": {"data": "AA=="}}]}]}),
            "Vision messages[1].content[1].image_url.url, Audio messages[1].content[2].input_audio",
        ),
        (
            Wire::Responses,
            json!({"tools": [{"type": "web_search"}], "text": {"format": {"type": "json_schema"}}, "reasoning": {"effort": "high"}, "input": [{"content": [{"type": "input_image", "image_url": image}]}]}),
            "Tools tools, JsonSchema text.format, Reasoning reasoning, Vision input[0].content[0].image_url",
        ),
        (
            Wire::Messages,
            json!({"tools": [{"name": "f"}], "thinking": {"type": "enabled"}, "output_config": {"format": {"type": "json_schema"}}, "messages": [{"content": [{"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64"}}]}]}]}),
            "Tools tools, Reasoning thinking, JsonSchema output_config.format, Vision messages[0].content[0].content[0].source",
        ),
        (
            Wire::Generate,
            json!({"tools": [{"functionDeclarations": []}], "generationConfig": {"responseSchema": {}, "thinkingConfig": {"thinkingLevel": "low"}, "responseModalities": ["AUDIO"]}, "contents": [{"parts": [{"inline_data": {"mime_type": "image/png"}}]}]}),
            "Tools tools, JsonSchema generationConfig.responseSchema, Reasoning generationConfig.thinkingConfig, Audio generationConfig.responseModalities, Vision contents[0].parts[0].inlineData",
        ),
    ] {
        assert_eq!(told(wire, body.clone()), expected, "{body}");
    }
}

#[test]
fn a_tool_that_stands_alone_is_one() {
    let body = json!({"tools": {"functionDeclarations": [{"name": "f"}]}});
    assert_eq!(told(Wire::Generate, body), "Tools tools");
}

const INSIDE: &str = "http://10.0.0.1/a.png";

fn chat(part: Value) -> Value {
    json!({"messages": [{"content": [part]}]})
}

#[test]
fn addresses_are_found_where_an_api_has_them() {
    let result = json!({"type": "function_call_output", "output": [{"type": "input_image", "image_url": INSIDE}]});
    let file = json!({"content": [{"type": "input_file", "file_url": INSIDE}]});
    let document = json!({"type": "document", "source": {"type": "url", "url": INSIDE}});
    let part = json!({"fileData": {"fileUri": INSIDE, "mimeType": "image/png"}});
    #[rustfmt::skip]
    let cases = [
        (Wire::Chat, chat(json!({"type": "image_url", "image_url": {"url": INSIDE}})), "messages[0].content[0].image_url.url"),
        (Wire::Chat, chat(json!({"type": "image_url", "image_url": INSIDE})), "messages[0].content[0].image_url"),
        (Wire::Chat, chat(json!({"type": "video_url", "video_url": {"url": INSIDE}})), "messages[0].content[0].video_url.url"),
        (Wire::Responses, json!({"input": [result]}), "input[0].output[0].image_url"),
        (Wire::Responses, json!({"input": [file]}), "input[0].content[0].file_url"),
        (Wire::Messages, chat(document), "messages[0].content[0].source.url"),
        (Wire::Generate, json!({"contents": [{"parts": [part]}]}), "contents[0].parts[0].fileData.fileUri"),
        (Wire::Chat, chat(json!({"type": "document_url", "document_url": INSIDE})), "messages[0].content[0].document_url"),
        (Wire::Chat, chat(json!({"type": "video", "video": [INSIDE]})), "messages[0].content[0].video[0]"),
        (Wire::Chat, chat(json!({"type": "file", "file": {"file_url": "x", "file_data": "QQ=="}, "file_url": {"url": INSIDE}})), "messages[0].content[0].file_url.url"),
    ];
    for (wire, body, path) in cases {
        let mut found = urls(wire, body.clone());
        found.retain(|(_, url)| url.is_some());
        let expected = vec![(path.to_owned(), Some(INSIDE.to_owned()))];
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn what_must_be_bytes_is_an_address_where_it_is_none() {
    let of = |part: Value| {
        let mut found = urls(Wire::Chat, chat(part));
        found.retain(|(_, url)| url.is_some());
        found
    };
    let file =
        |data: &str| json!({"type": "file", "file": {"file_data": data, "filename": "x.pdf"}});
    for bytes in [
        "JVBERi0xLjQK",
        "JVBER\ni0=",
        "data:application/pdf;base64,JVBERi0=",
        "",
    ] {
        assert_eq!(of(file(bytes)), vec![], "{bytes}");
    }
    for address in [INSIDE, "//10.0.0.1/x", "some text"] {
        let expected = vec![(
            "messages[0].content[0].file.file_data".to_owned(),
            Some(address.to_owned()),
        )];
        assert_eq!(of(file(address)), expected);
    }
    let escaped = br#"{"messages":[{"content":[{"file":{"file_data":"a\/b=\n"}}]}]}"#;
    let scan = scan_json(escaped).unwrap();
    let media = needs(Wire::Chat, escaped, scan.says).media;
    assert!(media.iter().all(|one| one.url.is_none()), "{media:?}");
    for (sound, at) in [
        (json!(INSIDE), ""),
        (json!({"data": INSIDE, "format": "wav"}), ".data"),
    ] {
        let found = of(json!({"type": "input_audio", "input_audio": sound}));
        let path = format!("messages[0].content[0].input_audio{at}");
        assert_eq!(found, vec![(path, Some(INSIDE.to_owned()))]);
    }
    let input = json!({"input": [{"content": [{"type": "input_file", "file_data": INSIDE}]}]});
    assert!(
        urls(Wire::Responses, input)
            .contains(&("input[0].content[0].file_data".into(), Some(INSIDE.into())))
    );
}

#[test]
fn an_address_is_found_wherever_an_api_reads_one() {
    let part = json!({"file_data": {"file_uri": INSIDE, "mime_type": "image/png"}});
    let both = json!({"fileData": {"fileUri": "gs://a/b"}, "file_data": {"file_uri": INSIDE}});
    let image = json!({"type": "image", "source": {"type": "url", "url": INSIDE}});
    let document = json!({"type": "document", "source": {"type": "content", "content": [image]}});
    let answer = json!({"type": "tool_result", "content": [document]});
    #[rustfmt::skip]
    let cases = [
        (Wire::Generate, json!({"contents": {"parts": part}}), "contents[0].parts[0].fileData.fileUri"),
        (Wire::Generate, json!({"contents": [{"parts": part}]}), "contents[0].parts[0].fileData.fileUri"),
        (Wire::Generate, json!({"contents": [{"parts": [both]}]}), "contents[0].parts[0].fileData.fileUri"),
        (Wire::Generate, json!({"systemInstruction": {"parts": [part]}}), "systemInstruction.parts[0].fileData.fileUri"),
        (Wire::Generate, json!({"system_instruction": {"parts": part}}), "systemInstruction.parts[0].fileData.fileUri"),
        (Wire::Generate, json!({"contents": {"parts": {"functionResponse": {"parts": part}}}}), "contents[0].parts[0].functionResponse.parts[0].fileData.fileUri"),
        (Wire::Messages, chat(document.clone()), "messages[0].content[0].source.content[0].source.url"),
        (Wire::Messages, chat(answer), "messages[0].content[0].content[0].source.content[0].source.url"),
        (Wire::Messages, json!({"system": [image], "messages": []}), "system[0].source.url"),
        (Wire::Responses, json!({"input": [{"content": [{"type": "input_image", "file_url": INSIDE}]}]}), "input[0].content[0].file_url"),
        (Wire::Responses, json!({"input": [{"content": [{"type": "input_file", "image_url": INSIDE}]}]}), "input[0].content[0].image_url"),
    ];
    for (wire, body, path) in cases {
        let expected = (path.to_owned(), Some(INSIDE.to_owned()));
        assert!(urls(wire, body.clone()).contains(&expected), "{body}");
    }
}

#[test]
fn what_a_tool_was_called_with_and_what_stands_in_a_text_is_no_address() {
    let image = json!({"type": "image", "source": {"type": "url", "url": INSIDE}});
    let file = json!({"fileData": {"fileUri": INSIDE}});
    for (wire, body) in [
        (
            Wire::Messages,
            chat(json!({"type": "tool_use", "input": image})),
        ),
        (
            Wire::Chat,
            json!({"messages": [{"content": format!("\"image_url\": \"{INSIDE}\"")}]}),
        ),
        (
            Wire::Generate,
            json!({"contents": [{"parts": [{"functionCall": {"args": file}}]}]}),
        ),
    ] {
        assert_eq!(urls(wire, body.clone()), vec![], "{body}");
    }
}

#[test]
fn what_is_no_conversation_shows_its_addresses_too() {
    let part = json!({"type": "image_url", "image_url": {"url": INSIDE}});
    let file = json!({"parts": [{"file_data": {"file_uri": INSIDE}}]});
    let (openai, gemini) = (Dialect::OpenAI, Dialect::Gemini);
    let (count, embed) = (Endpoint::CountTokens, Endpoint::Embeddings);
    #[rustfmt::skip]
    let cases = [
        (openai, Endpoint::Moderations, json!({"input": [{"type": "text", "text": "hi"}, part]}), "input[1].image_url.url"),
        (openai, embed, json!({"input": [{"image": INSIDE}]}), "input[0].image"),
        (openai, embed, json!({"messages": [{"content": [part]}]}), "messages[0].content[0].image_url.url"),
        (openai, Endpoint::Images, json!({"prompt": "a cat", "image": ["data:image/png;base64,QQ==", INSIDE]}), "image[1]"),
        (gemini, embed, json!({"requests": [{"content": file}]}), "requests[0].content.parts[0].file_data.file_uri"),
        (openai, count, json!({"input": [{"content": [{"type": "input_image", "image_url": INSIDE}]}]}), "input[0].content[0].image_url"),
        (Dialect::Anthropic, count, chat(json!({"type": "image", "source": {"type": "url", "url": INSIDE}})), "messages[0].content[0].source.url"),
        (gemini, count, json!({"contents": [file]}), "contents[0].parts[0].fileData.fileUri"),
        (gemini, count, json!({"generateContentRequest": {"contents": file}}), "generateContentRequest.contents[0].parts[0].fileData.fileUri"),
    ];
    for (dialect, endpoint, body, path) in cases {
        let mut found = media_beside(dialect, endpoint, body.to_string().as_bytes());
        found.retain(|one| one.url.is_some());
        let found: Vec<_> = found.into_iter().map(|one| (one.path, one.url)).collect();
        let expected = vec![(path.to_owned(), Some(INSIDE.to_owned()))];
        assert_eq!(found, expected, "{body}");
    }
    let bytes = json!({"input": ["\"image\"", {"image": "iVBORw0KGgo="}, {"image": "data:image/png;base64,QQ=="}]});
    let found = media_beside(openai, embed, bytes.to_string().as_bytes());
    assert!(found.iter().all(|one| one.url.is_none()), "{found:?}");
}

#[test]
fn an_escaped_name_hides_no_address() {
    let body = br#"{"messages":[{"content":[{"type":"image_url","im\u0061ge_url":{"url":"http://10.0.0.1"}}]}]}"#;
    let scan = scan_json(body).unwrap();
    let media = needs(Wire::Chat, body, scan.says).media;
    assert_eq!(media[0].url.as_deref(), Some("http://10.0.0.1"));
}

#[test]
fn a_faulty_schema_is_told_with_its_whole_path() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "str"}}});
    for (wire, tools, at) in [
        (
            Wire::Chat,
            json!([{"type": "function", "function": {"name": "f", "parameters": schema}}]),
            "tools[0].function.parameters.properties.city.type",
        ),
        (
            Wire::Responses,
            json!([{"type": "web_search"}, {"type": "function", "parameters": schema}]),
            "tools[1].parameters.properties.city.type",
        ),
        (
            Wire::Messages,
            json!([{"name": "f", "input_schema": schema}]),
            "tools[0].input_schema.properties.city.type",
        ),
        (
            Wire::Generate,
            json!([{"functionDeclarations": [{"name": "f", "parameters": schema}]}]),
            "tools[0].functionDeclarations[0].parameters.properties.city.type",
        ),
        (
            Wire::Generate,
            json!({"functionDeclarations": {"name": "f", "parameters": schema}}),
            "tools[0].functionDeclarations[0].parameters.properties.city.type",
        ),
        (
            Wire::Generate,
            json!([{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]),
            "tools[0].functionDeclarations[0].parametersJsonSchema.properties.city.type",
        ),
        (
            Wire::Generate,
            json!([{"functionDeclarations": [{"name": "f", "parameters_json_schema": schema}]}]),
            "tools[0].functionDeclarations[0].parameters_json_schema.properties.city.type",
        ),
    ] {
        let fault = check_tools(wire, json!({"tools": tools}).to_string().as_bytes()).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(at));
        assert!(fault.message.contains("found \"str\""), "{}", fault.message);
    }
    let good = json!({"tools": [{"type": "function", "function": {"name": "f"}}], "functions": [{"name": "g", "parameters": {}}]});
    assert_eq!(check_tools(Wire::Chat, good.to_string().as_bytes()), Ok(()));
}
