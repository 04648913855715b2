//! What an answer used: as it says, as it is estimated, and how what it says is kept from who did not ask.

use bytes::Bytes;
use purser_config::Endpoint;
use purser_config::price::Tokens;
use purser_dialects::sse::MAX_HELD;
use purser_dialects::{Tail, UsageFilter, Whole, estimate};

fn tokens(usage: &str) -> Option<Tokens> {
    let body = format!(r#"{{"usage":{usage}}}"#);
    let found = Whole::read(body.as_bytes()).ok()?.usage?;
    Some(found.tokens())
}

fn counted(input: u64, cached: u64, cache_write: u64, output: u64) -> Option<Tokens> {
    Some(Tokens {
        input,
        cached,
        cache_write,
        output,
    })
}

#[test]
fn usage_is_read_as_each_provider_writes_it() {
    for (usage, expected) in [
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#,
            counted(9, 0, 0, 4),
        ),
        // OpenAI's chat and responses.
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}"#,
            counted(9, 8, 0, 4),
        ),
        (
            r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":5,"cache_write_tokens":4},"output_tokens":4,"total_tokens":13}"#,
            counted(9, 5, 4, 4),
        ),
        // DeepSeek.
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":3}"#,
            counted(9, 6, 0, 4),
        ),
        // LiteLLM before Anthropic, DashScope.
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"cache_read_input_tokens":2,"cache_creation_input_tokens":5}"#,
            counted(9, 2, 5, 4),
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2,"cache_creation_input_tokens":5}}"#,
            counted(9, 2, 5, 4),
        ),
        // xAI counts reasoning in the total only.
        (
            r#"{"prompt_tokens":10120,"completion_tokens":1499,"total_tokens":14428,"prompt_tokens_details":{"cached_tokens":128},"completion_tokens_details":{"reasoning_tokens":2809}}"#,
            counted(10120, 128, 0, 1499 + 2809),
        ),
        // Embeddings.
        (
            r#"{"prompt_tokens":8,"total_tokens":8}"#,
            counted(8, 0, 0, 0),
        ),
        (r#"{"total_tokens":8}"#, counted(8, 0, 0, 0)),
        // Transcriptions by the minute.
        (r#"{"type":"duration","seconds":3}"#, None),
        ("{}", None),
        ("null", None),
    ] {
        assert_eq!(tokens(usage), expected, "{usage}");
    }
}

#[test]
fn hostile_counts_saturate_or_are_no_counts() {
    for (usage, expected) in [
        (
            r#"{"prompt_tokens":1000000000000000000,"completion_tokens":1e300}"#,
            counted(1_000_000_000_000_000_000, 0, 0, u64::MAX),
        ),
        (
            r#"{"prompt_tokens":99999999999999999999999,"completion_tokens":1.5}"#,
            counted(u64::MAX, 0, 0, 2),
        ),
        (r#"{"prompt_tokens":-1,"completion_tokens":4}"#, None),
        (r#"{"prompt_tokens":9,"completion_tokens":"4"}"#, None),
        (r#"{"prompt_tokens":9,"completion_tokens":{}}"#, None),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":-3}"#,
            counted(9, 0, 0, 4),
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":"8"}}"#,
            counted(9, 0, 0, 4),
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":800,"cache_write_tokens":7}}"#,
            counted(9, 9, 0, 4),
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":7}"#,
            counted(9, 0, 0, 4),
        ),
        ("[1]", None),
    ] {
        assert_eq!(tokens(usage), expected, "{usage}");
    }
}

#[test]
fn the_last_usage_of_a_stream_counts_and_one_that_cannot_be_read_does_not() {
    let event = |usage: &str| format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
    let stream = [
        event(r#"{"prompt_tokens":1,"completion_tokens":1}"#),
        event(r#"{"prompt_tokens":9,"completion_tokens":4}"#),
        event(r#"{"prompt_tokens":"x","completion_tokens":4}"#),
        event("null"),
    ];
    let mut tail = Tail::new();
    tail.push(stream.concat().as_bytes());
    assert_eq!(
        tail.usage().map(|usage| usage.tokens()),
        counted(9, 0, 0, 4)
    );
}

/// What goes on, in parts, at once and at the end.
fn filtered(chunks: &[&str]) -> (Vec<String>, Option<String>) {
    let (mut filter, mut parts) = (UsageFilter::new(), Vec::new());
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    for chunk in chunks {
        filter.push(Bytes::copy_from_slice(chunk.as_bytes()), |part| {
            parts.push(text(part))
        });
    }
    (parts, filter.finish().map(text))
}

fn once(stream: &str) -> String {
    let (parts, rest) = filtered(&[stream]);
    parts.concat() + &rest.unwrap_or_default()
}

const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
const CONTENT: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn the_usage_is_taken_out_and_nothing_else() {
    for (stream, expected) in [
        ([CONTENT, USAGE, DONE].concat(), [CONTENT, DONE].concat()),
        ([USAGE, DONE].concat(), DONE.to_owned()),
        (
            [CONTENT, ": ping\n\n", USAGE, ": ping\n", USAGE, DONE].concat(),
            [CONTENT, ": ping\n\n", ": ping\n", DONE].concat(),
        ),
        (
            [CONTENT, "event: message\nid: 7\n", USAGE, DONE].concat(),
            [CONTENT, DONE].concat(),
        ),
        ([CONTENT, USAGE.trim_end()].concat(), CONTENT.to_owned()),
        (USAGE.replace('\n', "\r\n") + DONE, DONE.to_owned()),
        (USAGE.replace('\n', "\r") + DONE, DONE.to_owned()),
        (
            "data:{ \"usage\" : {} , \"choices\" : [ ] }\n\n".to_owned(),
            String::new(),
        ),
    ] {
        assert_eq!(once(&stream), expected, "{stream:?}");
    }
}

#[test]
fn what_only_looks_like_the_usage_is_passed_on() {
    for event in [
        "data: {\"choices\":[],\"usage\":null}\n\n",
        "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n",
        "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":3}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[]\"}}],\"usage\":{}}\n\n",
        "data: {\"choices\":[],\"usage\":{},\"error\":{\"message\":\"m\"}}\n\n",
        "data: {\"choices\":[],\"usage\":{}\n\n",
        "data: {\"choices\":[],\"usage\":{}}\ndata: more\n\n",
        "data: {\"choices\":[],\ndata: \"usage\":{}}\n\n",
        "datax: {\"choices\":[],\"usage\":{}}\n\n",
        "data: [{\"choices\":[],\"usage\":{}}]\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_to",
        ": {\"choices\":[],\"usage\":{}}\n\n",
        "\n\n\r\n",
    ] {
        assert_eq!(
            once(&[event, DONE].concat()),
            [event, DONE].concat(),
            "{event:?}"
        );
    }
    let long = format!(
        "data: {{\"choices\":[],\"usage\":{{\"x\":\"{}\"}}}}\n\n",
        "x".repeat(MAX_HELD)
    );
    assert_eq!(once(&long), long);
}

#[test]
fn only_the_beginning_of_what_may_be_the_usage_is_kept_back() {
    let (head, tail) = CONTENT.split_at(CONTENT.find("{\"index\"").unwrap() + 1);
    let before = "data: {\"id\":\"c\",\"choi";
    let after = CONTENT.strip_prefix(before).unwrap();
    for (chunks, at_once) in [
        (vec![CONTENT, CONTENT], vec![CONTENT, CONTENT]),
        (vec![head, tail], vec![head, tail]),
        (vec![before], vec![]),
        (vec![before, after], vec![before, after]),
        (
            vec![before, "ces\":[{\"delta", "\":{}"],
            vec![before, "ces\":[{\"delta", "\":{}"],
        ),
        (vec!["data: [DO", "NE]\n\n"], vec!["data: [DO", "NE]\n\n"]),
        (vec![": pi", "ng\n"], vec![": pi", "ng\n"]),
        (vec![USAGE.trim_end(), "\n\n", DONE], vec![DONE]),
        (vec![&USAGE[..30], &USAGE[30..]], vec![]),
    ] {
        assert_eq!(filtered(&chunks).0, at_once, "{chunks:?}");
    }
}

#[test]
fn a_chunk_of_whole_events_is_passed_on_without_a_copy() {
    let chunk = Bytes::from([CONTENT, CONTENT].concat());
    let mut filter = UsageFilter::new();
    filter.push(chunk.clone(), |part| {
        assert_eq!((part.as_ptr(), part.len()), (chunk.as_ptr(), chunk.len()))
    });
    let mixed = Bytes::from([CONTENT, USAGE, DONE].concat());
    let mut parts = Vec::new();
    filter.push(mixed.clone(), |part| parts.push(part));
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].as_ptr(), mixed.as_ptr());
    assert_eq!(
        parts[1].as_ptr(),
        mixed[mixed.len() - DONE.len()..].as_ptr()
    );
}

#[test]
fn what_a_call_reads_is_estimated_from_above() {
    let chat = |content: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
        (
            estimate::input(body.as_bytes(), Endpoint::Chat),
            body.len() as u64,
        )
    };
    let (short, length) = chat("\"Hi\"");
    assert_eq!(short, length.div_ceil(3));
    let payload = "iVBORw0KGgo/+a==".repeat(50_000);
    let image = format!(
        r#"[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{payload}"}}}}]"#
    );
    let (sent, _) = chat(&image);
    assert!((2_048..2_200).contains(&sent), "{sent}");
    let (two, _) = chat(&image.repeat(2).replace("][", ","));
    assert!((4_096..4_300).contains(&two), "{two}");
    let named = r#"[{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]"#;
    assert!(chat(named).0 > 2_048);
    let sound = format!(
        r#"[{{"type":"input_audio","input_audio":{{"data":"{payload}","format":"mp3"}}}}]"#
    );
    let (heard, _) = chat(&sound);
    assert!((12_500..12_700).contains(&heard), "{heard}");
    let form = "x".repeat(6_400);
    assert_eq!(
        estimate::input(form.as_bytes(), Endpoint::Transcriptions),
        100
    );
    assert_eq!(estimate::input(b"", Endpoint::Transcriptions), 1);
}

#[test]
fn text_that_passes_itself_off_as_an_image_is_text() {
    let text = "read this: ".repeat(10_000);
    for content in [
        format!(r#""data:image/png;base64,{text}""#),
        format!(r#"[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{text}"}}}}]"#),
        format!(
            r#"[{{"type":"text","text":"data:image/png;base64,{}"}}]"#,
            text.replace([' ', ':'], "")
        ),
    ] {
        let body = format!(r#"{{"messages":[{{"content":{content}}}]}}"#);
        assert!(estimate::input(body.as_bytes(), Endpoint::Chat) > 26_000);
    }
}

fn written(events: &[&str]) -> u64 {
    let mut tail = Tail::counting();
    for event in events {
        tail.push(format!("data: {event}\n\n").as_bytes());
    }
    tail.written().unwrap_or_default().tokens()
}

#[test]
fn what_a_stream_writes_is_estimated_from_its_content_only() {
    let delta = |delta: &str| {
        format!(r#"{{"id":"chatcmpl-0123456789","choices":[{{"index":0,"delta":{delta}}}]}}"#)
    };
    for (value, tokens) in [
        (r#"{"role":"assistant","content":""}"#, 0),
        (r#"{"content":null}"#, 0),
        (r#"{"content":"a"}"#, 1),
        (r#"{"content":"0123456789"}"#, 3),
        (r#"{"content":"a\"b","refusal":null}"#, 1),
        (r#"{"reasoning_content":"01234567"}"#, 2),
        (
            r#"{"tool_calls":[{"index":0,"id":"call_0123456789","type":"function","function":{"name":"find","arguments":"{\"a\":"}}]}"#,
            3,
        ),
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"01234567"}]}]}"#,
            2,
        ),
    ] {
        assert_eq!(written(&[&delta(value)]), tokens, "{value}");
    }
    let one = delta(r#"{"content":"a"}"#);
    assert_eq!(
        written(&[&one, &one, &one]),
        3,
        "one token an event at least"
    );
    assert_eq!(
        written(&[r#"{"object":"text_completion","choices":[{"text":"01234567","index":0}]}"#]),
        2
    );
    assert_eq!(
        written(&[
            r#"{"type":"response.output_text.delta","delta":"01234567"}"#,
            r#"{"type":"response.output_text.done","text":"01234567"}"#,
            r#"{"type":"response.completed","response":{"output":[{"content":[{"text":"01234567"}]}]}}"#,
        ]),
        2
    );
    assert_eq!(Tail::new().written(), None);
}

#[test]
fn what_a_whole_answer_writes_is_estimated_too() {
    for (body, tokens) in [
        (
            r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"01234567","refusal":null},"finish_reason":"stop"}]}"#,
            2,
        ),
        (
            r#"{"choices":[{"message":{"content":"a"}},{"message":{"content":"0123"}}]}"#,
            2,
        ),
        (r#"{"choices":[{"text":"a"}]}"#, 1),
        (
            r#"{"output":[{"type":"message","id":"msg_0123","role":"assistant","content":[{"type":"output_text","text":"01234567"}]}]}"#,
            2,
        ),
        (r#"{"data":[{"embedding":[0.1]}]}"#, 0),
        ("not json", 0),
        (r#"{"choices":7}"#, 0),
    ] {
        assert_eq!(estimate::output(body.as_bytes()), tokens, "{body}");
    }
}
