//! Changes to the text of manifests: the one object is written anew, every other byte of the file stays, its comments outside the object
//! too. Pure; called by `house`. It must never touch a text of which it does not know where the object begins and ends.

use crate::manifests::fault::ObjectName;
use crate::manifests::{name_of, yaml};
use serde_json::{Map, Value};
use std::ops::Range;

/// An object in a text.
#[derive(Debug, PartialEq)]
pub(super) struct Spot {
    /// Its own lines, without comments before and after.
    lines: Range<usize>,
    /// The whole document, and the `---` before it.
    document: Range<usize>,
    /// What it says.
    pub(super) value: Value,
}

/// Where the object is in this text; none: nowhere.
///
/// # Errors
/// Why it cannot be edited here though it is here.
pub(super) fn find(text: &str, object: &ObjectName) -> Result<Option<Spot>, String> {
    let is = |value: &Value| {
        let kind = value["kind"].as_str().unwrap_or_default();
        name_of(value, kind) == *object
    };
    for (document, content) in documents(text) {
        let inner = &text[content.clone()];
        let Ok(mut read) = yaml::documents(inner) else {
            continue;
        };
        let Some(value) = read.pop().map(|document| document.value) else {
            continue;
        };
        if is(&value) && read.is_empty() {
            return Ok(Some(Spot {
                lines: own_lines(text, content),
                document,
                value,
            }));
        }
        let items = value["items"].as_array().into_iter().flatten();
        if items.into_iter().any(is) {
            return Err("it is in a list, whose items are not edited one by one".to_owned());
        }
    }
    Ok(None)
}

/// The text with another object in its place.
pub(super) fn replaced(text: &str, spot: &Spot, object: &str) -> String {
    let (before, after) = (&text[..spot.lines.start], &text[spot.lines.end..]);
    format!("{before}{object}{after}")
}

/// The text without the object.
pub(super) fn removed(text: &str, spot: &Spot) -> String {
    let (before, after) = (&text[..spot.document.start], &text[spot.document.end..]);
    format!("{before}{after}")
}

/// The text with one more object at its end.
pub(super) fn appended(text: &str, object: &str) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let marker = if text.trim().is_empty() { "" } else { "---\n" };
    format!("{text}{gap}{marker}{object}")
}

/// An object as YAML that is read as what it says; else as JSON, which is YAML, too.
pub(super) fn written(value: &Value) -> String {
    let means = |text: &str| match yaml::documents(text).as_deref() {
        Ok([one]) => one.value == *value,
        _ => false,
    };
    let yaml = serde_yaml::to_string(value).ok();
    let yaml = yaml.map(|text| format!("{}\n", text.trim_end()));
    yaml.filter(|text| means(text))
        .unwrap_or_else(|| format!("{value:#}\n"))
}

/// Members set as RFC 7386 has it: null removes.
pub(super) fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(known) = into else { return };
    for (name, value) in members {
        if value.is_null() {
            known.remove(name);
        } else {
            merge(known.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// Each document with the marker before it, and its content. A line that begins with `---` is a marker wherever it stands.
fn documents(text: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let (mut found, mut document, mut content, mut at) = (Vec::new(), 0, 0, 0);
    for line in text.split_inclusive('\n') {
        if line.starts_with("---") && line[3..].trim().is_empty() {
            found.push((document..at, content..at));
            (document, content) = (at, at + line.len());
        }
        at += line.len();
    }
    found.push((document..at, content..at));
    found
}

/// The content without blank lines and comments around it.
fn own_lines(text: &str, content: Range<usize>) -> Range<usize> {
    let (mut start, mut end, mut at) = (None, content.start, content.start);
    for line in text[content].split_inclusive('\n') {
        let blank = line.trim().is_empty() || line.starts_with('#');
        if !blank {
            start = start.or(Some(at));
            end = at + line.len();
        }
        at += line.len();
    }
    start.unwrap_or(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "# our keys\n\n# the shop's\nkind: ApiKey\napiVersion: purser.dev/v1alpha1\nmetadata: {name: a}\nspec:\n  plan: p # why\n\
        # end of the shop\n---\n# another\nkind: ApiKey\napiVersion: purser.dev/v1alpha1\nmetadata: {name: b, namespace: x}\nspec: {plan: p}\n";

    fn key(namespace: &str, name: &str) -> ObjectName {
        ObjectName {
            kind: "ApiKey".into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    #[test]
    fn an_object_is_written_anew_and_comments_around_it_stay() {
        let mut spot = find(TEXT, &key("default", "a")).unwrap().unwrap();
        merge(&mut spot.value, &json!({"spec": {"suspended": true}}));
        let text = replaced(TEXT, &spot, &written(&spot.value));
        assert!(text.starts_with("# our keys\n\n# the shop's\n"), "{text}");
        assert!(
            text.contains("# end of the shop\n---\n# another\n"),
            "{text}"
        );
        let again = find(&text, &key("default", "a")).unwrap().unwrap();
        assert_eq!(again.value["spec"], json!({"plan": "p", "suspended": true}));
        assert!(find(&text, &key("x", "b")).unwrap().is_some());
    }

    #[test]
    fn an_object_goes_and_the_others_stay() {
        let spot = find(TEXT, &key("x", "b")).unwrap().unwrap();
        let text = removed(TEXT, &spot);
        assert!(text.ends_with("# end of the shop\n"), "{text}");
        assert_eq!(find(&text, &key("x", "b")).unwrap(), None);
    }

    #[test]
    fn what_is_written_means_what_was_meant() {
        let value = json!({"a": "on", "b": "1e3", "c": "0o7", "d": "yes", "e": [], "f": {}, "g": "a: b # c", "h": "x\ny\n"});
        let read = yaml::documents(&written(&value)).unwrap();
        assert_eq!(read[0].value, value);
        assert!(appended("a: 1", "b: 2\n") == "a: 1\n---\nb: 2\n");
    }

    #[test]
    fn an_item_of_a_list_is_not_edited() {
        let text = "{\"kind\": \"List\", \"items\": [{\"kind\": \"ApiKey\", \"metadata\": {\"name\": \"a\"}}]}";
        assert!(find(text, &key("default", "a")).is_err());
    }
}
