//! What is changed of a body on its way to a provider: a request for usage, an output limit, the model's name.

use bytes::Bytes;
use purser_config::{Endpoint, Provider};
use purser_dialects::openai::usage_option::{ask, is_refused, leave_out};
use purser_dialects::{
    Edit, Scan, asks_usage, limit_messages, limit_output, output_limit, output_limit_member,
    rename_limit, scan_json, splice, thinks_beyond,
};

fn scan(text: &str) -> Scan {
    scan_json(text.as_bytes()).unwrap_or_default()
}

fn spliced(text: &str, mut edits: Vec<Edit>) -> String {
    let body = splice(&Bytes::copy_from_slice(text.as_bytes()), &mut edits);
    String::from_utf8_lossy(&body).into_owned()
}

fn asked(text: &str) -> Option<String> {
    let edit = ask(text.as_bytes(), &scan(text))?;
    Some(spliced(text, vec![edit]))
}

fn limited(text: &str, provider: Provider, endpoint: Endpoint, most: u64) -> String {
    spliced(text, limit_output(&scan(text), provider, endpoint, most))
}

#[test]
fn usage_is_asked_for_where_the_caller_did_not_and_nothing_else_changes() {
    for (before, after) in [
        (
            r#"{"model":"m" ,"stream":true}"#,
            r#"{"model":"m","stream_options":{"include_usage":true} ,"stream":true}"#,
        ),
        (
            r#"{"stream":true,"x":1.0,"model":"m"}"#,
            r#"{"stream":true,"x":1.0,"model":"m","stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options": null }"#,
            r#"{"model":"m","stream":true,"stream_options": {"include_usage":true} }"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{ }}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{ "include_obfuscation":false}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true, "include_obfuscation":false}}"#,
        ),
        (
            r#"{"stream_options":{"a":1,"include_usage" : false },"model":"m","stream":true}"#,
            r#"{"stream_options":{"a":1,"include_usage" : true },"model":"m","stream":true}"#,
        ),
        (
            r#"{"stream_options":{"include\u005fusage":null},"model":"m","stream":true}"#,
            r#"{"stream_options":{"include\u005fusage":true},"model":"m","stream":true}"#,
        ),
    ] {
        assert_eq!(asked(before).as_deref(), Some(after), "{before}");
        assert_eq!(
            scan(after).stream_options.unwrap().include_usage,
            Some(true)
        );
        assert_eq!(asked(after), None);
    }
}

#[test]
fn usage_is_not_asked_for_without_a_stream_or_against_what_is_not_understood() {
    for body in [
        r#"{"model":"m"}"#,
        r#"{"model":"m","stream":false,"stream_options":{}}"#,
        r#"{"stream":true}"#,
        r#"{"model":"m","stream":true,"stream_options":"yes"}"#,
        r#"{"model":"m","stream":true,"stream_options":[]}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":1}}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":"true"}}"#,
    ] {
        assert_eq!(asked(body), None, "{body}");
    }
    let known = scan(r#"{"model":"m","stream":true,"stream_options":{}}"#);
    assert_eq!(ask(b"{}", &known), None, "the scan of another body");
}

#[test]
fn only_providers_that_accept_it_are_asked_for_usage() {
    use Provider::*;
    for provider in [
        OpenAI,
        AzureOpenAI,
        DeepSeek,
        XAI,
        DashScope,
        OpenAICompatible,
    ] {
        assert!(asks_usage(provider, Endpoint::Chat));
        assert!(asks_usage(provider, Endpoint::Completions));
        assert!(!asks_usage(provider, Endpoint::Responses));
        assert!(!asks_usage(provider, Endpoint::Transcriptions));
    }
    for provider in [Mistral, Anthropic, Gemini] {
        assert!(!asks_usage(provider, Endpoint::Chat));
    }
    let refusal = br#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}"#;
    assert!(is_refused(422, refusal));
    assert!(!is_refused(500, refusal));
    assert!(!is_refused(
        400,
        br#"{"error":{"message":"max_tokens is too large"}}"#
    ));
}

#[test]
fn the_callers_output_limit_is_the_largest_that_the_endpoint_reads() {
    let body = scan(r#"{"max_tokens":5,"max_completion_tokens":9,"max_output_tokens":7.0}"#);
    for (endpoint, limit) in [
        (Endpoint::Chat, Some(9)),
        (Endpoint::Completions, Some(5)),
        (Endpoint::Responses, Some(7)),
        (Endpoint::Embeddings, None),
    ] {
        assert_eq!(output_limit(&body, endpoint), limit);
    }
    for unread in ["-1", "null", "\"9\"", "7.5", "1e40"] {
        let body = scan(&format!(r#"{{"max_tokens":{unread}}}"#));
        assert_eq!(output_limit(&body, Endpoint::Chat), None, "{unread}");
    }
}

#[test]
fn an_output_limit_is_added_under_the_providers_name_for_it() {
    use Provider::*;
    let body = r#"{"model":"m","n":1}"#;
    for (provider, endpoint, expected) in [
        (
            OpenAI,
            Endpoint::Chat,
            r#"{"model":"m","max_completion_tokens":64,"n":1}"#,
        ),
        (
            Mistral,
            Endpoint::Chat,
            r#"{"model":"m","max_tokens":64,"n":1}"#,
        ),
        (
            OpenAICompatible,
            Endpoint::Chat,
            r#"{"model":"m","max_tokens":64,"n":1}"#,
        ),
        (
            OpenAI,
            Endpoint::Completions,
            r#"{"model":"m","max_tokens":64,"n":1}"#,
        ),
        (
            OpenAI,
            Endpoint::Responses,
            r#"{"model":"m","max_output_tokens":64,"n":1}"#,
        ),
        (OpenAI, Endpoint::Embeddings, body),
        (Gemini, Endpoint::Chat, body),
    ] {
        assert_eq!(limited(body, provider, endpoint, 64), expected);
    }
    assert_eq!(output_limit_member(Anthropic, Endpoint::Chat), None);
    let null = r#"{"model":"m","max_tokens":null}"#;
    let set = r#"{"model":"m","max_tokens":64}"#;
    assert_eq!(limited(null, DeepSeek, Endpoint::Chat, 64), set);
    let beside = r#"{"model":"m","max_completion_tokens":64,"max_tokens":null}"#;
    assert_eq!(limited(null, OpenAI, Endpoint::Chat, 64), beside);
}

#[test]
fn an_output_limit_is_lowered_but_never_raised_and_no_other_meaning_is_left_to_the_provider() {
    let chat = |members: &str| {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let after = limited(&body, Provider::OpenAICompatible, Endpoint::Chat, 64);
        after
            .strip_prefix(r#"{"model":"m","#)
            .unwrap()
            .trim_end_matches('}')
            .to_owned()
    };
    for (before, after) in [
        (r#""max_tokens":63"#, r#""max_tokens":63"#),
        (r#""max_tokens":64"#, r#""max_tokens":64"#),
        (r#""max_tokens": 65 "#, r#""max_tokens": 64 "#),
        (
            r#""max_completion_tokens":1e3"#,
            r#""max_completion_tokens":64"#,
        ),
        (r#""max_tokens":-1"#, r#""max_tokens":64"#),
        (r#""max_tokens":"9999""#, r#""max_tokens":64"#),
        (
            r#""max_tokens":9,"max_completion_tokens":99"#,
            r#""max_tokens":9,"max_completion_tokens":64"#,
        ),
        (
            r#""max_completion_tokens":9,"max_tokens":null"#,
            r#""max_completion_tokens":9,"max_tokens":null"#,
        ),
    ] {
        assert_eq!(chat(before), after, "{before}");
    }
}

/// Anthropic answers 400 "`max_tokens` must be greater than `thinking.budget_tokens`"; anthropic-sdk-python 2.14,
/// types/thinking_config_enabled_param.py: the budget is 1024 at least.
#[test]
fn what_claude_thinks_in_is_lowered_with_its_limit() {
    let body = |max: u64, thinking: &str| {
        format!(r#"{{"max_tokens":{max},"thinking": {thinking},"model":"m"}}"#)
    };
    let on = |budget: u64| format!(r#"{{"type":"enabled","budget_tokens" : {budget}}}"#);
    let limited =
        |body: &str, most| spliced(body, limit_messages(body.as_bytes(), &scan(body), most));
    for (before, most, after) in [
        ((8_000, on(2_048)), 1_500, (1_500, on(1_200))),
        ((8_000, on(2_048)), 1_100, (1_100, on(1_024))),
        ((8_000, on(4_000)), 5_000, (5_000, on(4_000))),
        ((8_000, on(7_000)), 5_000, (5_000, on(4_000))),
        ((1_000, on(7_000)), 5_000, (1_000, on(7_000))),
        (
            (8_000, r#"{"type":"adaptive"}"#.into()),
            500,
            (500, r#"{"type":"adaptive"}"#.into()),
        ),
    ] {
        let (before, after) = (body(before.0, &before.1), body(after.0, &after.1));
        assert_eq!(limited(&before, most), after, "{most}");
    }
    let unlimited = format!(r#"{{"model":"m","thinking":{}}}"#, on(2_048));
    let added = format!(
        r#"{{"model":"m","max_tokens":1500,"thinking":{}}}"#,
        on(1_200)
    );
    assert_eq!(limited(&unlimited, 1_500), added);
    let beyond = |max, thinking: &str, most| {
        let body = body(max, thinking);
        let beyond = thinks_beyond(body.as_bytes(), &scan(&body), most);
        beyond.map(|unsayable| (unsayable.param, unsayable.why))
    };
    let why = "this model thinks in 1024 tokens at least, and your plan leaves 1024 for an answer";
    let told = Some(("thinking".to_owned(), why.to_owned()));
    assert_eq!(beyond(8_000, &on(2_048), 1_024), told);
    assert_eq!(beyond(8_000, &on(2_048), 1_025), None);
    assert_eq!(
        beyond(500, &on(2_048), 500),
        None,
        "it is the caller's own limit"
    );
    let off = r#"{"type":"disabled","budget_tokens":2048}"#;
    assert_eq!(beyond(8_000, off, 500), None);
}

#[test]
fn all_edits_of_one_body_compose() {
    let body = r#"{"stream":true,"model":"asked","messages":[{"role":"user","content":"é"}],"temperature":1.0}"#;
    let scan = scan(body);
    let mut edits = limit_output(&scan, Provider::OpenAI, Endpoint::Chat, 256);
    edits.extend(ask(body.as_bytes(), &scan));
    edits.push(Edit::name(
        &scan.model.as_ref().unwrap().span,
        "served",
        true,
    ));
    assert_eq!(
        spliced(body, edits),
        r#"{"stream":true,"model":"served","max_completion_tokens":256,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"é"}],"temperature":1.0}"#
    );
}

#[test]
fn a_chat_s_limit_has_the_name_that_its_provider_knows() {
    let renamed = |text: &str, provider, endpoint| {
        let edit = rename_limit(text.as_bytes(), &scan(text), provider, endpoint);
        spliced(text, edit.into_iter().collect())
    };
    let chat = Endpoint::Chat;
    let body = r#"{"max_completion_tokens" : 9,"model":"m"}"#;
    for (provider, after) in [
        (Provider::Mistral, r#"{"max_tokens" : 9,"model":"m"}"#),
        (Provider::DeepSeek, r#"{"max_tokens" : 9,"model":"m"}"#),
        (
            Provider::OpenAICompatible,
            r#"{"max_tokens" : 9,"model":"m"}"#,
        ),
        (Provider::OpenAI, body),
        (Provider::XAI, body),
    ] {
        assert_eq!(renamed(body, provider, chat), after, "{provider:?}");
    }
    for unchanged in [
        r#"{"max_completion_tokens":9,"max_tokens":8,"model":"m"}"#,
        r#"{"max_completion_tokens":null,"model":"m"}"#,
        r#"{"max_completion\u005ftokens":9,"model":"m"}"#,
        r#"{"max_tokens":9,"model":"m"}"#,
    ] {
        assert_eq!(renamed(unchanged, Provider::Mistral, chat), unchanged);
    }
    assert_eq!(renamed(body, Provider::Mistral, Endpoint::Responses), body);
    let lowered = limit_output(&scan(body), Provider::Mistral, chat, 5);
    let edit = rename_limit(body.as_bytes(), &scan(body), Provider::Mistral, chat);
    assert_eq!(
        spliced(body, lowered.into_iter().chain(edit).collect()),
        r#"{"max_tokens" : 5,"model":"m"}"#
    );
}

#[test]
fn what_mistral_refuses_of_a_stream_is_left_out() {
    let left = |text: &str, provider| {
        let edit = leave_out(text.as_bytes(), &scan(text), provider);
        spliced(text, edit.into_iter().collect())
    };
    for (before, after) in [
        (
            r#"{"model":"m" , "stream_options":{"include_usage":true} ,"stream":true}"#,
            r#"{"model":"m"  ,"stream":true}"#,
        ),
        (
            r#"{"stream_options" : null , "model":"m"}"#,
            r#"{ "model":"m"}"#,
        ),
        (r#"{"model":"m","stream_options":{}}"#, r#"{"model":"m"}"#),
        (r#"{ "stream_options":{} }"#, r#"{  }"#),
        (r#"{"model":"m"}"#, r#"{"model":"m"}"#),
    ] {
        assert_eq!(left(before, Provider::Mistral), after);
        assert_eq!(left(before, Provider::DeepSeek), before);
    }
}
