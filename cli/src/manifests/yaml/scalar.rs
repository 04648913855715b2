//! What an unquoted word means: null, truth, number or text, by the rules of YAML 1.1 as kubectl applies them. Pure.

use serde_json::Value;

/// The value of a scalar; `None` for a tag that is not known, and for a number that JSON does not have.
pub(crate) fn read(text: &str, plain: bool, tag: Option<&str>) -> Option<Value> {
    match tag {
        Some("str" | "!") => Some(Value::String(text.to_owned())),
        Some("null" | "bool" | "int" | "float") => Some(plain_word(text)),
        Some(_) => None,
        None if plain && is_infinite(text) => None,
        None if plain => Some(plain_word(text)),
        None => Some(Value::String(text.to_owned())),
    }
}

fn plain_word(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn is_infinite(text: &str) -> bool {
    let size = text.trim_start_matches(['+', '-']);
    matches!(size, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
}

fn number(text: &str) -> Option<Value> {
    let first = text.bytes().find(|byte| !matches!(byte, b'+' | b'-'))?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

fn integer(text: &str) -> Option<Value> {
    let (negative, size) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = size.to_ascii_lowercase();
    let (digits, base) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    let all_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    let size = all_digits
        .then(|| u64::from_str_radix(digits, base).ok())
        .flatten()?;
    if negative {
        return 0i64.checked_sub_unsigned(size).map(Value::from);
    }
    Some(Value::from(size))
}

/// Digits, one dot, an exponent: nothing else that Rust would take (`inf`, `nan`).
fn float(text: &str) -> Option<Value> {
    let plausible = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = plausible.then(|| text.parse().ok()).flatten()?;
    serde_json::Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unquoted_words_mean_what_kubectl_takes_them_for() {
        let cases = [
            ("null", json!(null)),
            ("on", json!(true)),
            ("No", json!(false)),
            ("15", json!(15)),
            ("-3", json!(-3)),
            ("0x10", json!(16)),
            ("010", json!(8)),
            ("1_000", json!(1000)),
            ("2.5", json!(2.5)),
            ("1e3", json!(1000.0)),
            ("08", json!(8.0)),
            ("1.2.3", json!("1.2.3")),
            ("3s", json!("3s")),
            ("2026-11-22", json!("2026-11-22")),
            ("12:30", json!("12:30")),
            ("-", json!("-")),
            ("gpt-4o", json!("gpt-4o")),
            ("18446744073709551616", json!(18446744073709551616.0)),
        ];
        for (text, value) in cases {
            assert_eq!(read(text, true, None), Some(value), "{text}");
        }
    }

    #[test]
    fn quotes_and_the_text_tag_make_text() {
        assert_eq!(read("15", false, None), Some(json!("15")));
        assert_eq!(read("15", true, Some("str")), Some(json!("15")));
        assert_eq!(read("x", true, Some("binary")), None);
        assert_eq!(read("-.inf", true, None), None);
    }
}
