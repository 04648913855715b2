//! What bodies say, and why they are refused: JSON and forms.

use purser_dialects::{
    Limit, Member, OutputLimits, Says, Scan, ScanFault, StreamOptions, boundary, scan_json,
    scan_multipart,
};

fn scan(text: &str) -> Result<Scan, ScanFault> {
    scan_json(text.as_bytes())
}

#[test]
fn reads_what_the_walk_needs() {
    let text = r#" {"messages":[{"model":"inner","stream":1}],"model":"gpt-4o","stream":true,"max_tokens":5,
        "max_completion_tokens":7.0,"user":"u\n","prompt_cache_key":"k","n":2,"x":{"n":9},"stream_options":{"include_usage":true},"best_of":3,
        "prompt":["a","b"]} "#;
    let at = |value: &str| {
        let start = text.find(value).unwrap();
        start..start + value.len()
    };
    let limit = |tokens, value| {
        let (span, is_null) = (at(value), false);
        Some(Limit {
            tokens: Some(tokens),
            span,
            is_null,
        })
    };
    let expected = Scan {
        model: Some(Member {
            value: "gpt-4o".into(),
            span: at(r#""gpt-4o""#),
        }),
        stream: true,
        limits: OutputLimits {
            max_tokens: limit(5, "5"),
            max_completion_tokens: limit(7, "7.0"),
            max_output_tokens: None,
        },
        stream_options: Some(StreamOptions {
            span: at(r#"{"include_usage":true}"#),
            include_usage: Some(true),
        }),
        user: Some("u\n".into()),
        prompt_cache_key: Some("k".into()),
        n: Some(2),
        best_of: Some(3),
        prompts: Some(2),
        says: Says::default(),
        texts_only: false,
        generation: None,
    };
    assert_eq!(expected.answers(), 6);
    assert_eq!(scan(text), Ok(expected));
}

#[test]
fn decodes_escapes_in_names_and_values() {
    let found = scan(r#"{"mod\u0065l":"a\u002fb\ud83d\ude00"}"#)
        .unwrap()
        .model
        .unwrap();
    assert_eq!((found.value.as_str(), found.span), ("a/b😀", 14..36));
}

#[test]
fn leaves_to_the_provider_what_it_need_not_understand() {
    let found = scan(
        r#"{"model":"m","max_tokens":"many","n":-1,"user":7,"stream":null,"stream_options":null}"#,
    )
    .unwrap();
    assert_eq!((found.n, found.user, found.stream), (None, None, false));
    assert_eq!(found.limits.max_tokens.unwrap().tokens, None);
    assert_eq!(found.stream_options.unwrap().include_usage, None);
    assert_eq!(
        scan("{}"),
        Ok(Scan {
            texts_only: true,
            ..Scan::default()
        })
    );
}

#[test]
fn counts_how_many_answers_are_written() {
    for (members, answers) in [
        (r#""n":1"#, 1),
        (r#""n":0"#, 1),
        (r#""n":3,"best_of":2"#, 3),
        (r#""n":"4""#, 4),
        (r#""n":"many""#, 1),
        (r#""prompt":"a""#, 1),
        (r#""prompt":[]"#, 1),
        (r#""prompt":[1,2,3],"n":2"#, 2),
        (r#""prompt":[[1,2],"b",[3]],"n":2"#, 6),
        (r#""n":18446744073709551615,"prompt":["a","b"]"#, u64::MAX),
    ] {
        assert_eq!(
            scan(&format!("{{{members}}}")).unwrap().answers(),
            answers,
            "{members}"
        );
    }
}

#[test]
fn refuses_any_duplicate_top_level_member() {
    let many: Vec<String> = (0..100).map(|number| format!(r#""m{number}":0"#)).collect();
    let many = format!("{{{},\"m99\":1}}", many.join(","));
    for (text, name) in [
        (r#"{"model":"a","model":"b"}"#, "model"),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "model"),
        (r#"{"tools":[],"x":0,"tools":[]}"#, "tools"),
        (r#"{"":0,"":0}"#, ""),
        (many.as_str(), "m99"),
    ] {
        assert_eq!(scan(text), Err(ScanFault::Duplicate(name.into())), "{text}");
    }
    assert!(scan(r#"{"a":{"x":0,"x":0}}"#).is_ok());
}

#[test]
fn refuses_what_is_not_one_json_object() {
    for (text, kind) in [
        ("[]", "an array"),
        (" \"x\"", "a string"),
        ("null", "null"),
        ("-1", "a number"),
        ("true", "a boolean"),
    ] {
        assert_eq!(scan(text), Err(ScanFault::NotObject(kind)), "{text}");
    }
    for text in [
        "",
        " ",
        "\u{feff}{}",
        "{} x",
        "{}{}",
        "{",
        "{\"a\":}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":\"\n\"}",
        "{\"a\":01}",
        "nul",
        "{\"a\":NaN}",
    ] {
        assert!(matches!(scan(text), Err(ScanFault::NotJson(_))), "{text}");
    }
    let at = |body: &[u8]| scan_json(body).unwrap_err().to_string();
    assert_eq!(
        at(b"{\"a\":1,\n \"b\" 2}"),
        "the body is not JSON: expected `:` at line 2 column 6"
    );
    assert_eq!(
        at(b"{\"a\":\n\"\xff\"}"),
        "the body is not JSON: invalid UTF-8 at line 2 column 2"
    );
}

#[test]
fn refuses_a_model_or_a_stream_of_another_type() {
    for (model, kind) in [
        ("1", "a number"),
        ("null", "null"),
        ("[\"a\"]", "an array"),
        ("{}", "an object"),
        ("false", "a boolean"),
    ] {
        assert_eq!(
            scan(&format!(r#"{{"model":{model}}}"#)),
            Err(ScanFault::ModelNotString(kind))
        );
    }
    let fault = scan(r#"{"model":"m","stream":"true"}"#).unwrap_err();
    assert_eq!(fault.to_string(), "stream is a string, expected a boolean");
    assert_eq!(
        (fault.code(), fault.param()),
        ("invalid_type", Some("stream"))
    );
    assert!(matches!(
        scan(r#"{"model":"\ud800"}"#),
        Err(ScanFault::NotJson(_))
    ));
}

#[test]
fn depth_and_number_of_members_are_bounded() {
    let deep = |inside: &str| format!("{inside}{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(scan(&(deep(r#"{"a":"#) + "}")).is_ok());
    assert!(matches!(
        scan(&(deep(r#"{"model":"#) + "}")),
        Err(ScanFault::ModelNotString(_))
    ));
    assert!(matches!(scan(&deep("")), Err(ScanFault::NotObject(_))));
    assert!(matches!(
        scan(&"{\"a\":".repeat(100_000)),
        Err(ScanFault::NotJson(_))
    ));
    let wide: Vec<String> = (0..2_000)
        .map(|number| format!(r#""m{number}":0"#))
        .collect();
    assert_eq!(
        scan(&format!("{{{}}}", wide.join(","))),
        Err(ScanFault::TooManyMembers)
    );
}

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;name=.wav\"\r\nContent-Type: audio/wav\r\n\r\n\
    \0\r\n--not\r\n\r\n\r\n--b\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--b \r\n\
    Content-Disposition: form-data; name=\"stream\"\r\n\r\nTrue\r\n--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\r\n--b--\r\n";

#[test]
fn reads_a_form() {
    let found = scan_multipart(FORM.as_bytes(), "b").unwrap();
    let model = found.model.unwrap();
    assert_eq!(
        (model.value.as_str(), &FORM[model.span]),
        ("whisper-1", "whisper-1")
    );
    assert!(found.stream);
}

fn part(headers: &str, value: &str) -> String {
    format!("--b\r\n{headers}\r\n\r\n{value}\r\n")
}

fn closed(text: &str) -> String {
    format!("{text}--b--\r\n")
}

const MODEL: &str = "Content-Disposition: form-data; name=\"model\"";

#[test]
fn refuses_a_model_that_stands_twice_or_is_a_file() {
    let fault = |text: &str| scan_multipart(closed(text).as_bytes(), "b");
    let file = format!("{MODEL}; filename=\"x\"");
    assert_eq!(
        fault(&part(MODEL, "m").repeat(2)),
        Err(ScanFault::Duplicate("model".into()))
    );
    assert_eq!(
        fault(&part(&file, "m")),
        Err(ScanFault::ModelNotString("a file"))
    );
}

#[test]
fn refuses_forms_that_can_be_read_in_two_ways() {
    let model = part(MODEL, "m");
    let fault = |text: &str| scan_multipart(text.as_bytes(), "b");
    for text in [
        String::new(),
        model.clone(),
        format!("preamble\r\n{}", closed(&model)),
        closed(&model) + "--b\r\n",
        closed(&model.replace("\r\n", "\n")),
        closed(&part(
            "Content-Disposition: form-data; name=\"mod\\el\"",
            "m",
        )),
        closed(&part(
            "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
            "m",
        )),
        closed(&part(
            "Content-Disposition: form-data; name*=utf-8''model",
            "m",
        )),
        closed(&part("Content-Disposition: form-data; name=\"model", "m")),
        closed(&part(
            "Content-Disposition: form-data;\r\n name=\"model\"",
            "m",
        )),
        closed(&part(
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"",
            "m",
        )),
        closed(&part(
            "Content-Disposition : form-data; name=\"model\"",
            "m",
        )),
        closed(&part(
            "Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: base64",
            "bQ==",
        )),
        closed(&part("Content-Type: text/plain", "m")),
        closed(&part(&format!("X: {}", "x".repeat(9_000)), "m")),
        closed(&format!("--bx\r\n{model}")),
    ] {
        assert!(
            matches!(fault(&text), Err(ScanFault::NotMultipart(_))),
            "{text}"
        );
    }
}

#[test]
fn a_boundary_is_read_as_clients_write_it() {
    for (content_type, expected) in [
        ("multipart/form-data; boundary=----X1", Some("----X1")),
        (
            "Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b'c\"",
            Some("a b'c"),
        ),
        ("multipart/form-data", None),
        ("multipart/mixed; boundary=x", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"a", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary=é", None),
        ("application/json", None),
    ] {
        assert_eq!(
            boundary(content_type).as_deref(),
            expected,
            "{content_type}"
        );
    }
    assert_eq!(
        boundary(&format!("multipart/form-data; boundary={}", "x".repeat(71))),
        None
    );
}
