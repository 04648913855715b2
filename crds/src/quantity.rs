//! Spans of time and decimal amounts as people write them, kept as text with a pattern and parsed with integers only.
//! Used by all three kinds; read as numbers by `purser-compile` and the ledger. Never a float.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A span of time as text: hours, minutes, seconds and milliseconds in that order (`1h30m`, `240h`, `3s`, `500ms`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(String);

/// Text that is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a span of time: write hours, minutes, seconds and milliseconds in that order, such as 3s, 500ms, 240h or 1h30m"
)]
pub struct InvalidSpan(String);

// Six digits of hours stay below what Go's and CEL's 64-bit nanoseconds hold.
const SPAN_PATTERN: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,9}ms)?$";
const SPAN_UNITS: [(&str, usize, u64); 4] = [
    ("h", 6, 3_600_000),
    ("m", 6, 60_000),
    ("s", 6, 1_000),
    ("ms", 9, 1),
];

impl Span {
    /// Takes text as it stands; `milliseconds` judges it.
    pub fn new(text: impl Into<String>) -> Self {
        Span(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length in milliseconds, exactly.
    pub fn milliseconds(&self) -> Result<u64, InvalidSpan> {
        let invalid = || InvalidSpan(self.0.clone());
        let (mut rest, mut total, mut first_unit) = (self.0.as_str(), 0_u64, 0);
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let at = SPAN_UNITS[first_unit..]
                .iter()
                .position(|(name, ..)| *name == unit)
                .ok_or_else(invalid)?
                + first_unit;
            let (_, most_digits, worth) = SPAN_UNITS[at];
            if number.is_empty() || number.len() > most_digits {
                return Err(invalid());
            }
            total += number.parse::<u64>().map_err(|_| invalid())? * worth;
            (rest, first_unit) = (after, at + 1);
        }
        Ok(total)
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": SPAN_PATTERN, "minLength": 2, "maxLength": 32})
    }
}

/// A decimal number that is not negative, as text, with at most 12 digits before the point and 6 after (`500`, `"1.25"`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(String);

/// Text that is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an amount: write a decimal number such as \"500\" or \"1.25\", in quotes, with at most 12 digits before the point and 6 after"
)]
pub struct InvalidAmount(String);

const AMOUNT_PATTERN: &str = "^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$";
const MICROS: u64 = 1_000_000;

impl Amount {
    /// Takes text as it stands; `micros` judges it.
    pub fn new(text: impl Into<String>) -> Self {
        Amount(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its millionths, exactly.
    pub fn micros(&self) -> Result<u64, InvalidAmount> {
        let invalid = || InvalidAmount(self.0.clone());
        let (whole, fraction) = match self.0.split_once('.') {
            Some((_, "")) => return Err(invalid()),
            Some(parts) => parts,
            None => (self.0.as_str(), ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let padded_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty()
            || whole.len() > 12
            || fraction.len() > 6
            || padded_zero
            || !digits(whole)
            || !digits(fraction)
        {
            return Err(invalid());
        }
        let whole: u64 = whole.parse().map_err(|_| invalid())?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| invalid())?;
        Ok(whole * MICROS + fraction)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": AMOUNT_PATTERN, "minLength": 1, "maxLength": 19})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spans_exactly() {
        for (text, expected) in [
            ("3s", 3_000),
            ("500ms", 500),
            ("240h", 864_000_000),
            ("720h", 2_592_000_000),
            ("1h30m", 5_400_000),
            ("1m1ms", 60_001),
            ("0s", 0),
        ] {
            assert_eq!(Span::new(text).milliseconds(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_other_spans_and_says_what_was_expected() {
        for text in [
            "", "3", "s", "3 s", "30m1h", "1h1h", "1.5h", "-3s", "1d", "1234567h", "3S", "३s",
        ] {
            let error = Span::new(text).milliseconds().unwrap_err().to_string();
            assert!(error.contains("1h30m"), "{text}: {error}");
        }
    }

    #[test]
    fn reads_amounts_exactly() {
        for (text, expected) in [
            ("0", 0),
            ("500", 500_000_000),
            ("1.25", 1_250_000),
            ("0.000001", 1),
            ("999999999999.999999", 999_999_999_999_999_999),
        ] {
            assert_eq!(Amount::new(text).micros(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_other_amounts_and_says_what_was_expected() {
        for text in [
            "",
            ".5",
            "5.",
            "1.0000001",
            "-1",
            "+1",
            "1e3",
            "01",
            "1,5",
            "1000000000000",
            "NaN",
            "1.2.3",
        ] {
            let error = Amount::new(text).micros().unwrap_err().to_string();
            assert!(error.contains("decimal number"), "{text}: {error}");
        }
    }
}
