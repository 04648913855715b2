//! A schema and a value in words, for `expected …, found …`. Pure. It must never show what may be a secret.

use serde_json::Value;

/// Fields in which somebody may have written a secret by mistake.
const SENSITIVE: [&str; 4] = ["credentials", "headers", "keyHash", "secretName"];
const LONGEST_SHOWN: usize = 40;

/// What the schema asks for.
pub(crate) fn described(schema: &Value) -> String {
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let words = |text: &str| text.to_owned();
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => text(schema),
        Some("integer") => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("an integer from {least} to {most}"),
            (Some(least), None) => format!("an integer ≥ {least}"),
            (None, Some(most)) => format!("an integer ≤ {most}"),
            (None, None) => words("an integer"),
        },
        Some("number") => words("a number"),
        Some("boolean") => words("true or false"),
        Some("array") => words("a list"),
        Some("object") => words("a map of fields"),
        _ => words("a value"),
    }
}

fn text(schema: &Value) -> String {
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        let listed: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", listed.join(", "));
    }
    if schema.get("format").and_then(Value::as_str) == Some("date-time") {
        return "a time such as \"2036-01-01T00:00:00Z\"".to_owned();
    }
    let letters = |name: &str| schema.get(name).and_then(Value::as_u64);
    let length = match (
        letters("minLength").filter(|least| *least > 0),
        letters("maxLength"),
    ) {
        (Some(least), Some(most)) => format!(" of {least} to {most} characters"),
        (None, Some(most)) => format!(" of at most {most} characters"),
        (Some(least), None) => format!(" of at least {least} characters"),
        (None, None) => String::new(),
    };
    let like = match schema.get("description").and_then(Value::as_str) {
        _ if schema.get("pattern").is_none() => String::new(),
        Some(description) => format!(" ({})", description.trim_end_matches('.')),
        None => schema
            .get("pattern")
            .and_then(Value::as_str)
            .map(|pattern| format!(" like {pattern}"))
            .unwrap_or_default(),
    };
    format!("text{length}{like}")
}

/// What is there instead.
pub(crate) fn found(value: &Value, path: &str) -> String {
    let sensitive = SENSITIVE.iter().any(|field| path.contains(field));
    match value {
        Value::Null => "nothing".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map of fields".into(),
        Value::String(text) if sensitive => format!(
            "other text of {} characters (not shown)",
            text.chars().count()
        ),
        _ if sensitive => "another value (not shown)".into(),
        Value::String(text) if text.chars().count() > LONGEST_SHOWN => {
            format!(
                "{:?}… of {} characters",
                text.chars().take(LONGEST_SHOWN).collect::<String>(),
                text.chars().count()
            )
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// The known name that was probably meant.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let distances = known
        .iter()
        .map(|known| (distance(&lower, &known.to_lowercase()), *known));
    let (distance, nearest) = distances.min()?;
    (distance <= (name.len() / 3).clamp(1, 3)).then_some(nearest)
}

/// How many letters must be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (to, with) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != *with);
            before = row[to + 1];
            row[to + 1] = replaced.min(before + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}
