//! Amounts of money as people, vendors and statements write them. Never a float: what cannot be said exactly is refused.

pub use purser_config::price::Money;

use std::fmt::Write;

/// Currencies that have no smaller unit at Stripe.
const WHOLE: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
];
/// Currencies whose smaller unit is a thousandth.
const THOUSANDTHS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// What so many of a currency's smallest units are, as Stripe counts them; `None`: it is no currency, or more than can be.
pub fn of_minor_units(count: u64, currency: &str) -> Option<Money> {
    let currency = currency.to_ascii_uppercase();
    let code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let unit = match currency.as_str() {
        code if WHOLE.contains(&code) => 1_000_000,
        code if THOUSANDTHS.contains(&code) => 1_000,
        _ => 10_000,
    };
    let micros = count.checked_mul(unit).filter(|_| code)?;
    Some(Money { micros, currency })
}

/// Millionths as a decimal number with all six places.
pub fn decimal(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let size = micros.unsigned_abs();
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_units_of_a_currency_are_its_own() {
        let micros = |count, currency| of_minor_units(count, currency).map(|money| money.micros);
        assert_eq!(micros(999, "eur"), Some(9_990_000));
        assert_eq!(micros(999, "jpy"), Some(999_000_000));
        assert_eq!(micros(999, "kwd"), Some(999_000));
        assert_eq!(micros(999, "euro"), None);
        assert_eq!(micros(u64::MAX, "eur"), None);
    }

    #[test]
    fn millionths_are_written_with_all_their_places() {
        assert_eq!(decimal(-1), "-0.000001");
        assert_eq!(decimal(12_345_678), "12.345678");
        assert_eq!(decimal(i128::from(u64::MAX)), "18446744073709.551615");
    }
}
