//! What a file says, and where.

use super::*;
use serde_json::json;

fn broken(text: &str) -> Broken {
    documents(text).err().unwrap()
}

#[test]
fn documents_are_told_apart_and_fields_have_lines() {
    let text = "# first\na: 1\n---\n---\nb:\n  - c: {d: x}\n  - e\n...\n";
    let documents = documents(text).unwrap();
    let values: Vec<&Value> = documents.iter().map(|document| &document.value).collect();
    assert_eq!(
        values,
        [&json!({"a": 1}), &json!({"b": [{"c": {"d": "x"}}, "e"]})]
    );
    let lines = &documents[1].lines;
    assert_eq!(
        (
            lines.of("b"),
            lines.of("b[0].c.d"),
            lines.of("b[1]"),
            lines.of("b[1].absent")
        ),
        (5, 6, 7, 7)
    );
    assert_eq!(lines.under("b[0]").of("c"), 6);
}

#[test]
fn json_is_read_too() {
    let documents = documents("{\n  \"a\": [\"on\", true]\n}\n").unwrap();
    assert_eq!(documents[0].value, json!({"a": ["on", true]}));
    assert_eq!(documents[0].lines.of("a"), 2);
}

#[test]
fn aliases_and_merges_are_followed() {
    let documents = documents("base: &base {a: 1, b: 2}\nmade: {<<: *base, b: 3}\n").unwrap();
    assert_eq!(documents[0].value["made"], json!({"a": 1, "b": 3}));
}

#[test]
fn a_field_that_is_there_twice_is_an_error_with_its_line() {
    let expected = Broken {
        line: 3,
        message: "field a is here twice; keep one".into(),
    };
    assert_eq!(broken("a: 1\nb: 2\na: 3\n"), expected);
}

#[test]
fn what_is_not_yaml_is_told_with_its_line() {
    let error = broken("a: 1\nb: [1, 2\nc: 3\n");
    assert!(
        error.line >= 2 && error.message.starts_with("not YAML: "),
        "{error:?}"
    );
    assert_eq!(
        broken("? [a]\n: 1\n").message,
        "a field's name must be text"
    );
}

#[test]
fn aliases_cannot_make_a_small_file_huge() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let before = at - 1;
        text += &format!(
            "a{at}: &a{at} [*a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}]\n"
        );
    }
    assert!(broken(&text).message.contains("more than 1000000 values"));
}
