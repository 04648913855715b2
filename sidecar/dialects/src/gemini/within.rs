//! The model's name within a body of Gemini's API: beside what it is to embed or to count, which the path names too. Called before each
//! attempt where a provider has another name for it. It must change nothing else.

use super::path::kind;
use crate::Edit;
use crate::json::{each_element, members, span, string, text};
use serde_json::Value;

/// The edits after which a body names this model wherever it names one; none where it is no such body.
pub fn name_within(body: &[u8], model: &str) -> Vec<Edit> {
    let Ok(text) = text(body) else {
        return Vec::new();
    };
    let name = format!("{}{model}", kind(model));
    let mut edits = Vec::new();
    let mut put = |named: Option<&str>| {
        let other = named.filter(|raw| string(Some(raw)).is_some_and(|other| other != name));
        edits.extend(other.map(|raw| Edit {
            span: span(text, raw),
            bytes: Value::from(name.as_str()).to_string().into_bytes().into(),
        }));
    };
    let parts = ["model", "requests", "generateContentRequest"];
    let Some([own, requests, counted]) = members(text, parts) else {
        return Vec::new();
    };
    let named = |object| members(object, ["model"]).and_then(|[model]| model);
    put(own);
    put(counted.and_then(named));
    each_element(requests.unwrap_or_default(), |request| put(named(request)));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;
    use bytes::Bytes;

    fn named(body: &'static str, model: &str) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let named = splice(&body, &mut name_within(&body, model));
        String::from_utf8(named.to_vec()).unwrap()
    }

    #[test]
    fn every_name_and_nothing_else_is_changed() {
        for (body, sent) in [
            (
                r#"{"requests":[{"model":"models/a","taskType":"RETRIEVAL_QUERY","content":{}} ,{"content":{},"model":"m\u0061"}]}"#,
                r#"{"requests":[{"model":"models/b","taskType":"RETRIEVAL_QUERY","content":{}} ,{"content":{},"model":"models/b"}]}"#,
            ),
            (
                r#"{ "model" : "models/a", "title": 1.0}"#,
                r#"{ "model" : "models/b", "title": 1.0}"#,
            ),
            (
                r#"{"generateContentRequest":{"contents":[],"model":"models/a"}}"#,
                r#"{"generateContentRequest":{"contents":[],"model":"models/b"}}"#,
            ),
        ] {
            assert_eq!(named(body, "b"), sent);
            assert_eq!(named(body, "models/b"), sent);
        }
        for body in [
            r#"{"requests":[{"model":"models/b"}],"model":7}"#,
            r#"{"requests":{"model":"a"}}"#,
            r#"{"requests":[1,null]}"#,
            "[]",
            "{",
        ] {
            assert_eq!(named(body, "b"), body);
        }
    }
}
